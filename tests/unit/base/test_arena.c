/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "support/fail_alloc.h"

static void test_pieces_are_aligned_and_apart(void **state)
{
    struct arena arena;
    uint8_t *pieces[200];

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&arena, i * 3);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % ARENA_ALIGNMENT, 0);
        memset(pieces[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i * 3; j++)
            assert_int_equal(pieces[i][j], i);
    }
    assert_ptr_not_equal(pieces[0], pieces[1]);
    arena_free(&arena);
}

static void test_what_fits_the_first_block_takes_no_memory_again(void **state)
{
    struct arena arena;
    void *first;

    (void)state;
    arena_init(&arena, 1 << 20);
    first = arena_alloc(&arena, 100);
    fail_alloc_after(0);
    for (unsigned i = 0; i < 100; i++) {
        arena_reset(&arena);
        assert_ptr_equal(arena_alloc(&arena, 1000), first);
        assert_non_null(arena_alloc(&arena, 2000));
    }
    fail_alloc_off();
    assert_int_equal(fail_alloc_count(), 0);
    arena_free(&arena);
}

static void test_one_large_call_is_not_kept(void **state)
{
    struct arena arena;
    size_t small;

    (void)state;
    arena_init(&arena, 1 << 20);
    assert_non_null(arena_alloc(&arena, 10));
    small = arena.taken;
    arena_free(&arena);
    /* Also when the large piece is the first one asked for. */
    assert_non_null(arena_alloc(&arena, 500000));
    assert_true(arena.taken >= 500000);
    arena_reset(&arena);
    assert_int_equal(arena.taken, small);
    assert_non_null(arena_alloc(&arena, 10));
    arena_free(&arena);
    assert_int_equal(arena.taken, 0);
}

static void test_the_maximum_holds(void **state)
{
    const size_t limits[] = {0, 1, 16, 32, 100, 4095, 4096, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct arena arena;
        size_t got = 0;

        arena_init(&arena, limits[i]);
        while (arena_alloc(&arena, 100)) {
            got += 100;
            assert_true(arena.taken <= limits[i]);
        }
        assert_true(got <= limits[i]);
        assert_true(limits[i] < 4096 || got > limits[i] / 2);
        assert_null(arena_alloc(&arena, limits[i] + 1));
        assert_null(arena_alloc(&arena, SIZE_MAX));
        assert_null(arena_alloc(&arena, SIZE_MAX - 15));
        arena_reset(&arena);
        arena_free(&arena);
    }
}

static void test_no_size_overflows(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < 64; i++)
        assert_null(arena_alloc(&arena, SIZE_MAX - i));
    assert_null(arena_copy(&arena, "x", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 10));
    arena_free(&arena);
}

static void test_a_copy_is_terminated(void **state)
{
    struct arena arena;
    char *copy;

    (void)state;
    arena_init(&arena, 1000);
    copy = arena_copy(&arena, "abc\0def", 7);
    assert_memory_equal(copy, "abc\0def", 8);
    copy = arena_copy(&arena, NULL, 0);
    assert_string_equal(copy, "");
    assert_null(arena_copy(&arena, "abc", 1000));
    arena_free(&arena);
}

static void test_no_memory_leaves_what_there_is(void **state)
{
    struct arena arena;
    char *copy;

    (void)state;
    arena_init(&arena, 1 << 20);
    fail_alloc_after(0);
    assert_null(arena_alloc(&arena, 10));
    fail_alloc_off();
    copy = arena_copy(&arena, "here", 4);
    fail_alloc_after(0);
    assert_null(arena_alloc(&arena, 100000));
    fail_alloc_off();
    assert_string_equal(copy, "here");
    assert_non_null(arena_alloc(&arena, 100000));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_what_fits_the_first_block_takes_no_memory_again),
        cmocka_unit_test(test_one_large_call_is_not_kept),
        cmocka_unit_test(test_the_maximum_holds),
        cmocka_unit_test(test_no_size_overflows),
        cmocka_unit_test(test_a_copy_is_terminated),
        cmocka_unit_test(test_no_memory_leaves_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
