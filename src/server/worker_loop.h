/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop: one epoll set, the connections in it, their timers. One thread drives
 * it at a time (worker.h); all but the functions marked "any thread" are the driver's.
 */
#ifndef SERVER_WORKER_LOOP_H
#define SERVER_WORKER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "server/worker.h"
#include "server/worker_driver.h"
#include "server/worker_exchange.h"
#include "server/worker_timer.h"

#define LOOP_EVENTS 128
#define LOOP_REMEMBERED 1024 /* chains, a power of two */

struct loop {
    struct worker *worker;
    unsigned number;
    int epoll_fd;
    int wake_fd;
    int timer_fd;

    /*
     * Whose turn it is. Even: the driver is in our code. Odd: it is inside a plugin, and
     * the loop may be taken from it: whoever makes the number even by compare-and-swap
     * has the loop. It only ever grows.
     */
    _Atomic uint64_t turn;
    struct driver driver;

    struct exchange *running; /* whose call the driver runs */
    struct chain *running_chain;
    struct plugin *running_plugin;
    /* Left for the next driver by whoever takes or gives the loop: the exchange that the
     * last one is still busy with, and a reference on its chain. */
    struct exchange *taken;
    struct chain *taken_chain;

    uint64_t now_ms; /* coarse, as of the last wait */
    struct epoll_event events[LOOP_EVENTS];
    int event_at;
    int event_count;

    struct exchange *spare;
    unsigned spare_count;
    struct conn *conns;
    _Atomic uint32_t conn_count;
    struct timers timers;
    struct timer accept_timer;
    struct timer expire_timer;
    bool accepting;
    _Atomic bool handed_over; /* accepts nothing more, and keeps nothing that is idle */
    bool closed;              /* every connection was told that it is closed */
    bool stirred;             /* something came on a connection since the last look */
    uint32_t uncounted;       /* calls since the worker's count was brought up to date */
    _Atomic bool stop;

    /* For the worker's main thread, while the worker drains. */
    _Atomic uint64_t active_ms; /* when something last came on a connection */
    _Atomic uint32_t busy;      /* connections with something under way */

    uint32_t remembered_generation;
    struct chain *remembered[LOOP_REMEMBERED]; /* by token; each holds a reference */

    pthread_mutex_t inbox_lock;
    struct exchange *inbox; /* newest first */
    struct conn *inbox_conns;
    bool inbox_accept; /* accept */
};

int loop_create(struct loop **loop, struct worker *worker, unsigned number);

/* When nobody drives it any more, and no thread of the crew runs: closes the connections,
 * and lets go of all confs but those of suspended calls. Their holders may still use them
 * and resume them, as long as the loop is not freed. */
void loop_close(struct loop *loop);

/* Closes it, and frees. */
void loop_free(struct loop *loop);

/* Drives the loop until it is stopped, given away or taken. A thread of the crew. */
void loop_drive(struct loop *loop);

/* Any thread. The news reach the driver soon; a post is the last that the poster does
 * with the exchange. */
void loop_post(struct loop *loop, struct exchange *exchange, enum exchange_news news);

/* Any thread: a new connection for this loop. */
void loop_post_conn(struct loop *loop, struct conn *conn);

/* Any thread: has the driver look at the worker's and the loop's flags. */
void loop_wake(struct loop *loop);

/* Any thread: the listening socket is ready, or connections wait there. */
void loop_post_accept(struct loop *loop);

/* A spare exchange or a new one, for the connection; NULL: no memory. */
struct exchange *loop_borrow(struct loop *loop, struct conn *conn);

/* Takes back an idle exchange. */
void loop_return(struct loop *loop, struct exchange *exchange);

/* Begins or ceases to watch the listening socket. -errno. */
int loop_watch_accept(struct loop *loop, bool on);

/* Takes a connection that is being closed out of the events still to be handled. */
void loop_forget_events(struct loop *loop, const void *mark);

/* The chain of the token if the loop remembers it and it lives, or NULL. Borrowed: the
 * loop keeps its reference at least until its driver handles the next event. */
struct chain *loop_recall(struct loop *loop, uint32_t token, uint64_t now_ms);

/* Takes over a reference. */
void loop_remember_take(struct loop *loop, struct chain *chain);

/* ---- turns ---- */

static inline uint64_t loop_enter(struct loop *loop)
{
    uint64_t turn = atomic_load_explicit(&loop->turn, memory_order_relaxed) + 1;

    atomic_store_explicit(&loop->turn, turn, memory_order_release);
    return turn;
}

/* True: the loop is still (or, when given away, was until now) the caller's. */
static inline bool loop_leave(struct loop *loop, uint64_t turn)
{
    return atomic_compare_exchange_strong_explicit(&loop->turn, &turn, turn + 1,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* Coarse: some milliseconds late at most, and nearly free. */
static inline uint64_t loop_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

#endif
