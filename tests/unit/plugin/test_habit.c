/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/habit.h"

static struct wire_str name_of(const char *text)
{
    return (struct wire_str){text, (uint32_t)strlen(text)};
}

static void note(struct habits *habits, const char *text, unsigned times)
{
    while (times--)
        habit_note(habits, name_of(text));
}

static void what_is_asked_often_is_a_habit(void **state)
{
    struct habits habits = {0};
    unsigned index = 0;

    (void)state;
    note(&habits, "remote_addr", 2);
    assert_null(habit_next(&habits, &index));
    note(&habits, "remote_addr", 20);
    index = 0;
    struct habit *habit = habit_next(&habits, &index);
    assert_non_null(habit);
    assert_int_equal(habit_name(habit).len, 11);
    assert_memory_equal(habit_name(habit).data, "remote_addr", 11);
    assert_null(habit_next(&habits, &index));
}

static void a_habit_that_is_not_used_is_dropped_and_can_come_back(void **state)
{
    struct habits habits = {0};
    unsigned index = 0;

    (void)state;
    note(&habits, "uri", 24);
    struct habit *habit = habit_next(&habits, &index);
    assert_non_null(habit);
    for (unsigned i = 0; i < 8; i++)
        habit_judge(habit, false);
    index = 0;
    assert_null(habit_next(&habits, &index));
    note(&habits, "uri", 24);
    index = 0;
    assert_ptr_equal(habit_next(&habits, &index), habit);
}

static void one_miss_in_ten_does_not_drop_it(void **state)
{
    struct habits habits = {0};
    unsigned index = 0;

    (void)state;
    note(&habits, "uri", 24);
    struct habit *habit = habit_next(&habits, &index);
    for (unsigned i = 0; i < 1000; i++) {
        habit_judge(habit, i % 10 != 0);
        index = 0;
        assert_ptr_equal(habit_next(&habits, &index), habit);
    }
}

static void there_are_only_so_many(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct habits habits = {0};
    unsigned index = 0;
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        note(&habits, names[i], 24);
    while (habit_next(&habits, &index))
        count++;
    assert_int_equal(count, HABITS_MAX);
}

static void a_name_that_is_too_long_is_no_habit(void **state)
{
    char name[HABIT_NAME_MAX + 1];
    struct habits habits = {0};
    unsigned index = 0;

    (void)state;
    memset(name, 'x', sizeof(name));
    for (unsigned i = 0; i < 24; i++)
        habit_note(&habits, (struct wire_str){name, sizeof(name)});
    assert_null(habit_next(&habits, &index));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_often_is_a_habit),
        cmocka_unit_test(a_habit_that_is_not_used_is_dropped_and_can_come_back),
        cmocka_unit_test(one_miss_in_ten_does_not_drop_it),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(a_name_that_is_too_long_is_no_habit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
