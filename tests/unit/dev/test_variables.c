/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/variables.h"
#include "support/fail_alloc.h"

static struct error error;

static int replace(const char *text, char *result, size_t size)
{
    struct buffer to;
    int status;

    buffer_init(&to, size - 1);
    status = variables_replace(&to, text, strlen(text), &error);
    if (to.len > 0)
        memcpy(result, to.data, to.len);
    result[to.len] = '\0';
    buffer_free(&to);
    return status;
}

static void puts_values_in(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"no $such {{thing}} ${A6_SET} }}", "no $such {{thing}} ${A6_SET} }}"},
        {"${{A6_SET}}", "value"},
        {"a ${{ A6_SET }}b${{A6_SET}}", "a valuebvalue"},
        {"${{A6_SET:=other}}", "value"},
        {"${{A6_UNSET:=other}}", "other"},
        {"${{A6_UNSET:= http://x:1/ }}.", "http://x:1/."},
        {"${{A6_UNSET:=}}", ""},
        {"${{A6_EMPTY:=other}}", ""},
        {"open ${{A6_SET", "open ${{A6_SET"},
    };
    char result[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(replace(cases[i][0], result, sizeof(result)), 0);
        assert_string_equal(result, cases[i][1]);
    }
}

static void says_what_is_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"${{A6_UNSET}}", "variable A6_UNSET is not set"},
        {"${{}}", "must have the name"},
        {"${{:=x}}", "must have the name"},
        {"${{A6-SET}}", "must have the name"},
        {"${{A6_SET :=x}}", "must have the name"},
    };
    char result[64], name[300];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(replace(cases[i][0], result, sizeof(result)) < 0);
        if (!strstr(error.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], error.text);
    }
    memset(name, 'A', sizeof(name));
    memcpy(name, "${{", 3);
    memcpy(name + sizeof(name) - 3, "}}", 3);
    assert_true(replace(name, result, sizeof(result)) < 0);
}

static void has_a_maximum(void **state)
{
    char result[8];

    (void)state;
    assert_true(replace("12345678", result, sizeof(result)) < 0);
    assert_true(replace("1234${{A6_SET}}", result, sizeof(result)) < 0);
    assert_int_equal(replace("12${{A6_SET}}", result, sizeof(result)), 0);
    fail_alloc_after(0);
    assert_true(replace("12${{A6_SET}}", result, sizeof(result)) < 0);
    fail_alloc_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_values_in),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(has_a_maximum),
    };

    setenv("A6_SET", "value", 1);
    setenv("A6_EMPTY", "", 1);
    unsetenv("A6_UNSET");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
