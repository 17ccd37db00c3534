/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <a6/version.h>

#include "cli/commands.h"

static char output[16384];

/* Runs c-runner with up to three arguments; what it prints, on either stream, is in
 * output. Gives the exit status. */
static int run(const char *first, const char *second, const char *third)
{
    char copies[4][64];
    char *argv[5] = {NULL};
    const char *given[4] = {"c-runner", first, second, third};
    FILE *file = tmpfile();
    int saved[2] = {dup(1), dup(2)};
    int status;
    int argc;
    size_t len;

    assert_non_null(file);
    for (argc = 0; argc < 4 && given[argc]; argc++) {
        snprintf(copies[argc], sizeof(copies[argc]), "%s", given[argc]);
        argv[argc] = copies[argc];
    }
    fflush(stdout);
    dup2(fileno(file), 1);
    dup2(fileno(file), 2);
    status = commands_main(argc, argv);
    fflush(stdout);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    rewind(file);
    len = fread(output, 1, sizeof(output) - 1, file);
    output[len] = '\0';
    fclose(file);
    return status;
}

static void assert_says(const char *text)
{
    if (!strstr(output, text))
        fail_msg("\"%s\" is not in: %s", text, output);
}

static void without_a_command_it_says_which_there_are(void **state)
{
    (void)state;
    assert_int_equal(run(NULL, NULL, NULL), 2);
    assert_says("usage: c-runner COMMAND");
    assert_int_equal(run("help", NULL, NULL), 0);
    for (size_t i = 0; commands_at(i); i++)
        assert_says(commands_at(i)->summary);
    assert_int_equal(run("--help", NULL, NULL), 0);
    assert_says("usage: c-runner COMMAND");
    assert_int_equal(run("-h", NULL, NULL), 0);
}

static void an_unknown_command_has_a_nearest_one(void **state)
{
    (void)state;
    assert_int_equal(run("rnu", NULL, NULL), 2);
    assert_string_equal(output, "c-runner: there is no command 'rnu'; did you mean 'run'?\n");
    assert_int_equal(run("helpp", "run", NULL), 2);
    assert_says("did you mean 'help'?");
    assert_int_equal(run("frobnicate", NULL, NULL), 2);
    assert_says("`c-runner help` lists them");
    assert_int_equal(run("help", "versoin", NULL), 2);
    assert_says("did you mean 'version'?");
}

/* Each answers --help with its usage and nothing else, and `help NAME` is the same. `dev`
 * would put another program in place of this one: the completions' test asks that. */
static void every_command_says_how_it_is_used(void **state)
{
    char first[sizeof(output)];
    char usage[64];

    (void)state;
    for (size_t i = 0; commands_at(i); i++) {
        const char *name = commands_at(i)->name;

        if (strcmp(name, "dev") == 0)
            continue;
        snprintf(usage, sizeof(usage), "usage: c-runner %s", name);
        assert_int_equal(run(name, "--help", NULL), 0);
        assert_int_equal(strncmp(output, usage, strlen(usage)), 0);
        strcpy(first, output);
        assert_int_equal(run("help", name, NULL), 0);
        assert_string_equal(output, first);
    }
}

static void version_says_which(void **state)
{
    (void)state;
    assert_int_equal(run("version", NULL, NULL), 0);
    assert_string_equal(output, "c-runner " A6_VERSION "\n");
    assert_int_equal(run("--version", NULL, NULL), 0);
    assert_string_equal(output, "c-runner " A6_VERSION "\n");
    assert_int_equal(run("version", "--long", NULL), 0);
    assert_says("plugin ABI   ");
    assert_says("compiler     ");
    assert_says("plugins      /");
    assert_int_equal(run("version", "--lnog", NULL), 2);
    assert_says("there is no option '--lnog'");
}

static void run_refuses_before_it_begins(void **state)
{
    (void)state;
    clearenv();
    assert_int_equal(run("run", NULL, NULL), 1);
    assert_says("APISIX_LISTEN_ADDRESS is not set");
    assert_int_equal(run("run", "--workres", "2"), 1);
    assert_says("did you mean --workers?");
    assert_int_equal(run("run", "--listen-address", "/tmp/a.sock"), 1);
    assert_says("unix:/path");
    setenv("APISIX_LISTEN_ADDRESS", "unix:/tmp/nobody-listens-here.sock", 1);
    setenv("APISIX_CONF_EXPIRE_TIME", "soon", 1);
    assert_int_equal(run("run", NULL, NULL), 1);
    assert_says("APISIX_CONF_EXPIRE_TIME: conf-expire-time: 'soon' is not a time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_command_it_says_which_there_are),
        cmocka_unit_test(an_unknown_command_has_a_nearest_one),
        cmocka_unit_test(every_command_says_how_it_is_used),
        cmocka_unit_test(version_says_which),
        cmocka_unit_test(run_refuses_before_it_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
