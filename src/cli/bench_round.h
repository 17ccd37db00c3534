/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measurement of one runner: connects, has the conf prepared, warms up, measures.
 */
#ifndef CLI_BENCH_ROUND_H
#define CLI_BENCH_ROUND_H

#include "cli/bench_load.h"
#include "cli/bench_resources.h"
#include "cli/conf_args.h"

/* What is measured, the same for all runners and rounds. */
struct bench_setup {
    struct bench_plan plan; /* but for the frames */
    const struct http_args *http;
    const struct conf_args *confs;
    const struct conf_args *also_confs; /* of plan.also_share; or NULL */
    const char *key;
};

/* Called a few times a second: the measurement's share that is done, and calls/s. */
typedef void (*bench_progress)(void *user, double done, double rate);

struct bench_result {
    double seconds;
    struct bench_counts counts;
    uint64_t calls;
    bool has_server;                  /* the following two: a pid was given */
    uint64_t server_cpu_ns;           /* while measuring */
    struct bench_resources server;    /* at the end */
    uint64_t client_cpu_ns;           /* of the whole load's process, while measuring */
    char problem[BENCH_PROBLEM_SIZE]; /* the first wrong reply, or "" */
};

#define BENCH_ERROR_SIZE 320

/* pid 0: none. 0, or -errno with an error text: nothing could be measured. Ends early,
 * with what it has, when *interrupted is set. */
int bench_round(const struct bench_setup *setup, const char *socket, pid_t pid,
                bench_progress progress, void *user, const volatile int *interrupted,
                struct bench_result *result, char error[BENCH_ERROR_SIZE]);

#endif
