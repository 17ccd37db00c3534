/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/runner.h"
#include "support/fail_alloc.h"

static const char *const print_environment[] = {"env", NULL};
static const char *listed_items[] = {"A6_LISTED", "A6_GIVEN=here", "A6_UNSET"};
static const struct text_list listed = {listed_items, 3};

static struct runner runner_with(bool whole_environment)
{
    return (struct runner){
        .arguments = print_environment,
        .socket = "/run/a.sock",
        .variables = &listed,
        .whole_environment = whole_environment,
    };
}

/* What the runner, which is env, prints: its environment, a variable a line. */
static void environment_of(struct runner *runner, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got;

    assert_int_equal(runner_start(runner), 0);
    do {
        struct pollfd output = {.fd = runner->output, .events = POLLIN};

        assert_int_equal(poll(&output, 1, 60000), 1);
        got = read(runner->output, text + len, size - 1 - len);
        assert_true(got >= 0);
        len += (size_t)got;
    } while (got > 0);
    text[len] = '\0';
    runner_stop(runner);
}

static void gives_the_listed_variables(void **state)
{
    struct runner runner = runner_with(false);
    char text[1024];

    (void)state;
    setenv("PATH", "/usr/bin:/bin", 1);
    environment_of(&runner, text, sizeof(text));
    assert_string_equal(text, "A6_LISTED=listed\nA6_GIVEN=here\nPATH=/usr/bin:/bin\n"
                              "APISIX_LISTEN_ADDRESS=unix:/run/a.sock\n"
                              "APISIX_CONF_EXPIRE_TIME=3600\n");
}

static void gives_a_path_where_there_is_none(void **state)
{
    struct runner runner = runner_with(false);
    char text[1024];

    (void)state;
    unsetenv("PATH");
    environment_of(&runner, text, sizeof(text));
    setenv("PATH", "/usr/bin:/bin", 1);
    assert_non_null(strstr(text, "\nPATH=/usr/local/sbin:"));
}

static void gives_the_whole_environment(void **state)
{
    struct runner runner = runner_with(true);
    char text[65536];

    (void)state;
    environment_of(&runner, text, sizeof(text));
    assert_non_null(strstr(text, "A6_OTHER=other\n"));
    assert_non_null(strstr(text, "APISIX_LISTEN_ADDRESS=unix:/run/a.sock\n"));
    assert_null(strstr(text, "unix:/other.sock"));
}

static void does_not_start_with_half_an_environment(void **state)
{
    struct runner runner = runner_with(true);

    (void)state;
    fail_alloc_after(0);
    assert_int_equal(runner_start(&runner), -ENOMEM);
    fail_alloc_off();
    /* The list is all that is allocated. */
    assert_int_equal(fail_alloc_count(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_listed_variables),
        cmocka_unit_test(gives_a_path_where_there_is_none),
        cmocka_unit_test(gives_the_whole_environment),
        cmocka_unit_test(does_not_start_with_half_an_environment),
    };

    setenv("A6_LISTED", "listed", 1);
    setenv("A6_OTHER", "other", 1);
    setenv("APISIX_LISTEN_ADDRESS", "unix:/other.sock", 1);
    unsetenv("A6_UNSET");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
