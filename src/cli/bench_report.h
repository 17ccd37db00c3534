/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of a benchmark, for a person or as JSON: each runner's medians over its
 * rounds, with the spread where it matters.
 */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include <stdio.h>

#include "cli/bench_round.h"

struct bench_runner {
    const char *socket;
    pid_t pid; /* 0: not given */
    struct bench_result *results;
    unsigned rounds; /* results that are there */
};

struct bench_report {
    const struct bench_setup *setup;
    const struct bench_runner *runners;
    unsigned runner_count;
};

void bench_report_text(FILE *to, const struct bench_report *report);
void bench_report_json(FILE *to, const struct bench_report *report);

/* Errors of all runners and rounds. */
uint64_t bench_report_errors(const struct bench_report *report);

/* One figure of one result. */
typedef double (*bench_figure)(const struct bench_result *result);

struct bench_spread {
    double median, min, max;
};

struct bench_spread bench_report_spread(const struct bench_runner *runner, bench_figure figure);

double bench_figure_rate(const struct bench_result *result);
double bench_figure_cpu_us(const struct bench_result *result);    /* of the server, a call */
double bench_figure_client_us(const struct bench_result *result); /* of the load, a call */
double bench_figure_p50(const struct bench_result *result);       /* all in us */
double bench_figure_p90(const struct bench_result *result);
double bench_figure_p99(const struct bench_result *result);
double bench_figure_p999(const struct bench_result *result);
double bench_figure_max(const struct bench_result *result);
double bench_figure_also_p99(const struct bench_result *result);

#endif
