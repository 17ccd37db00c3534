/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles, and medians over rounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/bench_histogram.h"
#include "cli/bench_report.h"

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 0.016 * expected))
        fail_msg("%g is not near %g", value, expected);
}

static void quantiles_are_near(void **state)
{
    struct bench_histogram *histogram = calloc(1, sizeof(*histogram));

    (void)state;
    assert_non_null(histogram);
    assert_true(bench_histogram_quantile(histogram, 0.5) == 0);
    for (uint64_t i = 1; i <= 100000; i++)
        bench_histogram_add(histogram, i * 10);
    assert_int_equal(histogram->total, 100000);
    assert_int_equal(histogram->max, 1000000);
    assert_near(bench_histogram_quantile(histogram, 0.5), 500000);
    assert_near(bench_histogram_quantile(histogram, 0.99), 990000);
    assert_near(bench_histogram_quantile(histogram, 0.001), 1000);
    assert_true(bench_histogram_quantile(histogram, 1) <= 1000000);
    free(histogram);
}

/* Every value lands in a bucket, and the bucket stands for it. */
static void every_size_of_value(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct bench_histogram *histogram = calloc(1, sizeof(*histogram));
        uint64_t value = (uint64_t)1 << bit;

        assert_non_null(histogram);
        value |= value >> 3;
        bench_histogram_add(histogram, value);
        bench_histogram_add(histogram, UINT64_MAX);
        assert_near(bench_histogram_quantile(histogram, 0.5), (double)value);
        free(histogram);
    }
}

static void merges(void **state)
{
    struct bench_histogram *two = calloc(2, sizeof(*two));

    (void)state;
    assert_non_null(two);
    bench_histogram_add(&two[0], 10);
    bench_histogram_add(&two[1], 20);
    bench_histogram_add(&two[1], 30);
    bench_histogram_merge(&two[0], &two[1]);
    assert_int_equal(two[0].total, 3);
    assert_int_equal(two[0].max, 30);
    assert_true(bench_histogram_quantile(&two[0], 0.5) == 20);
    free(two);
}

static void medians_of_rounds(void **state)
{
    struct bench_result *results = calloc(4, sizeof(*results));
    struct bench_runner runner = {.results = results, .rounds = 3};
    struct bench_spread spread;

    (void)state;
    assert_non_null(results);
    for (unsigned i = 0; i < 4; i++)
        results[i] = (struct bench_result){.seconds = 1, .calls = (i + 1) * 100};
    results[0].calls = 900;
    spread = bench_report_spread(&runner, bench_figure_rate);
    assert_true(spread.median == 300 && spread.min == 200 && spread.max == 900);
    runner.rounds = 4;
    assert_true(bench_report_spread(&runner, bench_figure_rate).median == 350);
    /* no pid, no figure */
    assert_true(isnan(bench_report_spread(&runner, bench_figure_cpu_us).median));
    free(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_near),
        cmocka_unit_test(every_size_of_value),
        cmocka_unit_test(merges),
        cmocka_unit_test(medians_of_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
