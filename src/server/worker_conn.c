/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/store.h"
#include "server/control.h"
#include "server/worker_exchange.h"
#include "server/worker_loop.h"
#include "server/worker_stack.h"

/* Replies to pipelined calls are collected up to here, then sent. */
#define COLLECT_MAX ((size_t)65536)

static_assert(sizeof(void *) != 8 || sizeof(struct conn) == 48, "docs/ tell this size");

static void uncount(struct loop *loop)
{
    atomic_fetch_sub_explicit(&loop->conn_count, 1, memory_order_relaxed);
    atomic_fetch_sub(&loop->worker->connections, 1);
}

struct conn *conn_new(struct loop *loop, int fd)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (!conn) {
        close(fd);
        return NULL;
    }
    conn->fd = fd;
    conn->loop = loop;
    atomic_fetch_add_explicit(&loop->conn_count, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->worker->connections, 1);
    return conn;
}

void conn_drop(struct conn *conn)
{
    struct loop *loop = conn->loop;

    close(conn->fd);
    free(conn);
    uncount(loop);
}

int conn_adopt(struct loop *loop, struct conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = conn};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0) {
        int error = -errno;
        conn_drop(conn);
        return error;
    }
    conn->next = loop->conns;
    if (conn->next)
        conn->next->previous = conn;
    loop->conns = conn;
    return 0;
}

int conn_open(struct loop *loop, int fd)
{
    struct conn *conn = conn_new(loop, fd);

    return conn ? conn_adopt(loop, conn) : -ENOMEM;
}

void conn_close(struct conn *conn)
{
    struct loop *loop = conn->loop;
    struct exchange *exchange = conn->exchange;

    if (exchange) {
        timers_cancel(&loop->timers, &exchange->timer);
        exchange->conn = NULL;
        if (!exchange_is_held_elsewhere(exchange))
            exchange_discard(exchange);
    }
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        loop->conns = conn->next;
    if (conn->next)
        conn->next->previous = conn->previous;
    loop_forget_events(loop, conn);
    /* Closing alone is not enough when the descriptor was handed to another process. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    conn_drop(conn);
}

static enum conn_outcome gone(struct conn *conn)
{
    conn_close(conn);
    return CONN_GONE;
}

/* -errno: what is left would never be sent. */
static int watch_write(struct conn *conn, bool want)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (want ? EPOLLOUT : 0u),
                                .data.ptr = conn};

    if (conn->want_write == want)
        return 0;
    conn->want_write = want;
    return epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) < 0 ? -errno : 0;
}

static bool is_busy(const struct exchange *exchange)
{
    return exchange->place != EXCHANGE_READING && exchange->place != EXCHANGE_ASKING;
}

/* Whether another thread may be using the exchange's buffers and the socket: one that
 * runs the call, or the holder of a suspended one. */
static bool has_holder(const struct exchange *exchange)
{
    return exchange->away || (exchange->place == EXCHANGE_PARKED && exchange->call.delay_ms == 0);
}

/* Refuses a frame; the stream stays in step. */
static enum conn_outcome refuse(struct conn *conn, size_t frame_size)
{
    struct exchange *exchange = conn->exchange;

    exchange->in.start += frame_size;
    return exchange_error(exchange, MESSAGE_BAD_REQUEST) < 0 ? gone(conn) : CONN_STAYS;
}

static enum conn_outcome prepare_conf(struct conn *conn, const struct frame *frame)
{
    struct exchange *exchange = conn->exchange;
    struct message_prepare_conf message;
    uint32_t token;
    int error = message_read_prepare_conf(frame->payload, frame->size, &message);

    if (error)
        return refuse(conn, FRAME_HEADER_SIZE + frame->size);
    error = conf_store_prepare(conn->loop->worker->heritage->store, &message, loop_now(), &token);
    exchange->in.start += FRAME_HEADER_SIZE + frame->size;
    if (error) {
        log_error("a conf of %u bytes cannot be kept: %s (see --max-conf-memory)", frame->size,
                  strerror(-error));
        error = exchange_error(exchange, MESSAGE_SERVICE_UNAVAILABLE);
    } else {
        error = message_write_prepare_conf_reply(&exchange->out, token);
    }
    return error ? gone(conn) : CONN_STAYS;
}

static enum conn_outcome first_frame(struct conn *conn, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_PREPARE_CONF:
        return prepare_conf(conn, frame);
    case FRAME_HTTP_REQ_CALL:
    case FRAME_HTTP_RESP_CALL:
        conn->exchange->frame_size = FRAME_HEADER_SIZE + frame->size;
        return conn_call(conn, frame->type, frame->payload, frame->size);
    default:
        log_debug("a frame of type %u, which no gateway sends first, is refused", frame->type);
        return refuse(conn, FRAME_HEADER_SIZE + frame->size);
    }
}

/* Handles every whole frame that there is, as long as none has to wait. */
static enum conn_outcome handle_frames(struct conn *conn)
{
    for (;;) {
        struct exchange *exchange = conn->exchange;
        enum conn_outcome outcome;
        struct frame frame;

        if (is_busy(exchange))
            return CONN_STAYS;
        if (exchange->place == EXCHANGE_ASKING) {
            int missing = exchange_find_answer(exchange, &frame);
            if (missing)
                return missing < 0 ? gone(conn) : CONN_STAYS;
            outcome = conn_answer(conn, &frame);
            if (outcome != CONN_STAYS)
                return outcome;
            continue;
        }
        if (exchange->out.len > COLLECT_MAX || exchange->out.tail_len || conn->closing ||
            frame_parse(exchange->in.data + exchange->in.start,
                        exchange->in.len - exchange->in.start, &frame) != 0)
            return CONN_STAYS;
        outcome = first_frame(conn, &frame);
        if (outcome != CONN_STAYS)
            return outcome;
    }
}

/* One read. 0: bytes came; -EAGAIN: nothing more for now; other -errno: broken. */
static int receive(struct conn *conn)
{
    struct input *in = &conn->exchange->in;
    ssize_t got;

    if (in->start == in->len)
        in->start = in->len = 0;
    int error = input_make_room(in);
    if (error)
        return error;
    do
        got = recv(conn->fd, in->data + in->len, in->capacity - in->len, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        conn->readable = false;
        return -errno;
    }
    if (got == 0) {
        conn->readable = false;
        conn->ended = true;
        return -EAGAIN;
    }
    /* Less than there was room for: the socket is empty, and more would be a new event. */
    if ((size_t)got < in->capacity - in->len && !conn->hangup)
        conn->readable = false;
    in->len += (size_t)got;
    return 0;
}

enum conn_outcome conn_hand_over(struct conn *conn)
{
    int error = control_send(conn->loop->worker->control_fd, CONTROL_CONNECTION, 0, NULL, conn->fd);

    if (error)
        log_error("a connection cannot be handed over and is closed: %s", strerror(-error));
    return gone(conn);
}

/* After frames were handled: sends, and decides what the connection waits for. */
static enum conn_outcome settle(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;

    if (exchange_is_idle(exchange) && !conn->ended && !conn->closing) {
        if (exchange->timer.place)
            timers_cancel(&loop->timers, &exchange->timer);
        conn->exchange = NULL;
        loop_return(loop, exchange);
        return atomic_load_explicit(&loop->worker->handing_over, memory_order_relaxed)
                   ? conn_hand_over(conn)
                   : CONN_STAYS;
    }
    if (conn->ended && exchange->place == EXCHANGE_ASKING)
        return gone(conn);
    if (is_busy(exchange) || exchange->place == EXCHANGE_ASKING)
        return CONN_STAYS;
    if (exchange->out.len == 0 && (conn->ended || conn->closing))
        return gone(conn);
    /* Counted anew with every byte that comes or goes. */
    (void)timers_set(&loop->timers, &exchange->timer,
                     loop->now_ms + loop->worker->heritage->config->frame_timeout_ms);
    return CONN_STAYS;
}

int conn_flush(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;

    if (!exchange->out.len)
        return 0;
    int error = exchange_send(exchange, conn->fd);
    if (error != -EAGAIN && (error || !conn->want_write))
        return error;
    int failed = watch_write(conn, error == -EAGAIN);
    return failed ? failed : error;
}

enum conn_outcome conn_go_on(struct conn *conn)
{
    if (!conn->exchange && !loop_borrow(conn->loop, conn))
        return gone(conn);
    for (;;) {
        enum conn_outcome outcome = handle_frames(conn);
        if (outcome != CONN_STAYS)
            return outcome;
        if (has_holder(conn->exchange))
            return CONN_STAYS; /* who may be sending */
        int error = conn_flush(conn);
        if (error && error != -EAGAIN)
            return gone(conn);
        struct exchange *exchange = conn->exchange;
        if (error || conn->closing || is_busy(exchange))
            break;
        if (!conn->readable || conn->ended) {
            /* Calls that were left for later because much was to be sent. */
            struct frame frame;
            if (exchange->place == EXCHANGE_READING &&
                frame_parse(exchange->in.data + exchange->in.start,
                            exchange->in.len - exchange->in.start, &frame) == 0)
                continue;
            break;
        }
        error = receive(conn);
        if (error && error != -EAGAIN)
            return gone(conn);
    }
    return settle(conn);
}

enum conn_outcome conn_event(struct conn *conn, uint32_t events)
{
    conn->readable = true;
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        conn->hangup = true;
    if (conn->exchange && is_busy(conn->exchange)) {
        if (!(events & EPOLLOUT) || has_holder(conn->exchange))
            return CONN_STAYS;
        int error = conn_flush(conn);
        return error && error != -EAGAIN ? gone(conn) : CONN_STAYS;
    }
    return conn_go_on(conn);
}

enum conn_outcome conn_finish(struct conn *conn)
{
    (void)shutdown(conn->fd, SHUT_RD);
    conn->readable = true;
    conn->hangup = true;
    return conn->exchange && is_busy(conn->exchange) ? CONN_STAYS : conn_go_on(conn);
}

/* ---- time ---- */

/* Takes the connection from an exchange that goes on without it, says that the call has
 * failed, and closes. */
static enum conn_outcome sever(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    bool halfway = exchange->out.len > 0; /* replies to earlier calls, or part of one */

    exchange->conn = NULL;
    conn->exchange = NULL;
    conn->closing = true;
    /* An Error frame behind half of another frame would not be read as one. */
    if (halfway || !loop_borrow(conn->loop, conn) ||
        exchange_error(conn->exchange, MESSAGE_SERVICE_UNAVAILABLE) < 0)
        return gone(conn);
    return conn_go_on(conn);
}

/* A thread is inside a filter that may never come back. Shows where it is; when many
 * are, the worker is replaced, so that they cannot use it up. */
static void count_lost(struct exchange *exchange)
{
    struct worker *worker = exchange->loop->worker;
    pid_t thread = atomic_load_explicit(&exchange->thread, memory_order_relaxed);
    unsigned max = worker->crew.max / 8 + 1;

    if (thread) {
        log_error("the thread that runs it is here:");
        stack_show(thread);
    }
    exchange->lost = true;
    if (atomic_fetch_add(&worker->lost_threads, 1) + 1 >= max)
        worker_ask_recycling(worker, "too many of its threads are inside filters that are past "
                                     "their deadline");
}

static void say_late(const struct exchange *exchange)
{
    log_error("call %u got no decision within its deadline and is answered with "
              "SERVICE_UNAVAILABLE; conf %s",
              exchange->call.id, exchange->lent ? exchange->lent->key : "being parsed");
}

/* Another call parses its conf, and is past the deadline with it. This one has nothing of
 * its own under way that would outlive it. */
static enum conn_outcome late_in_parsing(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;

    if (!confs_leave(&exchange->loop->worker->confs, &exchange->waiter))
        return CONN_STAYS; /* parsed just now: the news are coming */
    say_late(exchange);
    enum conn_outcome outcome = conn_fail(conn, MESSAGE_SERVICE_UNAVAILABLE);
    return outcome == CONN_STAYS ? conn_go_on(conn) : outcome;
}

/* Its filter or its holder is past the deadline. */
static enum conn_outcome late(struct exchange *exchange, uint64_t now_ms)
{
    uint32_t grip = GRIP_FREE;

    if (!atomic_compare_exchange_strong(&exchange->grip, &grip, GRIP_SEVERED)) {
        /* It is about to answer, or to get an answer. */
        (void)timers_set(&exchange->loop->timers, &exchange->timer, now_ms + 100);
        return CONN_STAYS;
    }
    if (exchange->place == EXCHANGE_PARKED && !call_abandon(&exchange->call)) {
        atomic_store(&exchange->grip, GRIP_FREE); /* resumed just now: the news are coming */
        return CONN_STAYS;
    }
    say_late(exchange);
    if (exchange->away)
        count_lost(exchange);
    return sever(exchange);
}

enum conn_outcome conn_timeout(struct exchange *exchange, uint64_t now_ms)
{
    struct conn *conn = exchange->conn;

    switch (exchange->place) {
    case EXCHANGE_READING:
        log_warn("a connection is closed: %s for %u s",
                 exchange->out.len ? "its peer has not read an answer"
                                   : "half a frame came and nothing more",
                 conn->loop->worker->heritage->config->frame_timeout_ms / 1000);
        return gone(conn);
    case EXCHANGE_ASKING:
        log_warn("call %u: the gateway did not answer a question in time; its connection is "
                 "closed",
                 exchange->call.id);
        return gone(conn);
    case EXCHANGE_PARKED:
        if (exchange->call.delay_ms) {
            enum conn_outcome outcome = conn_run(conn);
            return outcome == CONN_STAYS ? conn_go_on(conn) : outcome;
        }
        return late(exchange, now_ms);
    case EXCHANGE_RUNNING:
        return late(exchange, now_ms);
    case EXCHANGE_PARSING:
        return late_in_parsing(exchange);
    }
    return CONN_STAYS;
}
