/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_report.h"

#include <inttypes.h>
#include <math.h>

#include "cli/json_text.h"

static const char *const mode_names[] = {"req", "resp", "conf"};

static uint64_t errors_of(const struct bench_runner *runner)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < runner->rounds; i++)
        sum += bench_counts_errors(&runner->results[i].counts);
    return sum;
}

uint64_t bench_report_errors(const struct bench_report *report)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < report->runner_count; i++)
        sum += errors_of(&report->runners[i]);
    return sum;
}

/* ---- for a person ---- */

static void put_cpu(FILE *to, const struct bench_runner *runner)
{
    struct bench_spread cpu = bench_report_spread(runner, bench_figure_cpu_us);
    char range[32] = "";

    if (isnan(cpu.median)) {
        fprintf(to, " %20s", "-");
        return;
    }
    if (runner->rounds > 1)
        snprintf(range, sizeof(range), " (%.2f-%.2f)", cpu.min, cpu.max);
    fprintf(to, " %6.2f%-14s", cpu.median, range);
}

static void put_row(FILE *to, const struct bench_runner *runner)
{
    static const bench_figure latencies[] = {bench_figure_p50, bench_figure_p90, bench_figure_p99,
                                             bench_figure_p999, bench_figure_max};

    fprintf(to, "%12.0f", bench_report_spread(runner, bench_figure_rate).median);
    put_cpu(to, runner);
    for (size_t i = 0; i < sizeof(latencies) / sizeof(*latencies); i++)
        fprintf(to, " %9.1f", bench_report_spread(runner, latencies[i]).median);
    fprintf(to, " %9" PRIu64 "  %s\n", errors_of(runner), runner->socket);
}

static void put_errors(FILE *to, const struct bench_runner *runner)
{
    struct bench_counts sum = {0};
    const char *problem = "";

    for (unsigned i = 0; i < runner->rounds; i++) {
        const struct bench_counts *counts = &runner->results[i].counts;

        for (unsigned k = 0; k < 4; k++)
            sum.error_codes[k] += counts->error_codes[k];
        sum.mismatches += counts->mismatches;
        sum.closed += counts->closed;
        sum.failed += counts->failed;
        if (!*problem)
            problem = runner->results[i].problem;
    }
    fprintf(to,
            "%s: Error frames: %" PRIu64 " BAD_REQUEST, %" PRIu64 " SERVICE_UNAVAILABLE, %" PRIu64
            " CONF_TOKEN_NOT_FOUND, %" PRIu64 " others; %" PRIu64 " wrong replies%s%s%s; %" PRIu64
            " connections ended; %" PRIu64 " system calls failed\n",
            runner->socket, sum.error_codes[0], sum.error_codes[1], sum.error_codes[2],
            sum.error_codes[3], sum.mismatches, *problem ? " (the first: " : "", problem,
            *problem ? ")" : "", sum.closed, sum.failed);
}

void bench_report_text(FILE *to, const struct bench_report *report)
{
    const struct bench_plan *plan = &report->setup->plan;

    fprintf(to, "%u connection%s, %u round%s of ", plan->connections,
            plan->connections == 1 ? "" : "s", report->runners[0].rounds,
            report->runners[0].rounds == 1 ? "" : "s");
    if (plan->calls)
        fprintf(to, "%" PRIu64 " calls", plan->calls);
    else
        fprintf(to, "%.3g s", plan->seconds);
    if (plan->rate > 0)
        fprintf(to, ", %.0f calls/s due", plan->rate);
    fprintf(to, "\n%12s %-20s %9s %9s %9s %9s %9s %9s  socket\n", "calls/s",
            report->runners[0].rounds > 1 ? "CPU us/call (range)" : "CPU us/call", "p50 us",
            "p90 us", "p99 us", "p99.9 us", "max us", "errors");
    for (unsigned i = 0; i < report->runner_count; i++)
        put_row(to, &report->runners[i]);
    for (unsigned i = 0; report->setup->also_confs && i < report->runner_count; i++)
        fprintf(to, "the %.3g %% of calls with the other conf: p99 %.1f us  %s\n",
                plan->also_share * 100,
                bench_report_spread(&report->runners[i], bench_figure_also_p99).median,
                report->runners[i].socket);
    for (unsigned i = 0; i < report->runner_count; i++)
        if (errors_of(&report->runners[i]))
            put_errors(to, &report->runners[i]);
}

/* ---- JSON ---- */

static void put_latency(struct json_text *json, const char *name,
                        const struct bench_histogram *histogram)
{
    static const struct {
        const char *name;
        double share;
    } shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

    json_text_open(json, name, '{');
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
        json_text_number(json, shares[i].name,
                         bench_histogram_quantile(histogram, shares[i].share) / 1e3, 1);
    json_text_number(json, "max", (double)histogram->max / 1e3, 1);
    json_text_close(json, '}');
}

static void put_server(struct json_text *json, const struct bench_result *result)
{
    if (!result->has_server)
        return;
    json_text_number(json, "cpu_us_per_call", bench_figure_cpu_us(result), 3);
    json_text_integer(json, "resident_kib", (int64_t)result->server.resident_kib);
    json_text_integer(json, "threads", result->server.threads);
    json_text_integer(json, "processes", result->server.processes);
}

static void put_result(struct json_text *json, const struct bench_setup *setup,
                       const struct bench_result *result)
{
    const struct bench_counts *counts = &result->counts;

    json_text_open(json, NULL, '{');
    json_text_number(json, "seconds", result->seconds, 3);
    json_text_integer(json, "calls", (int64_t)result->calls);
    json_text_number(json, "calls_per_second", bench_figure_rate(result), 1);
    put_latency(json, "latency_us", &counts->latency);
    if (setup->also_confs) {
        json_text_integer(json, "also_calls", (int64_t)counts->also.total);
        put_latency(json, "also_latency_us", &counts->also);
    }
    put_server(json, result);
    json_text_number(json, "client_cpu_us_per_call", bench_figure_client_us(result), 3);
    json_text_integer(json, "unchanged", (int64_t)counts->actions[0]);
    json_text_integer(json, "stopped", (int64_t)counts->actions[1]);
    json_text_integer(json, "rewritten", (int64_t)counts->actions[2]);
    json_text_integer(json, "asked", (int64_t)counts->asked);
    json_text_open(json, "error_frames", '[');
    for (unsigned i = 0; i < 4; i++)
        json_text_integer(json, NULL, (int64_t)counts->error_codes[i]);
    json_text_close(json, ']');
    json_text_integer(json, "mismatches", (int64_t)counts->mismatches);
    json_text_integer(json, "connections_ended", (int64_t)counts->closed);
    json_text_integer(json, "failed", (int64_t)(counts->failed + counts->refused));
    if (*result->problem)
        json_text_terminated(json, "first_mismatch", result->problem);
    json_text_close(json, '}');
}

static void put_median(struct json_text *json, const struct bench_runner *runner)
{
    static const struct {
        const char *name;
        bench_figure figure;
    } figures[] = {
        {"calls_per_second", bench_figure_rate},
        {"cpu_us_per_call", bench_figure_cpu_us},
        {"p50_us", bench_figure_p50},
        {"p90_us", bench_figure_p90},
        {"p99_us", bench_figure_p99},
        {"p99.9_us", bench_figure_p999},
        {"max_us", bench_figure_max},
    };

    json_text_open(json, "median", '{');
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
        json_text_number(json, figures[i].name,
                         bench_report_spread(runner, figures[i].figure).median, 3);
    json_text_close(json, '}');
}

void bench_report_json(FILE *to, const struct bench_report *report)
{
    const struct bench_plan *plan = &report->setup->plan;
    struct json_text json = {.to = to};

    json_text_open(&json, NULL, '{');
    json_text_terminated(&json, "mode", mode_names[plan->mode]);
    json_text_integer(&json, "connections", plan->connections);
    json_text_integer(&json, "idle_connections", plan->idle);
    json_text_number(&json, "rate", plan->rate, 1);
    json_text_open(&json, "runners", '[');
    for (unsigned i = 0; i < report->runner_count; i++) {
        const struct bench_runner *runner = &report->runners[i];

        json_text_open(&json, NULL, '{');
        json_text_terminated(&json, "socket", runner->socket);
        put_median(&json, runner);
        json_text_integer(&json, "errors", (int64_t)errors_of(runner));
        json_text_open(&json, "rounds", '[');
        for (unsigned k = 0; k < runner->rounds; k++)
            put_result(&json, report->setup, &runner->results[k]);
        json_text_close(&json, ']');
        json_text_close(&json, '}');
    }
    json_text_close(&json, ']');
    json_text_close(&json, '}');
    putc('\n', to);
}
