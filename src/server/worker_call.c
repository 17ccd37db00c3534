/* SPDX-License-Identifier: Apache-2.0 */
/* Calls as the loop's driver runs them. */
#include <errno.h>

#include "base/log.h"
#include "conf/store.h"
#include "plugin/inside.h"
#include "server/worker_conn.h"
#include "server/worker_exchange.h"
#include "server/worker_loop.h"

enum conn_outcome conn_fail(struct conn *conn, enum message_error code)
{
    struct exchange *exchange = conn->exchange;

    exchange->place = EXCHANGE_READING;
    exchange_end_call(exchange);
    exchange_release_chain(exchange);
    return exchange_error(exchange, code) < 0 ? (conn_close(conn), CONN_GONE) : CONN_STAYS;
}

/* The reply is known. */
static enum conn_outcome reply(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;

    conn->loop->uncounted++;
    int error = exchange_write_reply(exchange);

    if (error) {
        exchange->place = EXCHANGE_READING;
        conn_close(conn);
        return CONN_GONE;
    }
    if (exchange->out.tail_len) {
        error = conn_flush(conn); /* while the tail's bytes are there */
        if (error && error != -EAGAIN) {
            exchange->place = EXCHANGE_READING;
            conn_close(conn);
            return CONN_GONE;
        }
    }
    exchange->place = EXCHANGE_READING;
    exchange_end_call(exchange);
    if (exchange->lent || exchange->parsed)
        exchange_release_chain(exchange);
    if (exchange->timer.place)
        timers_cancel(&conn->loop->timers, &exchange->timer);
    return CONN_STAYS;
}

static uint64_t step_deadline(const struct exchange *exchange, uint64_t now_ms)
{
    const struct call *call = &exchange->call;
    uint32_t ms = call->limits->deadline_ms;

    if (call->chain && call->step < call->chain->count &&
        call->chain->steps[call->step].plugin->about.deadline_ms)
        ms = call->chain->steps[call->step].plugin->about.deadline_ms;
    return now_ms + ms;
}

/* The call is not finished in one go: its chain stays, and its time is limited. */
static int go_async(struct exchange *exchange, enum exchange_place place, uint64_t until_ms)
{
    if (!exchange->lent && exchange->call.chain)
        exchange->lent = chain_hold(exchange->call.chain);
    int error = timers_set(&exchange->loop->timers, &exchange->timer, until_ms);
    if (!error)
        exchange->place = place;
    return error;
}

static enum conn_outcome ask(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    const struct call_question *question = &exchange->call.question;
    uint64_t now = clock_ms();
    int error = exchange_hold(exchange); /* the answer comes behind the call's bytes */

    if (!error)
        error = go_async(exchange, EXCHANGE_ASKING, step_deadline(exchange, now));
    if (!error) /* last: what was asked cannot be taken back */
        error = message_write_extra_info(&exchange->out, question->type, question->name);
    return error ? conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE) : CONN_STAYS;
}

static enum conn_outcome run_elsewhere(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    int error = go_async(exchange, EXCHANGE_RUNNING, step_deadline(exchange, clock_ms()));

    if (error)
        return conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE);
    error = conn_flush(conn); /* the output is the other thread's from now on */
    if (error && error != -EAGAIN) {
        exchange->place = EXCHANGE_READING;
        conn_close(conn);
        return CONN_GONE;
    }
    exchange->away = exchange->apart = true;
    crew_run(&conn->loop->worker->crew, exchange);
    return CONN_STAYS;
}

static enum conn_outcome park(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    const struct call *call = &exchange->call;
    uint64_t until = call->delay_ms ? clock_ms() + call->delay_ms : call->deadline_ms;

    if (go_async(exchange, EXCHANGE_PARKED, until) < 0) {
        log_error("no memory to wait for call %u", call->id);
        if (call->delay_ms)
            return conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE); /* nothing would wake it */
        /* Its holder may use the call from now on, and will resume it: without a deadline. */
        exchange->place = EXCHANGE_PARKED;
    }
    if (exchange->resumed) {
        exchange->resumed = false;
        return conn_run(conn);
    }
    return CONN_STAYS;
}

static enum conn_outcome next_step(struct conn *conn, enum call_next next)
{
    switch (next) {
    case CALL_DONE:
        return reply(conn);
    case CALL_ASK:
        return ask(conn);
    case CALL_BLOCKING:
        return run_elsewhere(conn);
    case CALL_WAITING:
        return park(conn);
    }
    return conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE);
}

enum conn_outcome conn_run(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;

    exchange->place = EXCHANGE_RUNNING;
    loop->running = exchange;
    loop->running_chain = exchange->call.chain;
    enum call_next next = call_run(&exchange->call, false);
    if (exchange->apart) {
        exchange_finish_apart(exchange, next);
        return CONN_LOOP_LOST;
    }
    return next_step(conn, next);
}

/* Plugin code parses: it may take long, as a filter may. */
static enum conn_outcome parse_and_run(struct conn *conn, struct conf_record *record)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;
    struct chain *chain = NULL;

    exchange->place = EXCHANGE_RUNNING;
    exchange->deadline_ms = clock_ms() + exchange->call.limits->deadline_ms;
    loop->running = exchange;
    loop->running_chain = NULL;
    loop->running_plugin = NULL;
    inside_call(exchange->call.id);
    exchange->turn = loop_enter(loop);
    int error = confs_parse(&loop->worker->confs, record, &chain);
    if (!loop_leave(loop, exchange->turn)) {
        exchange->apart = true;
        exchange->parsed = chain;
        if (error)
            call_fail(&exchange->call);
        else
            call_start(&exchange->call, chain);
        exchange_finish_apart(exchange, error ? CALL_DONE : call_run(&exchange->call, true));
        return CONN_LOOP_LOST;
    }
    if (error)
        return conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE);
    loop_remember_take(loop, chain);
    call_start(&exchange->call, chain);
    return conn_run(conn);
}

static void tell_parsed(struct confs_waiter *waiter)
{
    struct exchange *exchange =
        (struct exchange *)((char *)waiter - offsetof(struct exchange, waiter));

    loop_post(exchange->loop, exchange, NEWS_PARSED);
}

/* Finds the chain of the call's token, which may have to be parsed first. */
static enum conn_outcome find_chain(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;
    struct conf_record *record;
    struct chain *chain;

    exchange->waiter.parsed = tell_parsed;
    int outcome = confs_find(&loop->worker->confs, exchange->call.token, clock_ms(),
                             &exchange->waiter, &chain, &record);
    switch (outcome) {
    case 0:
        loop_remember_take(loop, chain);
        call_start(&exchange->call, chain);
        return conn_run(conn);
    case CONFS_PARSE:
        return parse_and_run(conn, record);
    case CONFS_WAIT:
        exchange->place = EXCHANGE_PARSING;
        (void)timers_set(&loop->timers, &exchange->timer,
                         clock_ms() + exchange->call.limits->deadline_ms);
        return CONN_STAYS;
    case CONFS_UNKNOWN:
        log_debug("call %u: token %u is not known (any more); the gateway will prepare it anew",
                  exchange->call.id, exchange->call.token);
        return conn_fail(conn, MESSAGE_CONF_TOKEN_NOT_FOUND);
    default:
        return conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE);
    }
}

enum conn_outcome conn_call(struct conn *conn, uint8_t type, const uint8_t *payload, uint32_t size)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;

    if (exchange->timer.place)
        timers_cancel(&loop->timers, &exchange->timer);
    int error = call_begin(&exchange->call, type, payload, size);
    if (error)
        return conn_fail(conn,
                         error == -EBADMSG ? MESSAGE_BAD_REQUEST : MESSAGE_SERVICE_UNAVAILABLE);
    exchange->call.now_ms = loop->now_ms;
    struct chain *chain = loop_recall(loop, exchange->call.token, loop->now_ms);
    if (!chain)
        return find_chain(conn);
    call_start(&exchange->call, chain);
    return conn_run(conn);
}

enum conn_outcome conn_answer(struct conn *conn, const struct frame *frame)
{
    struct exchange *exchange = conn->exchange;
    int error = exchange_take_answer(exchange, &exchange->call.question, frame);

    if (error) {
        log_warn("call %u: the gateway's answer to a question is not valid", exchange->call.id);
        conn_close(conn);
        return CONN_GONE;
    }
    timers_cancel(&conn->loop->timers, &exchange->timer);
    return conn_run(conn);
}

/* ---- news from other threads ---- */

/* One whose connection was severed or closed meanwhile. */
static void back_alone(struct exchange *exchange, uint32_t news)
{
    bool resumed = exchange->resumed || news & NEWS_RESUMED;

    if (news & NEWS_BACK) {
        exchange->away = exchange->apart = false;
        if (exchange->lost)
            atomic_fetch_sub(&exchange->loop->worker->lost_threads, 1);
        exchange->lost = false;
        exchange->place = EXCHANGE_PARKED;
        if (exchange->parked && !exchange->call.delay_ms && !resumed)
            return; /* until its holder resumes */
    } else if (exchange->away) {
        exchange->resumed = true;
        return;
    }
    exchange_discard(exchange);
}

static enum conn_outcome back(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;

    exchange->away = exchange->apart = false;
    atomic_store_explicit(&exchange->grip, GRIP_FREE, memory_order_relaxed);
    timers_cancel(&conn->loop->timers, &exchange->timer);
    if (exchange->parked)
        return park(conn);
    conn->loop->uncounted++;
    exchange->place = EXCHANGE_READING;
    exchange_release_chain(exchange);
    return CONN_STAYS;
}

enum conn_outcome conn_news(struct exchange *exchange, uint32_t news)
{
    struct conn *conn = exchange->conn;
    enum conn_outcome outcome = CONN_STAYS;

    if (!conn) {
        back_alone(exchange, news);
        return CONN_GONE;
    }
    if (news & NEWS_BACK)
        outcome = back(conn);
    if (outcome == CONN_STAYS && news & NEWS_RESUMED) {
        if (exchange->away) {
            exchange->resumed = true; /* it is on its way back */
            return CONN_STAYS;
        }
        timers_cancel(&conn->loop->timers, &exchange->timer);
        outcome = conn_run(conn);
    }
    if (outcome == CONN_STAYS && news & NEWS_PARSED) {
        timers_cancel(&conn->loop->timers, &exchange->timer);
        outcome = find_chain(conn);
    }
    return outcome == CONN_STAYS ? conn_go_on(conn) : outcome;
}
