/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation and every system call of a call's whole way fails once. Whatever
 * happens, the peer gets a valid reply, a valid Error frame or a closed connection, and
 * the worker serves on: the token still means what it meant.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fail_alloc.h"
#include "support/fail_call.h"
#include "support/server_plugins.h"
#include "support/server_rig.h"

enum { RESPONSE = 1, PIPELINED = 2, SLOW_READER = 4, LARGE_ANSWER = 8, ASK_LATE = 16 };

struct way {
    const char *name;
    const char *plugin;
    const char *conf;
    unsigned flags;
};

static const struct way ways[] = {
    {"request", "test", "hs", 0},
    {"response", "test", "hs", RESPONSE},
    {"refused conf", "test", "!", 0},
    {"unknown plugin", "nobody", "s", 0},
    {"failing filter", "test", "e", 0},
    {"declared variable", "test", "vs", 0},
    {"declared body", "test", "bs", RESPONSE},
    {"undeclared variable", "test", "uus", 0},
    {"blocking", "block", "hs", 0},
    {"blocking, asks", "block", "us", 0},
    {"blocking, asks for a large body", "block", "B", LARGE_ANSWER},
    {"blocking, large", "block", "S", SLOW_READER},
    {"large", "test", "S", SLOW_READER},
    {"large answer", "test", "bB", LARGE_ANSWER},
    {"pipelined", "test", "vhs", PIPELINED},
    {"pipelined, large", "test", "S", PIPELINED | SLOW_READER},
    {"pipelined, large answers", "test", "bB", PIPELINED | LARGE_ANSWER},
    {"delayed", "test", "d", 0},
    {"suspended", "test", "z", 0},
    {"suspended, asks then", "test", "z", ASK_LATE},
    {"blocking, suspended", "block", "uz", 0},
    {"blocking, pipelined", "block", "us", PIPELINED},
    {"blocking, pipelined, large", "block", "S", PIPELINED | SLOW_READER},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Waits with all patience for what a request comes to. */
static enum server_outcome outcome_of(struct server_peer *peer, const struct way *way)
{
    static const uint64_t waits[] = {25, 1500, 120000, 120000};
    enum server_outcome outcome = server_peer_talk(peer);

    for (unsigned i = 0; outcome == SERVER_SILENT && i < sizeof(waits) / sizeof(waits[0]); i++) {
        peer->deaf = false;
        outcome = server_peer_talk(peer);
        if (outcome != SERVER_SILENT)
            break;
        if (server_plugins_resume(way->flags & ASK_LATE))
            server_rig_pump(peer->rig);
        else
            server_rig_pass(peer->rig, waits[i]);
        outcome = server_peer_talk(peer);
    }
    if (outcome == SERVER_ERROR)
        assert_int_not_equal(peer->code, MESSAGE_CONF_TOKEN_NOT_FOUND);
    return outcome;
}

static void write_call(struct server_peer *peer, const struct way *way, uint32_t token)
{
    if (way->flags & RESPONSE)
        server_write_response(peer, token, 200);
    else
        server_write_request(peer, token, "/path");
}

/* The whole way on one connection: prepares the conf, calls, and calls again. Gives how
 * many calls were replied to. */
static unsigned go(struct server_rig *rig, const struct way *way)
{
    static char large[SERVER_LARGE];
    unsigned calls = way->flags & PIPELINED ? 4 : 2;
    unsigned replied = 0;
    uint32_t token;
    struct server_peer peer;

    server_peer_open(rig, &peer);
    if (way->flags & LARGE_ANSWER)
        peer.body = (struct wire_str){large, sizeof(large)};
    server_write_conf(&peer, "route#1", way->plugin, way->conf, (const char *)NULL);
    enum server_outcome outcome = outcome_of(&peer, way);
    assert_int_not_equal(outcome, SERVER_SILENT);
    if (outcome != SERVER_REPLIED)
        goto end;
    assert_int_equal(message_read_prepare_conf_reply(peer.frame.payload, peer.frame.size, &token),
                     0);
    peer.deaf = (way->flags & SLOW_READER) != 0;
    if (way->flags & PIPELINED) {
        for (unsigned i = 0; i < calls; i++)
            write_call(&peer, way, token);
    }
    for (unsigned i = 0; i < calls; i++) {
        if (!(way->flags & PIPELINED))
            write_call(&peer, way, token);
        outcome = outcome_of(&peer, way);
        assert_int_not_equal(outcome, SERVER_SILENT);
        if (outcome == SERVER_CLOSED)
            break;
        replied += outcome == SERVER_REPLIED;
    }

end:
    server_peer_close(&peer);
    /* One that was given up is resumed all the same. */
    while (server_plugins_resume(0))
        server_rig_pump(rig);
    assert_int_equal(atomic_load(&rig->worker.connections), 0);
    return replied;
}

/* After the failure all is as if it had not been. */
static void check_whole(struct server_rig *rig, const struct way *way)
{
    bool fails = strchr(way->conf, '!') || strchr(way->conf, 'e') || !strcmp(way->plugin, "nobody");
    unsigned calls = way->flags & PIPELINED ? 4 : 2;

    assert_int_equal(go(rig, way), fails ? 0 : calls);
}

static void every_allocation(const struct way *way, bool warm, bool all_that_follow)
{
    unsigned n = 0;

    for (bool more = true; more; n++) {
        struct server_rig rig;
        server_rig_open(&rig);
        uint32_t token = server_rig_prepare(&rig, way->plugin, way->conf);
        if (warm)
            check_whole(&rig, way);
        if (all_that_follow)
            fail_alloc_from(n);
        else
            fail_alloc_after(n);
        (void)go(&rig, way);
        fail_alloc_off();
        more = fail_alloc_hit();
        check_whole(&rig, way);
        assert_int_equal(server_rig_prepare(&rig, way->plugin, way->conf), token);
        server_rig_close(&rig);
    }
    print_message("%s: %u allocations\n", way->name, n - 1);
}

static void allocations_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++)
        every_allocation(&ways[i], false, false);
}

static void allocations_fail_when_warm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++)
        every_allocation(&ways[i], true, false);
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++)
        every_allocation(&ways[i], false, true);
}

static void every_call(const struct way *way, unsigned kinds, int error, bool all_that_follow)
{
    unsigned seen;
    unsigned n = 0;

    do {
        struct server_rig rig;
        server_rig_open(&rig);
        if (all_that_follow)
            fail_call_from(kinds, n, error);
        else
            fail_call_after(kinds, n, error);
        (void)go(&rig, way);
        fail_call_off();
        seen = fail_call_count();
        check_whole(&rig, way);
        server_rig_close(&rig);
    } while (n++ < seen && n < 40);
}

static void calls_fail(unsigned kinds, int error)
{
    for (unsigned i = 0; i < WAYS; i++)
        every_call(&ways[i], kinds, error, false);
}

static void sending_fails(void **state)
{
    static const int errors[] = {EAGAIN, FAIL_CALL_SHORT, EINTR, ECONNRESET,
                                 EPIPE,  ENOBUFS,         ENOMEM};

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        calls_fail(FAIL_SEND, errors[i]);
}

/* Each send does one byte, so that every place of a frame is a place to go on from. */
static void sending_is_piecemeal(void **state)
{
    static const struct way small[] = {{"small", "test", "hs", 0},
                                       {"asks", "test", "vs", PIPELINED},
                                       {"blocking", "block", "us", 0},
                                       {"response", "test", "bs", RESPONSE}};

    (void)state;
    for (unsigned i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        every_call(&small[i], FAIL_SEND, FAIL_CALL_SHORT, true);
}

static void receiving_fails(void **state)
{
    (void)state;
    calls_fail(FAIL_RECEIVE, EINTR);
    calls_fail(FAIL_RECEIVE, ECONNRESET);
    calls_fail(FAIL_RECEIVE, ENOMEM);
}

static void epoll_fails(void **state)
{
    (void)state;
    calls_fail(FAIL_EPOLL_ADD, ENOMEM);
    calls_fail(FAIL_EPOLL_ADD, ENOSPC);
    calls_fail(FAIL_EPOLL_CHANGE, ENOMEM);
}

static void polling_fails(void **state)
{
    (void)state;
    calls_fail(FAIL_POLL, EINTR);
    calls_fail(FAIL_POLL, ENOMEM);
}

/* What is left of the answer would never be sent: the connection does not stay until its
 * time is over. */
static void closes_what_it_cannot_watch(void **state)
{
    struct server_rig rig;
    struct server_peer peer;

    (void)state;
    server_rig_open(&rig);
    uint32_t token = server_rig_prepare(&rig, "test", "S");
    server_peer_open(&rig, &peer);
    peer.deaf = true;
    server_write_request(&peer, token, "/path");
    fail_call_from(FAIL_EPOLL_CHANGE, 0, ENOMEM);
    assert_int_equal(server_peer_talk(&peer), SERVER_SILENT);
    fail_call_off();
    assert_int_equal(fail_call_count(), 1);
    assert_int_equal(atomic_load(&rig.worker.connections), 0);
    server_peer_close(&peer);
    server_rig_close(&rig);
}

/* As when a plugin's shutdown waits for the thread that holds a call. */
static void a_call_is_resumed_after_the_end(void **state)
{
    struct server_rig rig;
    struct server_peer peer;

    (void)state;
    for (int ask = 0; ask < 2; ask++) {
        server_rig_open(&rig);
        uint32_t token = server_rig_prepare(&rig, "test", "z");
        server_peer_open(&rig, &peer);
        server_write_request(&peer, token, "/path");
        assert_int_equal(server_peer_talk(&peer), SERVER_SILENT);
        loop_close(rig.loop);
        assert_true(server_plugins_resume(ask));
        assert_int_equal(peer.questions, 0);
        server_peer_close(&peer);
        server_rig_close(&rig);
    }
}

/* A test that has failed must not take the next one with it. */
static int stop_failing(void **state)
{
    (void)state;
    fail_alloc_off();
    fail_call_off();
    return 0;
}

#define TEST(function) cmocka_unit_test_teardown(function, stop_failing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(allocations_fail),
        TEST(allocations_fail_when_warm),
        TEST(memory_runs_out),
        TEST(sending_fails),
        TEST(sending_is_piecemeal),
        TEST(receiving_fails),
        TEST(epoll_fails),
        TEST(polling_fails),
        TEST(closes_what_it_cannot_watch),
        TEST(a_call_is_resumed_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
