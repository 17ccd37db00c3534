/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call.h"

#include <errno.h>

#include "base/clock.h"
#include "plugin/call_asked.h"
#include "plugin/call_complain.h"
#include "plugin/call_memory.h"
#include "plugin/call_request.h"
#include "plugin/call_response.h"
#include "plugin/call_suspend.h"
#include "plugin/inside.h"

void call_init(struct call *call, const struct call_surroundings *around,
               const struct call_limits *limits, void *owner)
{
    *call = (struct call){
        .handle.base.host = &call_host, .around = around, .limits = limits, .owner = owner};
    arena_init(&call->arena, limits->max_memory);
}

void call_free(struct call *call)
{
    call_memory_reset(call);
    arena_free(&call->arena);
}

int call_begin(struct call *call, enum frame_type type, const uint8_t *payload, uint32_t size)
{
    /* Everything that call_end left is zero or empty. */
    if (type == FRAME_HTTP_REQ_CALL) {
        call->phase = CALL_REQUEST;
        return call_request_begin(call, payload, size);
    }
    if (type == FRAME_HTTP_RESP_CALL) {
        call->phase = CALL_RESPONSE;
        return call_response_begin(call, payload, size);
    }
    return -EBADMSG;
}

void call_start(struct call *call, struct chain *chain)
{
    call->chain = chain;
    call->failed = chain->refused;
}

void call_end(struct call *call)
{
    call_memory_reset(call);
    call->id = 0;
    call->token = 0;
    call->step = 0;
    call->chain = NULL;
    call->current = NULL;
    call->speaker = NULL;
    call->fetched = false;
    call->failed = false;
    call->delayed = false;
    call->misused = false;
    call->filtered = false;
    call->parked = CALL_NOT_PARKED;
    call->now_ms = 0;
    call->started_ms = 0;
    call->deadline_ms = 0;
    call->reason = NULL;
    call->message.as_request = NULL;
    call->delay_ms = 0;
    call->suspension = NULL;
    call->asking = NULL;
    call->asked = NULL;
    call->request_body = NULL;
    call->response_body = NULL;
    call->values = NULL;
}

void call_fail(struct call *call)
{
    call->failed = true;
}

/* ---- one filter ---- */

/* From the first filter on, because that is about when the gateway began to wait. */
static void set_deadline(struct call *call, const a6_plugin *about)
{
    uint32_t whole = call->limits->deadline_ms;
    uint32_t own = about->deadline_ms;
    bool first = call->started_ms == 0;
    uint64_t now;

    if (first)
        call->started_ms = call->now_ms ? call->now_ms : clock_ms();
    call->now_ms = 0;
    if (own == 0) {
        call->deadline_ms = call->started_ms + whole;
        return;
    }
    now = first ? call->started_ms : clock_ms();
    call->deadline_ms = call->started_ms + (own > whole ? own : whole);
    if (now + own < call->deadline_ms)
        call->deadline_ms = now + own;
}

static bool has_filter(const struct call *call, const struct plugin *plugin)
{
    return call->phase == CALL_REQUEST ? plugin->about.request_filter != NULL
                                       : plugin->about.response_filter != NULL;
}

static a6_result enter(struct call *call, const struct chain_step *step)
{
    const struct plugin *plugin = step->plugin;
    a6_result result;

    set_deadline(call, &plugin->about);
    call->filtered = true;
    call->delayed = false;
    call->reason = NULL;
    call->current = plugin;
    if (call->around->enter)
        call->around->enter(call, plugin);
    inside_call(call->id);
    inside_enter(plugin, call->phase == CALL_REQUEST ? INSIDE_REQUEST : INSIDE_RESPONSE);
    if (call->phase == CALL_REQUEST)
        result = plugin->about.request_filter(&call->handle.request, step->conf);
    else
        result = plugin->about.response_filter(&call->handle.response, step->conf);
    inside_leave();
    if (call->around->leave)
        call->around->leave(call);
    return result;
}

/* The filter has said its last word. */
static void finish(struct call *call, a6_result result)
{
    if (result != A6_OK) {
        call_complain_result(call, result);
        call->failed = true;
    }
    if (call->phase == CALL_REQUEST && call->message.as_request->answered)
        call->step = call->chain->count;
    else
        call->step++;
    if (call->asked)
        call_asked_judge(call);
    call->current = NULL;
    call->suspension = NULL;
    call->parked = CALL_NOT_PARKED;
    call->fetched = false;
}

/* True: the call waits for the holder. */
static bool leave_suspended(struct call *call, a6_result result)
{
    a6_result resumed;

    /* Whatever the filter returned, the holder has the call until it resumes. */
    call->misused = result != A6_PENDING;
    if (call->misused)
        call_complain(call, "suspended the call and returned %d: it has to return A6_PENDING",
                      (int)result);
    call->delay_ms = 0;
    call->parked = CALL_PARKED_SUSPENDED;
    if (call_suspend_park(call, &resumed))
        return true;
    if (call->misused)
        call->failed = true;
    finish(call, call->misused ? A6_OK : resumed);
    return false;
}

/* True: the call waits. */
static bool leave(struct call *call, a6_result result)
{
    if (call->suspension)
        return leave_suspended(call, result);
    if (result == A6_PENDING && call->delayed && call->delay_ms > 0) {
        call->parked = CALL_PARKED_DELAY;
        return true;
    }
    if (result == A6_PENDING && call->delayed)
        result = A6_OK;
    else if (result == A6_OK && call->delayed && call->delay_ms > 0)
        call_complain(call, "forgot a delay: return what a6_delay gives");
    finish(call, result);
    return false;
}

/* Goes on with the filter that the call was parked in. */
static void unpark(struct call *call)
{
    if (call->parked == CALL_PARKED_DELAY) {
        finish(call, A6_OK);
        return;
    }
    if (call->misused)
        call->failed = true;
    finish(call, call->misused ? A6_OK : call_suspend_result(call));
}

enum call_next call_run(struct call *call, bool may_block)
{
    if (call->parked)
        unpark(call);
    call_asked_settle(call);
    while (!call->failed && call->step < call->chain->count) {
        struct chain_step *step = &call->chain->steps[call->step];

        if (!has_filter(call, step->plugin)) {
            call_complain_idle(call, step);
            call->step++;
            continue;
        }
        if (atomic_load_explicit(&step->plugin->quarantined, memory_order_relaxed)) {
            call->current = step->plugin;
            call_complain(call, "is quarantined because it crashed its workers");
            call->failed = true;
            return CALL_DONE;
        }
        if (!call->fetched && call_asked_next(call, step))
            return CALL_ASK;
        call->fetched = true;
        if (!may_block && (step->blocking || atomic_load_explicit(&step->plugin->seen_blocking,
                                                                  memory_order_relaxed)))
            return CALL_BLOCKING;
        if (leave(call, enter(call, step)))
            return CALL_WAITING;
    }
    return CALL_DONE;
}

/* ---- the reply ---- */

static int write_failure(struct wire_out *out)
{
    return message_write_error(out, MESSAGE_SERVICE_UNAVAILABLE);
}

int call_write_reply(struct call *call, struct wire_out *out)
{
    int failed;

    if (call->failed)
        return write_failure(out);
    failed = call->phase == CALL_REQUEST ? call_request_write(call, out)
                                         : call_response_write(call, out);
    if (failed == -EMSGSIZE) {
        call_complain_reply(call, "the reply does not fit a frame of 16,777,215 bytes");
        return write_failure(out);
    }
    return failed;
}
