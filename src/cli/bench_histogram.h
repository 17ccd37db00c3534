/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies in nanoseconds, counted in buckets that are at most 1.6 % wide. One thread
 * at a time.
 */
#ifndef CLI_BENCH_HISTOGRAM_H
#define CLI_BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_BITS 6 /* buckets for each doubling, as a power of two */
#define BENCH_HISTOGRAM_SIZE ((64 - BENCH_HISTOGRAM_BITS + 1) << BENCH_HISTOGRAM_BITS)

struct bench_histogram {
    uint64_t counts[BENCH_HISTOGRAM_SIZE];
    uint64_t total;
    uint64_t max; /* the largest value, exact */
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);
void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from);

/* The value that the share (0 to 1) of all values does not pass, in ns; 0 when there
 * is none. */
double bench_histogram_quantile(const struct bench_histogram *histogram, double share);

#endif
