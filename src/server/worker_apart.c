/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on a thread that can be spared: they may wait for the gateway and for anything. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "server/worker_conn.h"
#include "server/worker_exchange.h"
#include "server/worker_loop.h"

/* Questions to the gateway are waited for at most so long past the call's deadline. */
#define ASK_SLACK_MS 500u

/* While it is had, the loop does not take the connection away. */
static bool grip_take(struct exchange *exchange)
{
    uint32_t grip = GRIP_FREE;

    return atomic_compare_exchange_strong(&exchange->grip, &grip, GRIP_IO);
}

static void grip_leave(struct exchange *exchange)
{
    atomic_store(&exchange->grip, GRIP_FREE);
}

/* 0, or -ECANCELED when the time is over. */
static int wait_for(int fd, short events, uint64_t until_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    uint64_t now = clock_ms();

    while (now < until_ms) {
        int ready = poll(&poll_fd, 1, (int)(until_ms - now));
        if (ready > 0)
            return 0;
        now = clock_ms();
    }
    return -ECANCELED;
}

static int send_all(struct exchange *exchange, int fd, uint64_t until_ms)
{
    for (;;) {
        int error = exchange_send(exchange, fd);
        if (error != -EAGAIN)
            return error;
        error = wait_for(fd, POLLOUT, until_ms);
        if (error)
            return error;
    }
}

/* Reads until the answer is there. */
static int receive_answer(struct exchange *exchange, int fd, uint64_t until_ms, struct frame *frame)
{
    struct input *in = &exchange->in;
    int missing;

    while ((missing = exchange_find_answer(exchange, frame)) == EXCHANGE_NO_ANSWER) {
        int error = input_make_room(in);
        if (error)
            return error;
        ssize_t got = recv(fd, in->data + in->len, in->capacity - in->len, MSG_DONTWAIT);
        if (got > 0) {
            in->len += (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return -ECANCELED;
        error = wait_for(fd, POLLIN, until_ms);
        if (error)
            return error;
    }
    return missing;
}

/* Puts the question and waits for the answer. Has the grip. */
static int ask_gripped(struct exchange *exchange, const struct call_question *question)
{
    int fd = exchange->conn->fd;
    uint64_t until = exchange->call.deadline_ms + ASK_SLACK_MS;
    struct frame frame;
    int error = exchange_hold(exchange);

    if (!error)
        error = message_write_extra_info(&exchange->out, question->type, question->name);
    if (!error)
        error = send_all(exchange, fd, until);
    if (!error)
        error = receive_answer(exchange, fd, until, &frame);
    if (!error)
        error = exchange_take_answer(exchange, question, &frame);
    if (!error)
        return 0;
    /* The stream is out of step: the answer may still come. Nobody else is to read it. */
    (void)shutdown(fd, SHUT_RDWR);
    return -ECANCELED;
}

static int ask_apart(struct exchange *exchange, const struct call_question *question)
{
    if (!grip_take(exchange))
        return -ECANCELED;
    int error = ask_gripped(exchange, question);
    grip_leave(exchange);
    return error;
}

/* Sends the reply as far as the socket takes it; the loop does the rest. */
static void answer(struct exchange *exchange)
{
    if (!grip_take(exchange))
        return; /* the loop has answered */
    int error = exchange_write_reply(exchange);
    if (!error)
        error = exchange_send(exchange, exchange->conn->fd);
    if (error && error != -EAGAIN)
        (void)shutdown(exchange->conn->fd, SHUT_RDWR);
    exchange_end_call(exchange);
    /* The grip stays: from here on there is nothing to be severed. */
}

void exchange_finish_apart(struct exchange *exchange, enum call_next next)
{
    struct loop *loop = exchange->loop;

    while (next == CALL_ASK || next == CALL_BLOCKING) {
        if (next == CALL_ASK && ask_apart(exchange, &exchange->call.question) < 0)
            call_fail(&exchange->call);
        next = call_run(&exchange->call, true);
    }
    exchange->parked = next == CALL_WAITING;
    if (!exchange->parked)
        answer(exchange);
    loop_post(loop, exchange, NEWS_BACK);
}

void exchange_run_apart(struct exchange *exchange)
{
    enum call_next next = CALL_DONE;

    if (atomic_load(&exchange->grip) == GRIP_SEVERED)
        call_fail(&exchange->call); /* it waited for a thread past its deadline */
    else
        next = call_run(&exchange->call, true);
    exchange_finish_apart(exchange, next);
}

/* ---- what a filter meets ---- */

/* The exchange whose filter runs on this thread. */
static _Thread_local struct exchange *inside;

/* In the middle of a filter on the loop's own thread: another thread gets the loop. */
static void give_loop_away(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;

    exchange->apart = true;
    if (!loop_leave(loop, exchange->turn))
        return; /* it was taken already */
    loop->taken = exchange;
    loop->taken_chain = loop->running_chain ? chain_hold(loop->running_chain) : NULL;
    if (crew_drive(&loop->worker->crew, loop) == 0)
        return;
    log_error("no thread can be made to drive the loop: its connections wait for call %u",
              exchange->call.id);
    if (loop->taken_chain)
        chain_drop(loop->taken_chain);
    loop->taken = NULL;
    loop->taken_chain = NULL;
    exchange->apart = false;
    exchange->turn = loop_enter(loop);
}

static int ask(struct call *call, const struct call_question *question)
{
    struct exchange *exchange = call->owner;
    int plugins_errno = errno;        /* asking is no business of the plugin's errno */
    bool holder = inside != exchange; /* of a suspended call, in a thread of its own */

    if (!holder && !exchange->apart)
        give_loop_away(exchange);
    /* Without another thread for the loop it waits as it is; the watch may find one yet. */
    int error = ask_apart(exchange, question);
    errno = plugins_errno;
    return error;
}

static void resume(struct call *call)
{
    struct exchange *exchange = call->owner;

    loop_post(exchange->loop, exchange, NEWS_RESUMED);
}

static void enter(struct call *call, const struct plugin *plugin)
{
    struct exchange *exchange = call->owner;

    (void)plugin;
    inside = exchange;
    atomic_store_explicit(&exchange->thread, crew_self ? crew_self->id : 0, memory_order_relaxed);
    if (!exchange->apart) {
        exchange->deadline_ms = call->deadline_ms;
        exchange->loop->running_plugin = call->chain->steps[call->step].plugin;
        exchange->turn = loop_enter(exchange->loop);
    }
}

static void leave(struct call *call)
{
    struct exchange *exchange = call->owner;

    inside = NULL;
    atomic_store_explicit(&exchange->thread, 0, memory_order_relaxed);
    if (!exchange->apart && !loop_leave(exchange->loop, exchange->turn))
        exchange->apart = true;
}

const struct call_surroundings exchange_surroundings = {
    .ask = ask,
    .resume = resume,
    .enter = enter,
    .leave = leave,
};
