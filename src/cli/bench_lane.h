/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of a load, with its connections. Only bench_load uses it.
 */
#ifndef CLI_BENCH_LANE_H
#define CLI_BENCH_LANE_H

#include <pthread.h>

#include "cli/bench_load.h"
#include "client/stream.h"

enum bench_phase { BENCH_WARMING, BENCH_MEASURING, BENCH_ENDING };

/* What all lanes share. */
struct bench_shared {
    const struct bench_plan *plan;
    _Atomic int phase;
    _Atomic uint64_t begun; /* calls, when their number is limited */
    _Atomic uint32_t number;
    _Atomic bool has_problem;
    char problem[BENCH_PROBLEM_SIZE];
};

struct bench_connection {
    int fd; /* -1: ended */
    bool busy;
    bool also;          /* the call that is out is plan->also */
    bool watching_room; /* for more room to send */
    uint32_t id;
    uint64_t since; /* when the call was sent, or was due */
    struct answers_turn turn;
    const uint8_t *out;
    size_t out_len;
    uint8_t *call_copy; /* with this connection's number */
    uint8_t *also_copy;
    struct stream stream;
    struct bench_connection *next_free;
};

struct bench_lane {
    pthread_t thread;
    struct bench_shared *shared;
    int epoll;
    struct bench_connection *connections;
    unsigned count;
    _Atomic unsigned open;
    unsigned busy;
    bool counting;
    double also_due; /* adds up to 1 */
    uint64_t due_ns; /* of the next call, with a rate */
    double interval_ns;
    double due_fraction;
    struct bench_connection *free_first; /* with a rate: longest idle first */
    struct bench_connection *free_last;
    _Atomic uint64_t answered;
    struct bench_counts counts;
};

/* The thread's function. */
void *bench_lane_run(void *lane);

/* Checks the reply's frame against what was sent and counts it. Formats the first
 * problem of the load. */
void bench_reply_check(struct bench_lane *lane, struct bench_connection *connection,
                       const struct frame *frame);

#endif
