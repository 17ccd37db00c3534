/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

static struct cells *cells;

static int setup(void **state)
{
    (void)state;
    return cells_create(&cells, 8);
}

static int teardown(void **state)
{
    (void)state;
    cells_close(cells);
    return 0;
}

static a6_cell *cell_open(const char *name)
{
    a6_cell *cell = NULL;

    assert_int_equal(cells_open(cells, name, strlen(name), &cell), 0);
    return cell;
}

static void counts(void **state)
{
    a6_cell *cell = cell_open("one");
    (void)state;

    for (unsigned slot = 0; slot < A6_CELL_SLOTS; slot++)
        assert_int_equal(a6_cell_get(cell, slot), 0);
    assert_int_equal(a6_cell_add(cell, 0, 5), 5);
    assert_int_equal(a6_cell_add(cell, 0, -7), -2);
    assert_int_equal(a6_cell_get(cell, 0), -2);
    assert_int_equal(a6_cell_get(cell, 1), 0);
    assert_int_equal(a6_cell_swap(cell, 0, 3, 9), 0);
    assert_int_equal(a6_cell_swap(cell, 0, -2, 9), 1);
    assert_int_equal(a6_cell_get(cell, 0), 9);
    assert_int_equal(a6_cell_add(cell, 5, INT64_MAX), INT64_MAX);
    assert_int_equal(a6_cell_add(cell, 5, 1), INT64_MIN);
    assert_int_equal(a6_cell_add(cell, A6_CELL_SLOTS, 1), 0);
    assert_int_equal(a6_cell_get(cell, A6_CELL_SLOTS), 0);
    assert_int_equal(a6_cell_swap(cell, A6_CELL_SLOTS, 0, 1), 0);
}

static void tells_names_apart(void **state)
{
    a6_cell *one = cell_open("one");
    a6_cell *two = cell_open("two");
    (void)state;

    assert_ptr_not_equal(one, two);
    assert_ptr_equal(one, cell_open("one"));
    assert_ptr_not_equal(cell_open(""), cell_open("on"));
    a6_cell_add(one, 0, 1);
    assert_int_equal(a6_cell_get(two, 0), 0);
}

static void has_room_for_so_many(void **state)
{
    a6_cell *all[8];
    a6_cell *cell;
    char name[8];
    (void)state;

    for (unsigned i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "%u", i);
        all[i] = cell_open(name);
        a6_cell_add(all[i], 0, i + 1);
    }
    assert_int_equal(cells_open(cells, "x", 1, &cell), -ENOSPC);
    assert_ptr_equal(cell_open("3"), all[3]);

    cells_release(cells, all[3]);
    assert_int_equal(cells_open(cells, "x", 1, &cell), -ENOSPC); /* opened twice */
    cells_release(cells, all[3]);
    assert_ptr_equal(cell_open("3"), all[3]); /* nobody needed the room */
    assert_int_equal(a6_cell_get(all[3], 0), 4);
    cells_release(cells, all[3]);
    cell = cell_open("x");
    assert_int_equal(a6_cell_get(cell, 0), 0);
    assert_int_equal(a6_cell_get(all[2], 0), 3);
}

static void none_is_no_room(void **state)
{
    struct cells *none;
    a6_cell *cell;
    (void)state;

    assert_int_equal(cells_create(&none, 0), 0);
    assert_int_equal(cells_open(none, "a", 1, &cell), -ENOSPC);
    cells_close(none);
    cells_close(NULL);
}

static void lets_out_at_the_rate(void **state)
{
    a6_cell *cell = cell_open("bucket");
    int64_t wait;
    (void)state;

    assert_int_equal(a6_cell_take(cell, 1, 2), 0);
    wait = a6_cell_take(cell, 1, 2);
    assert_in_range(wait, 1, 1000);
    wait = a6_cell_take(cell, 1, 2);
    assert_in_range(wait, 1001, 2000);
    assert_int_equal(a6_cell_take(cell, 1, 2), -1);
    assert_int_equal(a6_cell_take(cell, 1, 2), -1); /* which counted nothing */
    wait = a6_cell_take(cell, 1, 3);
    assert_in_range(wait, 2001, 3000);
}

static void takes_odd_rates(void **state)
{
    a6_cell *cell = cell_open("odd");
    (void)state;

    assert_int_equal(a6_cell_take(cell, 0, 10), -1);
    assert_int_equal(a6_cell_take(cell, -1, 10), -1);
    assert_int_equal(a6_cell_take(cell, 0.0 / (double)a6_cell_get(cell, 3), 10), -1);
    assert_int_equal(a6_cell_take(cell, 1e300, 0), 0);
    cell = cell_open("slow");
    assert_int_equal(a6_cell_take(cell, 1e-300, 0), 0);
    assert_int_equal(a6_cell_take(cell, 1e-300, 0), -1);
    assert_true(a6_cell_take(cell, 1e-300, 1e300) > 0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(a6_cell_take(cell, 1e-300, 1e300) != 0);
    cell = cell_open("negative");
    assert_int_equal(a6_cell_take(cell, 1, -5), 0);
    assert_int_equal(a6_cell_take(cell, 1, -5), -1);
}

static void *add_many(void *user)
{
    a6_cell *cell = cell_open("shared");

    assert_ptr_equal(cell, user);
    for (unsigned i = 0; i < 20000; i++)
        a6_cell_add(cell, 2, 1);
    return NULL;
}

static void is_shared_by_threads_and_processes(void **state)
{
    a6_cell *cell = cell_open("shared");
    pthread_t threads[2];
    pid_t child = fork();
    int status;
    (void)state;

    if (child == 0) {
        for (unsigned i = 0; i < 20000; i++)
            cells_add(cell_open("shared"), 2, 1);
        _exit(0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, cell), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(a6_cell_get(cell, 2), 60000);
}

/* Processes that open cells without end are killed again and again. */
static void outlives_processes(void **state)
{
    a6_cell *mine = cell_open("0");
    (void)state;

    a6_cell_add(mine, 0, 11);
    for (unsigned round = 0; round < 20; round++) {
        pid_t child = fork();
        if (child == 0) {
            for (unsigned i = 0;; i++) {
                char name[2] = {(char)('0' + i % 4), '\0'};
                cells_release(cells, cell_open(name));
            }
        }
        usleep(2000 + round * 100);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_ptr_equal(cell_open("0"), mine);
        assert_int_equal(a6_cell_get(mine, 0), 11);
    }
}

/* Fills the table in processes that go without giving anything back. */
static void takes_back_what_the_dead_used(void **state)
{
    a6_cell *mine = cell_open("mine");
    char name[16];
    (void)state;

    a6_cell_add(mine, 0, 11);
    for (unsigned round = 0; round < 100; round++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            for (unsigned i = 0; i < 7; i++) {
                snprintf(name, sizeof(name), "%u-%u", round, i);
                cell_open(name);
            }
            _exit(cells_open(cells, "one more", 8, &mine) != -ENOSPC);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_ptr_equal(cell_open("mine"), mine);
        assert_int_equal(a6_cell_get(mine, 0), 11);
    }
}

static void needs_memory(void **state)
{
    struct cells *made;
    (void)state;

    for (unsigned n = 0; n < 2; n++) {
        fail_alloc_after(n);
        assert_int_equal(cells_create(&made, 4), -ENOMEM);
        fail_alloc_off();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_names_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(has_room_for_so_many, setup, teardown),
        cmocka_unit_test_setup_teardown(none_is_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(lets_out_at_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_odd_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(is_shared_by_threads_and_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(outlives_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_back_what_the_dead_used, setup, teardown),
        cmocka_unit_test_setup_teardown(needs_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
