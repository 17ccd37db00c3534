/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load on one socket: connections that each have at most one call outstanding, as a
 * gateway's have, driven by a few threads, every reply verified.
 *
 * Without a rate each connection calls again at once (closed loop). With one, calls are
 * due at fixed times, wait for a free connection when there is none, and their latency
 * counts from the time at which they were due, so a runner that stalls cannot hide it
 * by slowing its load down.
 */
#ifndef CLI_BENCH_LOAD_H
#define CLI_BENCH_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/un.h>

#include "cli/bench_frames.h"
#include "cli/bench_histogram.h"
#include "client/answers.h"

enum bench_expect {
    BENCH_EXPECT_ANY,
    BENCH_EXPECT_NONE,    /* nothing is changed */
    BENCH_EXPECT_STOP,    /* answered */
    BENCH_EXPECT_REWRITE, /* or, in the response phase, any change */
    BENCH_EXPECT_ECHO,    /* a Rewrite whose body is the request's */
};

struct bench_plan {
    enum bench_mode mode;
    unsigned connections;
    unsigned idle; /* further connections that stay silent */
    unsigned threads;
    double seconds;
    double warmup;
    double rate;    /* calls per second of all threads; 0: closed loop */
    uint64_t calls; /* end after so many, without a warm-up; 0: by time */
    enum bench_expect expect;
    struct wire_str body;           /* for BENCH_EXPECT_ECHO */
    const struct answers *answers;  /* what the runner may ask */
    const struct bench_frame *call; /* what is sent */
    const struct bench_frame *also; /* sent instead for also_share of the calls; or NULL */
    double also_share;              /* 0 to 1 */
};

struct bench_counts {
    struct bench_histogram latency; /* of `call` */
    struct bench_histogram also;    /* of `also` */
    uint64_t actions[3];            /* by enum message_action, or unchanged and changed */
    uint64_t asked;
    /* the following also while warming up */
    uint64_t error_frames;
    uint64_t error_codes[4]; /* the last: any other code */
    uint64_t mismatches;     /* wrong id, type or action, or malformed */
    uint64_t closed;         /* connections that the runner ended */
    uint64_t failed;         /* system calls */
    uint64_t refused;        /* connections that could not be made */
};

#define BENCH_PROBLEM_SIZE 160

struct bench_load;

/* Connects. 0, -ENOMEM, -errno of connecting. plan is borrowed until bench_load_free. */
int bench_load_open(struct bench_load **load, const struct bench_plan *plan,
                    const struct sockaddr_un *address);
void bench_load_free(struct bench_load *load);

/* Starts the threads, which then count nothing but errors. -errno. */
int bench_load_start(struct bench_load *load);

/* From now on everything is counted. */
void bench_load_measure(struct bench_load *load);

/* Calls answered so far while measuring; may lag behind. */
uint64_t bench_load_answered(const struct bench_load *load);

/* Whether there is anything left to wait for: a connection that is open, and calls. */
bool bench_load_alive(const struct bench_load *load);

/* Ends the threads and adds up. problem: the first thing that was wrong, or "". */
void bench_load_stop(struct bench_load *load, struct bench_counts *counts,
                     char problem[BENCH_PROBLEM_SIZE]);

static inline uint64_t bench_counts_errors(const struct bench_counts *counts)
{
    return counts->error_frames + counts->mismatches + counts->closed + counts->failed +
           counts->refused;
}

#endif
