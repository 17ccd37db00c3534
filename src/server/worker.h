/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process: what its threads share, and how they divide the work.
 *
 * Event loops own connections. A loop is driven by one thread at a time, and any
 * thread of the crew can drive it:
 *
 *   - A call runs on the loop's own thread, start to end, when nothing in it waits.
 *   - A filter that declared itself blocking runs on another thread of the crew.
 *   - A filter that asks the gateway in the middle of its run, undeclared, gives the
 *     loop away to another thread first and then waits on its own.
 *   - A filter that turns out to block has its loop taken away by the watch thread and
 *     given to another one; it goes on undisturbed and answers when it is done.
 *
 * A filter therefore runs on one thread from its first line to its last, and what is
 * thread-local (errno) is its own.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/call.h"
#include "plugin/registry.h"
#include "server/control.h"
#include "server/heritage.h"
#include "server/worker_confs.h"
#include "server/worker_crew.h"

#define WORKER_LOOPS_MAX 64

struct loop;

struct worker {
    const struct heritage *heritage;
    unsigned number; /* its place on the scoreboard */
    int control_fd;  /* to the supervisor */
    int statm_fd;    /* for --max-rss, from before the sandbox: what this process takes */
    struct registry registry;
    struct confs confs;
    struct crew crew;
    struct call_limits limits;
    struct call_surroundings surroundings;
    struct loop *loops[WORKER_LOOPS_MAX];
    unsigned loop_count;

    _Atomic bool draining;        /* SIGTERM: end when nothing is under way */
    _Atomic bool closing;         /* the end of draining: connections are closed */
    _Atomic bool handing_over;    /* a newer worker takes the connections */
    _Atomic bool wants_recycling; /* asked the supervisor to be replaced */
    _Atomic uint32_t connections;
    _Atomic uint64_t calls;        /* loops add to it now and then */
    _Atomic uint32_t lost_threads; /* inside filters that are past their deadline */
    /* Large buffers were freed: when it is quiet, their memory goes back to the system. */
    _Atomic bool trim_due;

    /* the watch thread sleeps while nothing happens; see worker_watch.c */
    _Atomic uint32_t watch_asleep;
};

/* Any thread: ends the worker, which cannot go on without the descriptor. */
_Noreturn void worker_lost_descriptor(const char *which, int error);

/* The main thread: waits for what the supervisor says, and does it. True: it is for the
 * caller to do, to end in one of two ways: CONTROL_HAND_OVER, CONTROL_DRAIN. */
bool worker_hear(struct worker *worker, struct control_message *message);

/* Any thread: asks the supervisor, once, for a replacement. */
void worker_ask_recycling(struct worker *worker, const char *why);

/* ---- worker_end.c; each gives the exit status ---- */

/* The runner stops: finishes what is under way, closes, ends the plugins. */
int worker_stop(struct worker *worker, uint64_t until_ms);

/* A newer worker serves: ends when the last connection is given away or closed. */
int worker_leave(struct worker *worker);

/*
 * The whole life of a worker, from after the fork to its exit status. Closes what of
 * the supervisor's it must not keep before it is called.
 */
int worker_main(const struct heritage *heritage, unsigned number, int control_fd);

#endif
