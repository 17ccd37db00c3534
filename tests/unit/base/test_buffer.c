/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/buffer.h"
#include "support/fail_alloc.h"

static void test_it_grows_and_keeps_its_bytes(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 100000);
    assert_null(buffer.data);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(buffer_append(&buffer, &(uint8_t){(uint8_t)i}, 1), 0);
    assert_int_equal(buffer.len, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)i);
    buffer_free(&buffer);
    assert_int_equal(buffer.len, 0);
    assert_int_equal(buffer_append(&buffer, "again", 5), 0);
    assert_memory_equal(buffer.data, "again", 5);
    buffer_free(&buffer);
}

static void test_growing_is_rare(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1 << 20);
    fail_alloc_after(1000);
    for (unsigned i = 0; i < 1 << 20; i++)
        assert_int_equal(buffer_append(&buffer, "x", 1), 0);
    fail_alloc_off();
    assert_true(fail_alloc_count() < 20);
    buffer_free(&buffer);
}

static void test_the_maximum_holds(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1000);
    assert_int_equal(buffer_append(&buffer, "0123456789", 10), 0);
    assert_int_equal(buffer_reserve(&buffer, 990), 0);
    assert_true(buffer.capacity <= 1000);
    assert_int_equal(buffer_reserve(&buffer, 991), -EMSGSIZE);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -EMSGSIZE);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX - 9), -EMSGSIZE);
    assert_int_equal(buffer.len, 10);
    assert_memory_equal(buffer.data, "0123456789", 10);
    assert_int_equal(buffer_printf(&buffer, "%0990d", 7), 0);
    assert_int_equal(buffer.len, 1000);
    assert_int_equal(buffer.data[999], '7');
    assert_int_equal(buffer_printf(&buffer, "x"), -EMSGSIZE);
    assert_int_equal(buffer_printf(&buffer, "%s", ""), 0);
    assert_int_equal(buffer.len, 1000);
    buffer_free(&buffer);
}

static void test_no_maximum_at_all_does_not_overflow(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, SIZE_MAX);
    assert_int_equal(buffer_append(&buffer, "x", 1), 0);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -EMSGSIZE);
    /* Not really asked for: sanitizers stop at such sizes. */
    fail_alloc_after(0);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX / 4 - 1), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(buffer.data[0], 'x');
    buffer_free(&buffer);
}

static void test_a_buffer_of_nothing(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 0);
    assert_int_equal(buffer_reserve(&buffer, 0), 0);
    assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(buffer_printf(&buffer, "%s", ""), 0);
    assert_int_equal(buffer_append(&buffer, "x", 1), -EMSGSIZE);
    assert_int_equal(buffer_printf(&buffer, "x"), -EMSGSIZE);
    buffer_free(&buffer);
}

static void test_formatting(void **state)
{
    struct buffer buffer;
    char expected[4000] = "";

    (void)state;
    buffer_init(&buffer, 4000);
    for (unsigned i = 0; i < 300; i++) {
        char piece[32];

        assert_int_equal(buffer_printf(&buffer, "<%u:%s>", i, "abc"), 0);
        snprintf(piece, sizeof(piece), "<%u:%s>", i, "abc");
        strcat(expected, piece);
    }
    assert_int_equal(buffer.len, strlen(expected));
    assert_memory_equal(buffer.data, expected, buffer.len);
    buffer_free(&buffer);
}

static void test_no_memory_leaves_it_as_it_was(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1 << 20);
    fail_alloc_after(0);
    assert_int_equal(buffer_append(&buffer, "x", 1), -ENOMEM);
    fail_alloc_after(0);
    assert_int_equal(buffer_printf(&buffer, "x"), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    fail_alloc_after(0);
    assert_int_equal(buffer_reserve(&buffer, 1000), -ENOMEM);
    fail_alloc_after(0);
    assert_int_equal(buffer_printf(&buffer, "%0500d", 1), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(buffer.len, 3);
    assert_memory_equal(buffer.data, "abc", 3);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_grows_and_keeps_its_bytes),
        cmocka_unit_test(test_growing_is_rare),
        cmocka_unit_test(test_the_maximum_holds),
        cmocka_unit_test(test_no_maximum_at_all_does_not_overflow),
        cmocka_unit_test(test_a_buffer_of_nothing),
        cmocka_unit_test(test_formatting),
        cmocka_unit_test(test_no_memory_leaves_it_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
