/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner bench: load on running runners, one or several in alternating rounds. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/bench_options.h"
#include "cli/bench_report.h"
#include "cli/commands.h"

#define EXIT_ERRORS 3 /* measured, but not every reply was as it should be */

/* Set by a signal handler; bench_round reads it. */
static volatile int interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct line {
    bool shown; /* stderr is a terminal */
    unsigned round, rounds;
    const char *socket;
};

static void show_progress(void *user, double done, double rate)
{
    const struct line *line = user;

    fprintf(stderr, "\r\033[Kround %u of %u, %.60s: %3.0f %%, %.0f calls/s", line->round + 1,
            line->rounds, line->socket, done * 100, rate);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* One round of all runners; every second round goes the other way around, so that no
 * runner always has the same neighbours. 0, -errno. */
static int run_round(const struct bench_options *options, struct bench_runner *runners,
                     struct line *line)
{
    char error[BENCH_ERROR_SIZE];
    unsigned count = options->socket_count;

    for (unsigned i = 0; i < count && !interrupted; i++) {
        struct bench_runner *runner = &runners[line->round % 2 ? count - 1 - i : i];
        int status;

        line->socket = runner->socket;
        status = bench_round(&options->setup, runner->socket, runner->pid,
                             line->shown ? show_progress : NULL, line, &interrupted,
                             &runner->results[runner->rounds], error);
        if (line->shown)
            fputs("\r\033[K", stderr);
        if (status < 0) {
            fprintf(stderr, "c-runner bench: %s\n", error);
            return status;
        }
        runner->rounds++;
    }
    return 0;
}

/* results: room for every round of every runner. */
static void make_runners(const struct bench_options *options, struct bench_runner *runners,
                         struct bench_result *results)
{
    for (unsigned i = 0; i < options->socket_count; i++) {
        runners[i] = (struct bench_runner){.socket = options->sockets[i],
                                           .pid = options->pids[i],
                                           .results = results + (size_t)i * options->rounds};
        if (!runners[i].pid)
            runners[i].pid = bench_resources_listener(runners[i].socket);
    }
}

static int run(struct bench_options *options)
{
    struct bench_runner runners[BENCH_RUNNERS_MAX] = {0};
    struct bench_report report = {
        .setup = &options->setup, .runners = runners, .runner_count = options->socket_count};
    struct line line = {.shown = isatty(STDERR_FILENO), .rounds = options->rounds};
    struct bench_result *results =
        calloc((size_t)options->socket_count * options->rounds, sizeof(*results));
    int status = 0;
    char key[64];

    if (!results) {
        fputs("c-runner bench: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    make_runners(options, runners, results);
    snprintf(key, sizeof(key), "c-runner-bench#%d", (int)getpid());
    if (!options->setup.key)
        options->setup.key = key;
    for (; status == 0 && line.round < options->rounds && !interrupted; line.round++)
        status = run_round(options, runners, &line);
    if (status < 0)
        status = EXIT_FAILED;
    else if (bench_report_errors(&report))
        status = EXIT_ERRORS;
    if (status != EXIT_FAILED && options->json)
        bench_report_json(stdout, &report);
    else if (status != EXIT_FAILED)
        bench_report_text(stdout, &report);
    free(results);
    return status;
}

int cmd_bench(int argc, char **argv)
{
    struct bench_options *options = calloc(1, sizeof(*options));
    struct sigaction action = {.sa_handler = on_signal};
    int status = EXIT_FAILED;

    if (!options || bench_options_init(options) < 0) {
        fputs("c-runner bench: out of memory\n", stderr);
        goto out;
    }
    status = bench_options_take(options, argc, argv);
    if (status == EXIT_OK) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        raise_descriptor_limit();
        status = run(options);
    }
out:
    if (options)
        bench_options_free(options);
    free(options);
    return status;
}
