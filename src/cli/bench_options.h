/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line of `c-runner bench` says.
 */
#ifndef CLI_BENCH_OPTIONS_H
#define CLI_BENCH_OPTIONS_H

#include "cli/bench_round.h"

#define BENCH_RUNNERS_MAX 8

struct bench_options {
    const char *sockets[BENCH_RUNNERS_MAX];
    pid_t pids[BENCH_RUNNERS_MAX]; /* 0: not given */
    unsigned socket_count;
    unsigned pid_count;
    unsigned rounds; /* 0: not given */
    bool json;
    bool own_request, own_headers;
    struct conf_args confs;
    struct conf_args also;
    struct bench_setup setup; /* complete after bench_options_take */
    struct http_args http;
    char *filler; /* the body of --body-size */
};

/* 0, -ENOMEM. bench_options_free is due in any case. */
int bench_options_init(struct bench_options *options);
void bench_options_free(struct bench_options *options);

/* EXIT_OK, EXIT_USAGE or EXIT_HELPED. */
int bench_options_take(struct bench_options *options, int argc, char **argv);

#endif
