/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on real threads: the loop's, and those of the crew. What the other tests have in
 * order happens at the same time here, for ThreadSanitizer to look at.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/worker_watch.h"
#include "support/fail_call.h"
#include "support/server_plugins.h"
#include "support/server_rig.h"

#define PEERS 6
#define ROUNDS 30
#define PATIENCE_MS 60000

static struct server_rig rig;
static struct server_peer peers[PEERS];
static struct server_peer late;

/* So many threads for calls that block, and a deadline for all calls. */
static void begin(unsigned pool, uint32_t deadline_ms)
{
    server_rig_open(&rig);
    rig.worker.limits.deadline_ms = deadline_ms;
    server_rig_thread(&rig, pool);
    for (unsigned i = 0; i < PEERS; i++)
        server_peer_open(&rig, &peers[i]);
}

static void end(void)
{
    for (unsigned i = 0; i < PEERS; i++)
        server_peer_close(&peers[i]);
    server_rig_close(&rig);
    assert_int_equal(atomic_load(&server_plugins_seen.parsed),
                     atomic_load(&server_plugins_seen.freed));
}

/* Until something came for one of them. */
static void wait_for_news(void)
{
    struct pollfd fds[PEERS];

    for (unsigned i = 0; i < PEERS; i++)
        fds[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
    assert_true(poll(fds, PEERS, PATIENCE_MS) > 0);
}

/* Every peer makes so many calls, with one conf or the other in turn, and all of them
 * answer questions until all have their replies. */
static void call_all(const uint32_t tokens[2], unsigned calls)
{
    unsigned left[PEERS];
    unsigned waiting = PEERS * calls;

    for (unsigned i = 0; i < PEERS; i++) {
        left[i] = calls;
        for (unsigned n = 0; n < calls; n++)
            server_write_request(&peers[i], tokens[i % 2], "/path");
        assert_true(server_peer_send(&peers[i]));
    }
    while (waiting) {
        wait_for_news();
        for (unsigned i = 0; i < PEERS; i++) {
            enum server_outcome outcome;
            while (left[i] && (outcome = server_peer_read(&peers[i])) != SERVER_SILENT) {
                assert_int_equal(outcome, SERVER_REPLIED);
                left[i]--;
                waiting--;
            }
        }
    }
}

static void calls_of_all_kinds_run_at_once(void **state)
{
    static const char *const confs[][2] = {{"us", "hs"}, {"vus", "us"}, {"r", "hs"},
                                           {"r", "r"},   {"S", "uS"},   {"bB", "uu"}};

    (void)state;
    begin(4, 60000);
    for (unsigned i = 0; i < sizeof(confs) / sizeof(confs[0]); i++) {
        const uint32_t tokens[2] = {server_rig_prepare(&rig, "block", confs[i][0]),
                                    server_rig_prepare(&rig, "test", confs[i][1])};
        for (unsigned round = 0; round < ROUNDS; round++)
            call_all(tokens, 1 + round % 3);
    }
    end();
}

static void calls_wait_for_a_thread(void **state)
{
    (void)state;
    begin(1, 60000);
    uint32_t token = server_rig_prepare(&rig, "block", "us");
    for (unsigned round = 0; round < ROUNDS; round++)
        call_all((const uint32_t[2]){token, token}, 2);
    end();
}

/* One thread, and each call is longer than its deadline: whether it runs then or still
 * waits for the thread, its peer gets an error, and the one that comes next is served. */
static void deadlines_pass_in_the_filter_and_in_the_queue(void **state)
{
    (void)state;
    begin(1, SERVER_NAP_MS / 6);
    uint32_t slow = server_rig_prepare(&rig, "block", "nr");
    uint32_t quick = server_rig_prepare(&rig, "test", "s");
    for (unsigned i = 0; i < PEERS - 1; i++) {
        server_write_request(&peers[i], slow, "/slow");
        (void)server_peer_send(&peers[i]);
    }
    server_write_request(&peers[PEERS - 1], quick, "/quick");
    assert_int_equal(server_peer_talk(&peers[PEERS - 1]), SERVER_REPLIED);
    for (unsigned i = 0; i < PEERS - 1; i++) {
        assert_int_equal(server_peer_talk(&peers[i]), SERVER_ERROR);
        assert_int_equal(peers[i].code, MESSAGE_SERVICE_UNAVAILABLE);
        assert_int_equal(server_peer_talk(&peers[i]), SERVER_CLOSED);
    }
    end();
}

/* A thread asks the gateway and keeps its loop, for which there is no other thread; then
 * the watch finds one. The call's deadline passes: its connection stays the thread's while
 * it waits, and the next connection, which may get the descriptor's number, its peer's. */
static void a_loop_is_taken_from_a_thread_that_asks(void **state)
{
    enum server_outcome outcome;

    (void)state;
    begin(4, 50);
    uint32_t asks = server_rig_prepare(&rig, "test", "us");
    uint32_t quick = server_rig_prepare(&rig, "test", "s");
    assert_int_equal(watch_start(&rig.worker), 0);
    fail_call_after(FAIL_THREAD, 0, EAGAIN);
    peers[0].mute = true;
    server_write_request(&peers[0], asks, "/asks");
    outcome = server_peer_talk(&peers[0]);
    fail_call_off();
    assert_true(outcome == SERVER_ERROR || outcome == SERVER_CLOSED);
    if (outcome == SERVER_ERROR)
        assert_int_equal(server_peer_talk(&peers[0]), SERVER_CLOSED);
    server_peer_open(&rig, &late);
    for (unsigned i = 0; i < 100; i++) {
        server_write_request(&late, quick, "/quick");
        assert_int_equal(server_peer_talk(&late), SERVER_REPLIED);
    }
    server_peer_close(&late);
    watch_stop();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_all_kinds_run_at_once),
        cmocka_unit_test(calls_wait_for_a_thread),
        cmocka_unit_test(deadlines_pass_in_the_filter_and_in_the_queue),
        cmocka_unit_test(a_loop_is_taken_from_a_thread_that_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
