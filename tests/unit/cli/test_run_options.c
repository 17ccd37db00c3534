/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/run_options.h"

static a6_runner_config config;
static char error[RUN_OPTIONS_ERROR_MAX];
static char file[] = "/tmp/test-run-options-XXXXXX";

static int begin(void **state)
{
    int fd;

    (void)state;
    clearenv();
    strcpy(file + strlen(file) - 6, "XXXXXX");
    fd = mkstemp(file);
    if (fd < 0)
        return -1;
    return close(fd);
}

static int end(void **state)
{
    (void)state;
    a6_runner_config_free(&config);
    return unlink(file);
}

static void write_file(const char *text)
{
    FILE *stream = fopen(file, "w");

    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

/* Loads with the arguments, which end with NULL. */
static int load(const char *first, ...)
{
    static char run[] = "run";
    static char copies[16][64];
    char *argv[17] = {run};
    int argc = 1;
    va_list args;

    va_start(args, first);
    for (const char *next = first; next; next = va_arg(args, const char *)) {
        snprintf(copies[argc], sizeof(copies[argc]), "%s", next);
        argv[argc] = copies[argc];
        argc++;
    }
    va_end(args);
    error[0] = '\0';
    a6_runner_config_free(&config);
    return run_options_load(&config, argc, argv, error, sizeof(error));
}

static void reads_flags_in_every_form(void **state)
{
    (void)state;
    assert_int_equal(load("-m", "prod", "--workers=3", "--threads", "2", "--takeover", NULL), 0);
    assert_int_equal(config.mode, A6_MODE_PROD);
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.threads, 2);
    assert_int_equal(config.takeover, 1);
    assert_int_equal(load("-mprof", "--takeover=no", NULL), 0);
    assert_int_equal(config.mode, A6_MODE_PROF);
    assert_int_equal(config.takeover, 0);
    assert_int_equal(load("--plugin", "a.so", "--plugin=b.so", NULL), 0);
    assert_string_equal(config.plugin_files, "a.so:b.so");
    assert_int_equal(load("--workers=3", "--workers=4", NULL), 0);
    assert_int_equal(config.workers, 4);
}

static void assert_refused(int result, const char *text)
{
    assert_int_equal(result, -EINVAL);
    assert_string_equal(error, text);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    assert_refused(load("--worker", "3", NULL),
                   "there is no option --worker; did you mean --workers?");
    assert_refused(load("--colour=red", NULL),
                   "there is no option --colour=red; `c-runner help run` lists them");
    assert_refused(load("-x", NULL), "there is no option -x; `c-runner help run` lists them");
    assert_refused(load("-plugin", "x.so", NULL),
                   "there is no option -plugin; did you mean --plugin?");
    assert_refused(load("--m", "prod", NULL), "there is no option --m; did you mean --mode?");
    assert_refused(load("--", NULL), "there is no option --; `c-runner help run` lists them");
    assert_refused(load("-", NULL), "'-' is no option; `c-runner help run` lists them");
    assert_refused(load("say.so", NULL), "'say.so' is no option; `c-runner help run` lists them");
    assert_refused(load("--workers", NULL), "--workers needs a value: N");
    assert_refused(load("-m", NULL), "-m needs a value: MODE");
    assert_refused(load("-m", "prd", NULL),
                   "--mode: 'prd' is none of dev, prod, prof; did you mean 'prod'?");
    assert_refused(load("--workers=", NULL), "--workers: '' is not a number");
}

static void a_stronger_source_wins(void **state)
{
    (void)state;
    write_file("workers: 2\nthreads: 2\npool-threads: 2\nplugin-dir: [/file, /file2]\n"
               "plugin: /file.so\n");
    setenv("A6_RUNNER_THREADS", "3", 1);
    setenv("A6_RUNNER_POOL_THREADS", "3", 1);
    setenv("A6_RUNNER_PLUGIN_DIR", "/environment", 1);
    assert_int_equal(load("--config", file, "--pool-threads", "4", NULL), 0);
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.threads, 3);
    assert_int_equal(config.pool_threads, 4);
    assert_string_equal(config.plugin_dirs, "/environment");
    assert_string_equal(config.plugin_files, "/file.so");
    assert_int_equal(
        load("--plugin-dir", "/flag", "--config", file, "--plugin-dir", "/flag2", NULL), 0);
    assert_string_equal(config.plugin_dirs, "/flag:/flag2");
    assert_int_equal(config.deadline_ms, 56000);
}

static void the_environment_names_the_file(void **state)
{
    (void)state;
    write_file("workers: 2\n");
    setenv("A6_RUNNER_CONFIG", file, 1);
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.workers, 2);
    setenv("A6_RUNNER_CONFIG", "/nowhere", 1);
    assert_int_equal(load(NULL), -ENOENT);
    assert_int_equal(load("--config", file, NULL), 0);
    setenv("A6_RUNNER_CONFIG", "", 1);
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.workers, 1);
}

static void the_files_error_names_the_line(void **state)
{
    char expected[128];

    (void)state;
    write_file("workers: 2\nworker: 2\n");
    assert_int_equal(load("--config", file, NULL), -EINVAL);
    snprintf(expected, sizeof(expected),
             "%s:2: there is no option 'worker'; did you mean 'workers'?", file);
    assert_string_equal(error, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_flags_in_every_form, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_it_does_not_know, begin, end),
        cmocka_unit_test_setup_teardown(a_stronger_source_wins, begin, end),
        cmocka_unit_test_setup_teardown(the_environment_names_the_file, begin, end),
        cmocka_unit_test_setup_teardown(the_files_error_names_the_line, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
