/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/bench_report.h"

static double each(double ns, const struct bench_result *result)
{
    return result->calls ? ns / 1e3 / (double)result->calls : NAN;
}

static double latency(const struct bench_result *result, double share)
{
    return bench_histogram_quantile(&result->counts.latency, share) / 1e3;
}

double bench_figure_rate(const struct bench_result *result)
{
    return result->seconds > 0 ? (double)result->calls / result->seconds : NAN;
}

double bench_figure_cpu_us(const struct bench_result *result)
{
    return result->has_server ? each((double)result->server_cpu_ns, result) : NAN;
}

double bench_figure_client_us(const struct bench_result *result)
{
    return each((double)result->client_cpu_ns, result);
}

double bench_figure_p50(const struct bench_result *result)
{
    return latency(result, 0.5);
}

double bench_figure_p90(const struct bench_result *result)
{
    return latency(result, 0.9);
}

double bench_figure_p99(const struct bench_result *result)
{
    return latency(result, 0.99);
}

double bench_figure_p999(const struct bench_result *result)
{
    return latency(result, 0.999);
}

double bench_figure_max(const struct bench_result *result)
{
    return (double)result->counts.latency.max / 1e3;
}

double bench_figure_also_p99(const struct bench_result *result)
{
    return bench_histogram_quantile(&result->counts.also, 0.99) / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

struct bench_spread bench_report_spread(const struct bench_runner *runner, bench_figure figure)
{
    struct bench_spread spread = {NAN, NAN, NAN};
    double *values = calloc(runner->rounds + 1, sizeof(*values));
    unsigned count = 0;

    for (unsigned i = 0; values && i < runner->rounds; i++) {
        double value = figure(&runner->results[i]);

        if (isfinite(value))
            values[count++] = value;
    }
    if (count) {
        qsort(values, count, sizeof(*values), compare);
        spread = (struct bench_spread){
            .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
            .min = values[0],
            .max = values[count - 1],
        };
    }
    free(values);
    return spread;
}
