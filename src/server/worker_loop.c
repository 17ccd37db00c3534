/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/worker_accept.h"
#include "server/worker_conn.h"
#include "server/worker_exchange.h"
#include "server/worker_watch.h"

/* So many spare exchanges are kept warm; the rest of a burst is given back. */
#define SPARE_MAX 64
/* How many calls a loop answers before it looks at the worker's limits. */
#define COUNT_EVERY 512u
/* Marks what is not a connection in the epoll set. */
#define EVENT_WAKE ((void *)1)
#define EVENT_ACCEPT ((void *)2)
#define EVENT_TIMERS ((void *)3)

static int watch(struct loop *loop, int fd, uint32_t events, void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = mark};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_create(struct loop **created, struct worker *worker, unsigned number)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int error = -ENOMEM;

    if (!loop)
        return error;
    loop->worker = worker;
    loop->number = number;
    loop->wake_fd = loop->timer_fd = -1;
    pthread_mutex_init(&loop->inbox_lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    error = -errno;
    if (loop->epoll_fd < 0)
        goto fail;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    error = -errno;
    if (loop->wake_fd < 0)
        goto fail;
    loop->timer_fd = timers_open();
    error = loop->timer_fd;
    if (error < 0)
        goto fail;
    error = watch(loop, loop->wake_fd, EPOLLIN | EPOLLET, EVENT_WAKE);
    if (!error)
        error = watch(loop, loop->timer_fd, EPOLLIN | EPOLLET, EVENT_TIMERS);
    if (error)
        goto fail;
    *created = loop;
    return 0;

fail:
    loop_free(loop);
    return error;
}

static void forget(struct loop *loop)
{
    for (unsigned i = 0; i < LOOP_REMEMBERED; i++) {
        if (loop->remembered[i])
            chain_drop(loop->remembered[i]);
        loop->remembered[i] = NULL;
    }
}

/* A suspended call's holder may be using it at this moment. From here on it is told that
 * the gateway is gone. False: it waits for an answer on the connection, which stays. */
static bool part_with_holder(struct exchange *exchange)
{
    bool suspended = exchange->place == EXCHANGE_PARKED || (exchange->away && exchange->parked);
    uint32_t grip = GRIP_FREE;

    if (!suspended || exchange->call.delay_ms)
        return true;
    if (!atomic_compare_exchange_strong(&exchange->grip, &grip, GRIP_SEVERED))
        return false;
    (void)call_abandon(&exchange->call);
    return true;
}

/* The next news, and whose they are; NULL: there are none. */
static struct exchange *take_news(struct loop *loop, uint32_t *news)
{
    pthread_mutex_lock(&loop->inbox_lock);
    struct exchange *exchange = loop->inbox;
    if (exchange) {
        loop->inbox = exchange->news_next;
        *news = exchange->news;
        exchange->news = 0;
    }
    pthread_mutex_unlock(&loop->inbox_lock);
    return exchange;
}

void loop_close(struct loop *loop)
{
    struct exchange *exchange;
    struct conn *next;
    uint32_t news;

    for (struct conn *conn = loop->conns; conn; conn = next) {
        next = conn->next;
        if (!conn->exchange || part_with_holder(conn->exchange))
            conn_close(conn);
    }
    while ((exchange = take_news(loop, &news))) {
        if (!exchange->conn)
            (void)conn_news(exchange, news);
    }
    while (loop->inbox_conns) {
        struct conn *conn = loop->inbox_conns;
        loop->inbox_conns = conn->next;
        conn_drop(conn);
    }
    while ((exchange = loop->spare)) {
        loop->spare = exchange->next;
        exchange_free(exchange);
    }
    forget(loop);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_close(loop);
    timers_free(&loop->timers);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    pthread_mutex_destroy(&loop->inbox_lock);
    free(loop);
}

/* ---- from other threads ---- */

/* A plugin that closes what is not its own may have left the number to a connection, on
 * which a wake-up would be no frame. */
void loop_wake(struct loop *loop)
{
    const uint64_t one = 1;
    struct stat about;

    if (fstat(loop->wake_fd, &about) < 0 || S_ISSOCK(about.st_mode))
        worker_lost_descriptor("wake-up descriptor", EBADF);
    if (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) /* full: woken already */
        worker_lost_descriptor("wake-up descriptor", errno);
}

void loop_post(struct loop *loop, struct exchange *exchange, enum exchange_news news)
{
    pthread_mutex_lock(&loop->inbox_lock);
    bool empty = !loop->inbox;
    if (!exchange->news) {
        exchange->news_next = loop->inbox;
        loop->inbox = exchange;
    }
    exchange->news |= news;
    pthread_mutex_unlock(&loop->inbox_lock);
    if (empty)
        loop_wake(loop);
}

void loop_post_conn(struct loop *loop, struct conn *conn)
{
    pthread_mutex_lock(&loop->inbox_lock);
    conn->next = loop->inbox_conns;
    loop->inbox_conns = conn;
    pthread_mutex_unlock(&loop->inbox_lock);
    loop_wake(loop);
}

void loop_post_accept(struct loop *loop)
{
    pthread_mutex_lock(&loop->inbox_lock);
    loop->inbox_accept = true;
    pthread_mutex_unlock(&loop->inbox_lock);
    loop_wake(loop);
}

/* ---- what the loop lends ---- */

struct exchange *loop_borrow(struct loop *loop, struct conn *conn)
{
    struct exchange *exchange = loop->spare;

    if (exchange) {
        loop->spare = exchange->next;
        loop->spare_count--;
    } else {
        exchange = exchange_new(loop);
        if (!exchange)
            return NULL;
    }
    exchange->conn = conn;
    conn->exchange = exchange;
    return exchange;
}

void loop_return(struct loop *loop, struct exchange *exchange)
{
    exchange->conn = NULL;
    if (loop->spare_count >= SPARE_MAX || exchange->in.capacity > INPUT_KEEP) {
        atomic_store_explicit(&loop->worker->trim_due, true, memory_order_relaxed);
        exchange_free(exchange);
        return;
    }
    exchange->next = loop->spare;
    loop->spare = exchange;
    loop->spare_count++;
}

struct chain *loop_recall(struct loop *loop, uint32_t token, uint64_t now_ms)
{
    uint32_t generation =
        atomic_load_explicit(&loop->worker->confs.generation, memory_order_acquire);

    if (generation != loop->remembered_generation) {
        forget(loop);
        loop->remembered_generation = generation;
    }
    struct chain *chain = loop->remembered[token & (LOOP_REMEMBERED - 1)];
    if (!chain || chain->token != token ||
        __atomic_load_n(&chain->expires_ms, __ATOMIC_RELAXED) <= now_ms)
        return NULL;
    return chain;
}

void loop_remember_take(struct loop *loop, struct chain *chain)
{
    struct chain **place = &loop->remembered[chain->token & (LOOP_REMEMBERED - 1)];
    struct chain *old = *place;

    *place = chain;
    if (old)
        chain_drop(old);
    if (!loop->expire_timer.place)
        (void)timers_set(&loop->timers, &loop->expire_timer,
                         __atomic_load_n(&chain->expires_ms, __ATOMIC_RELAXED) + 1000);
}

/* ---- driving ---- */

/* What the last driver is still busy with belongs to its own thread until it is back. */
static void take_over(struct loop *loop)
{
    struct exchange *exchange = loop->taken;

    if (!exchange)
        return;
    loop->taken = NULL;
    exchange->away = true;
    if (loop->taken_chain) {
        if (exchange->lent)
            chain_drop(loop->taken_chain);
        else
            exchange->lent = loop->taken_chain;
    }
    loop->taken_chain = NULL;
    (void)timers_set(&loop->timers, &exchange->timer, exchange->deadline_ms);
}

/* False: the loop was lost on the way. What was not handled stays in the inbox, for the
 * next driver. */
static bool read_inbox(struct loop *loop)
{
    struct exchange *exchange;
    struct conn *conns;
    bool accept;
    uint32_t news;
    uint64_t drain;
    ssize_t ignored = read(loop->wake_fd, &drain, sizeof(drain));

    (void)ignored;
    pthread_mutex_lock(&loop->inbox_lock);
    conns = loop->inbox_conns;
    loop->inbox_conns = NULL;
    accept = loop->inbox_accept;
    loop->inbox_accept = false;
    pthread_mutex_unlock(&loop->inbox_lock);

    while (conns) {
        struct conn *next = conns->next;
        /* It came too late for hand_over to see it. */
        if (conn_adopt(loop, conns) == 0 && loop->handed_over &&
            atomic_load_explicit(&loop->worker->handing_over, memory_order_relaxed))
            (void)conn_hand_over(conns);
        conns = next;
    }
    if (accept) {
        accept_start(loop);
        if (loop->accepting)
            (void)accept_some(loop);
    }
    while ((exchange = take_news(loop, &news))) {
        if (conn_news(exchange, news) == CONN_LOOP_LOST)
            return false;
    }
    return true;
}

static bool run_timers(struct loop *loop)
{
    uint64_t now = clock_ms();
    struct timer *timer;

    timers_fired(&loop->timers);
    while ((timer = timers_due(&loop->timers, now))) {
        if (timer == &loop->accept_timer) {
            accept_start(loop);
        } else if (timer == &loop->expire_timer) {
            uint64_t wait = confs_expire(&loop->worker->confs, now);
            if (wait)
                (void)timers_set(&loop->timers, &loop->expire_timer, now + wait + 1000);
        } else {
            struct exchange *exchange =
                (struct exchange *)((char *)timer - offsetof(struct exchange, timer));
            if (conn_timeout(exchange, now) == CONN_LOOP_LOST)
                return false;
        }
    }
    return true;
}

/* A connection that was closed must not be found in the events that are left. */
void loop_forget_events(struct loop *loop, const void *mark)
{
    for (int i = loop->event_at; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == mark)
            loop->events[i].data.ptr = NULL;
    }
}

static bool run_events(struct loop *loop)
{
    while (loop->event_at < loop->event_count) {
        struct epoll_event *event = &loop->events[loop->event_at++];
        void *mark = event->data.ptr;

        if (mark == EVENT_WAKE) {
            if (!read_inbox(loop))
                return false;
        } else if (mark == EVENT_ACCEPT) {
            (void)accept_some(loop);
        } else if (mark == EVENT_TIMERS) {
            if (!run_timers(loop))
                return false;
        } else if (mark) {
            loop->stirred = true;
            if (conn_event(mark, event->events) == CONN_LOOP_LOST)
                return false;
        }
    }
    return true;
}

int loop_watch_accept(struct loop *loop, bool on)
{
    int fd = loop->worker->heritage->listen_fd;

    if (!on)
        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
    return watch(loop, fd, EPOLLIN | EPOLLEXCLUSIVE, EVENT_ACCEPT);
}

/* A newer worker serves: it gets the connections that have nothing under way now, and
 * the others as soon as they have not. */
static void hand_over(struct loop *loop)
{
    struct conn *next;

    accept_stop(loop);
    for (struct conn *conn = loop->conns; conn; conn = next) {
        next = conn->next;
        if (!conn->exchange)
            (void)conn_hand_over(conn);
    }
    atomic_store(&loop->handed_over, true);
}

/* False: the loop was lost on the way; its next driver does the rest. */
static bool close_all(struct loop *loop)
{
    struct conn *next;

    for (struct conn *conn = loop->conns; conn; conn = next) {
        next = conn->next;
        if (conn_finish(conn) == CONN_LOOP_LOST)
            return false;
    }
    loop->closed = true;
    return true;
}

/* Counts what is under way, for the one who waits for the end. */
static void report_drain(struct loop *loop)
{
    uint32_t busy = 0;

    if (loop->accepting) {
        while (accept_some(loop))
            ; /* who has connected already is served */
        accept_stop(loop);
    }
    for (struct conn *conn = loop->conns; conn; conn = conn->next)
        busy += conn->exchange != NULL;
    atomic_store(&loop->busy, busy);
    if (loop->stirred)
        atomic_store(&loop->active_ms, clock_ms());
    loop->stirred = false;
}

/* Resident memory of this process in bytes; 0: not known. */
static uint64_t resident(const struct worker *worker)
{
    unsigned long pages = 0;
    char text[128];
    ssize_t len = pread(worker->statm_fd, text, sizeof(text) - 1, 0);

    text[len > 0 ? len : 0] = 0;
    if (sscanf(text, "%*u %lu", &pages) != 1)
        pages = 0;
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Now and then: has the worker done, or grown to, what it may? */
static void count_calls(struct loop *loop)
{
    struct worker *worker = loop->worker;
    const a6_runner_config *config = worker->heritage->config;
    uint64_t calls =
        atomic_fetch_add_explicit(&worker->calls, loop->uncounted, memory_order_relaxed) +
        loop->uncounted;

    loop->uncounted = 0;
    if (config->max_calls && calls >= config->max_calls)
        worker_ask_recycling(worker, "it has answered as many calls as --max-calls says");
    if (config->max_rss_bytes && resident(worker) >= config->max_rss_bytes)
        worker_ask_recycling(worker, "its memory has grown to --max-rss");
}

/* Does what the worker's main thread asked for. False: the loop was lost on the way. */
static bool heed_worker(struct loop *loop)
{
    struct worker *worker = loop->worker;

    if (atomic_load_explicit(&worker->draining, memory_order_relaxed))
        report_drain(loop);
    if (atomic_load_explicit(&worker->closing, memory_order_relaxed) && !loop->closed)
        return close_all(loop);
    if (atomic_load_explicit(&worker->handing_over, memory_order_relaxed) && !loop->handed_over)
        hand_over(loop);
    return true;
}

void loop_drive(struct loop *loop)
{
    struct worker *worker = loop->worker;

    driver_become(&loop->driver);
    take_over(loop);
    /* The last driver may have lost the loop in the middle of the news. */
    if (!read_inbox(loop))
        return;
    while (!atomic_load_explicit(&loop->stop, memory_order_relaxed)) {
        if (!run_events(loop) || !heed_worker(loop))
            return;
        if (loop->uncounted >= COUNT_EVERY)
            count_calls(loop);
        int error = timers_arm(&loop->timers, loop->timer_fd);
        if (error)
            worker_lost_descriptor("timer descriptor", -error);
        int count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS, -1);
        if (count < 0 && errno != EINTR)
            worker_lost_descriptor("epoll descriptor", errno);
        loop->event_at = 0;
        loop->event_count = count > 0 ? count : 0;
        loop->now_ms = loop_now();
        if (atomic_load_explicit(&worker->watch_asleep, memory_order_relaxed))
            watch_wake(worker);
    }
}
