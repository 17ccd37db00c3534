/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static void counts_slips(void **state)
{
    (void)state;
    assert_int_equal(nearest_slips("", ""), 0);
    assert_int_equal(nearest_slips("threads", "threads"), 0);
    assert_int_equal(nearest_slips("", "abc"), 3);
    assert_int_equal(nearest_slips("abc", ""), 3);
    assert_int_equal(nearest_slips("thread", "threads"), 1);
    assert_int_equal(nearest_slips("threads", "treads"), 1);
    assert_int_equal(nearest_slips("thraeds", "threads"), 1);
    assert_int_equal(nearest_slips("kitten", "sitting"), 3);
    assert_int_equal(nearest_slips("LOG_LEVEL", "log-level"), 0);
}

/* Counting must be the same in both directions, or the table is wrong somewhere. */
static void is_symmetric(void **state)
{
    static const char *const names[] = {"",     "a",    "ab",      "ba",     "abc",
                                        "acb",  "cab",  "workers", "worker", "wokrers",
                                        "plug", "gulp", "plugin",  "pulgni", "plugin-dir"};
    const size_t count = sizeof(names) / sizeof(names[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            assert_int_equal(nearest_slips(names[i], names[j]), nearest_slips(names[j], names[i]));
    }
}

static void long_names_are_cut(void **state)
{
    char a[300];
    char b[300];

    (void)state;
    memset(a, 'x', sizeof(a) - 1);
    memset(b, 'x', sizeof(b) - 1);
    a[299] = b[299] = '\0';
    b[200] = 'y';
    assert_int_equal(nearest_slips(a, b), 0);
    b[10] = 'y';
    assert_int_equal(nearest_slips(a, b), 1);
}

static const char *find(const char *written)
{
    static const char *const names[] = {"workers", "threads", "drain", "plugin", "log-level", "m"};
    struct nearest nearest;

    nearest_begin(&nearest, written);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        nearest_offer(&nearest, names[i]);
    return nearest_found(&nearest);
}

static void finds_what_was_meant(void **state)
{
    struct nearest nearest;

    (void)state;
    assert_string_equal(find("worker"), "workers");
    assert_string_equal(find("wrokesr"), "workers");
    assert_string_equal(find("drian"), "drain");
    assert_string_equal(find("plugins"), "plugin");
    assert_string_equal(find("m"), "m");
    assert_string_equal(find("draining"), "drain");
    assert_string_equal(find("log"), "log-level");
    assert_string_equal(find("LOG_"), "log-level");
    assert_string_equal(find("workersthreads"), "workers");
    assert_null(find("lo"));
    assert_null(find("log-file-size"));
    assert_null(find("x"));
    assert_null(find(""));
    assert_null(find("rain-drops"));
    assert_null(find("something else"));
    nearest_begin(&nearest, "alone");
    assert_null(nearest_found(&nearest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_slips),
        cmocka_unit_test(is_symmetric),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(finds_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
