/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies and counts replies. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench_lane.h"

__attribute__((format(printf, 2, 3))) static void mismatch(struct bench_lane *lane,
                                                           const char *format, ...)
{
    va_list args;

    lane->counts.mismatches++;
    if (atomic_exchange(&lane->shared->has_problem, true))
        return;
    va_start(args, format);
    vsnprintf(lane->shared->problem, sizeof(lane->shared->problem), format, args);
    va_end(args);
}

static void check_action(struct bench_lane *lane, unsigned action)
{
    static const char *const names[] = {"no action", "Stop", "Rewrite"};
    enum bench_expect expect = lane->shared->plan->expect;
    unsigned wanted = expect == BENCH_EXPECT_STOP      ? MESSAGE_ACTION_STOP
                      : expect >= BENCH_EXPECT_REWRITE ? MESSAGE_ACTION_REWRITE
                                                       : MESSAGE_ACTION_NONE;

    if (lane->counting)
        lane->counts.actions[action]++;
    if (expect != BENCH_EXPECT_ANY && action != wanted)
        mismatch(lane, "the reply is %s, not %s", names[action], names[wanted]);
}

static void check_echo(struct bench_lane *lane, struct wire_str body)
{
    struct wire_str sent = lane->shared->plan->body;

    if (body.len != sent.len || (sent.len && memcmp(body.data, sent.data, sent.len) != 0))
        mismatch(lane, "the reply's body of %u bytes is not the request's of %u", body.len,
                 sent.len);
}

static void check_req(struct bench_lane *lane, const struct bench_connection *connection,
                      const struct frame *frame)
{
    struct message_http_req_reply_view reply;

    if (message_read_http_req_reply(frame->payload, frame->size, &reply) < 0) {
        mismatch(lane, "a malformed reply of %u bytes", frame->size);
        return;
    }
    if (reply.id != connection->id)
        mismatch(lane, "the reply's id is %u, not %u", reply.id, connection->id);
    if (reply.action > MESSAGE_ACTION_REWRITE) {
        mismatch(lane, "the reply has action %u", reply.action);
        return;
    }
    if (connection->also)
        return; /* another conf: what it does is not known */
    check_action(lane, reply.action);
    if (lane->shared->plan->expect == BENCH_EXPECT_ECHO)
        check_echo(lane, reply.body);
}

static void check_resp(struct bench_lane *lane, const struct bench_connection *connection,
                       const struct frame *frame)
{
    struct message_http_resp_reply_view reply;

    if (message_read_http_resp_reply(frame->payload, frame->size, &reply) < 0) {
        mismatch(lane, "a malformed reply of %u bytes", frame->size);
        return;
    }
    if (reply.id != connection->id)
        mismatch(lane, "the reply's id is %u, not %u", reply.id, connection->id);
    if (!connection->also)
        check_action(lane, reply.status || reply.headers.count || reply.body.len
                               ? MESSAGE_ACTION_REWRITE
                               : MESSAGE_ACTION_NONE);
}

static void check_conf(struct bench_lane *lane, const struct frame *frame)
{
    uint32_t token;

    if (message_read_prepare_conf_reply(frame->payload, frame->size, &token) < 0)
        mismatch(lane, "a malformed PrepareConf reply of %u bytes", frame->size);
}

static void count_error(struct bench_lane *lane, const struct frame *frame)
{
    uint8_t code;

    if (message_read_error(frame->payload, frame->size, &code) < 0) {
        mismatch(lane, "a malformed Error frame of %u bytes", frame->size);
        return;
    }
    lane->counts.error_frames++;
    lane->counts.error_codes[code < 3 ? code : 3]++;
}

void bench_reply_check(struct bench_lane *lane, struct bench_connection *connection,
                       const struct frame *frame)
{
    static const uint8_t wanted[] = {FRAME_HTTP_REQ_CALL, FRAME_HTTP_RESP_CALL, FRAME_PREPARE_CONF};
    enum bench_mode mode = lane->shared->plan->mode;

    if (frame->type == FRAME_ERROR)
        count_error(lane, frame);
    else if (frame->type != wanted[mode])
        mismatch(lane, "the reply has type %u, not %u", frame->type, wanted[mode]);
    else if (mode == BENCH_REQ)
        check_req(lane, connection, frame);
    else if (mode == BENCH_RESP)
        check_resp(lane, connection, frame);
    else
        check_conf(lane, frame);
}
