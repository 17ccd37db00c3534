/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_histogram.h"

#define BITS BENCH_HISTOGRAM_BITS
#define PER_DOUBLING (1u << BITS)

/* Values below PER_DOUBLING have a bucket each; above, the top BITS + 1 bits choose. */
static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < PER_DOUBLING)
        return (unsigned)value;
    shift = 63u - BITS - (unsigned)__builtin_clzll(value);
    return (shift << BITS) + (unsigned)(value >> shift);
}

static double middle_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < PER_DOUBLING)
        return bucket;
    shift = (bucket >> BITS) - 1;
    return ((double)(PER_DOUBLING + (bucket & (PER_DOUBLING - 1))) + 0.5) *
           (double)((uint64_t)1 << shift);
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from)
{
    for (unsigned i = 0; i < BENCH_HISTOGRAM_SIZE; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    if (from->max > into->max)
        into->max = from->max;
}

double bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->total;
    uint64_t seen = 0;

    for (unsigned i = 0; i < BENCH_HISTOGRAM_SIZE; i++) {
        seen += histogram->counts[i];
        if (seen && (double)seen >= wanted) {
            double middle = middle_of(i);

            return middle < (double)histogram->max ? middle : (double)histogram->max;
        }
    }
    return 0;
}
