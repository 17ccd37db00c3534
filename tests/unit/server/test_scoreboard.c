/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/scoreboard.h"

static void a_child_writes_what_the_parent_reads(void **state)
{
    struct scoreboard *board;
    int status;

    (void)state;
    assert_int_equal(scoreboard_create(&board), 0);
    pid_t child = fork();
    if (child == 0) {
        struct scoreboard_worker *own = &board->workers[SCOREBOARD_WORKERS - 1];
        own->pid = getpid();
        own->threads[SCOREBOARD_THREADS - 1].inside.call_id = 77;
        atomic_store(&own->crash.valid, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(board->workers[SCOREBOARD_WORKERS - 1].pid, child);
    const struct scoreboard_worker *left = &board->workers[SCOREBOARD_WORKERS - 1];
    assert_int_equal(left->threads[SCOREBOARD_THREADS - 1].inside.call_id, 77);
    assert_int_equal(atomic_load(&board->workers[SCOREBOARD_WORKERS - 1].crash.valid), 1);
    scoreboard_close(board);
}

static void clearing_forgets_one_worker(void **state)
{
    struct scoreboard *board;

    (void)state;
    assert_int_equal(scoreboard_create(&board), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct scoreboard_worker *worker = &board->workers[i];
        worker->pid = 100 + (pid_t)i;
        worker->plugin_count = 2;
        atomic_store(&worker->crash.valid, 1);
        for (unsigned t = 0; t < 5; t++) {
            worker->threads[t].used = 1;
            worker->threads[t].inside.call_id = 9;
            atomic_store(&worker->threads[t].inside.plugin, 1);
        }
    }
    scoreboard_clear(board, 1);
    struct scoreboard_worker *cleared = &board->workers[1];
    assert_int_equal(cleared->pid, 0);
    assert_int_equal(cleared->plugin_count, 0);
    assert_int_equal(atomic_load(&cleared->crash.valid), 0);
    assert_int_equal(cleared->crash.thread, -1);
    assert_int_equal(cleared->crash.plugin, -1);
    for (unsigned t = 0; t < 5; t++) {
        assert_int_equal(cleared->threads[t].used, 0);
        assert_int_equal(cleared->threads[t].inside.call_id, 0);
        assert_int_equal(atomic_load(&cleared->threads[t].inside.plugin), 0);
    }
    assert_int_equal(board->workers[0].pid, 100);
    assert_int_equal(atomic_load(&board->workers[2].threads[4].inside.plugin), 1);
    scoreboard_close(board);
    scoreboard_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_writes_what_the_parent_reads),
        cmocka_unit_test(clearing_forgets_one_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
