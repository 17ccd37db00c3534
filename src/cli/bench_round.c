/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_round.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/client.h"

#define LOOK_NS 20000000u
#define LOOK_CALLS_NS 1000000u /* when the number of calls ends the measurement */
#define PROGRESS_NS 200000000u
#define TIMEOUT_MS 10000

static uint64_t own_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* One PrepareConf on a connection of its own, as the gateway does it. */
static int prepare(const char *socket, const char *key, const struct conf_args *confs,
                   uint32_t *token, char error[BENCH_ERROR_SIZE])
{
    struct wire_str key_text = {.data = key, .len = (uint32_t)strlen(key)};
    struct client client;
    int status = client_connect(&client, socket, TIMEOUT_MS, NULL);

    if (status == 0)
        status = client_prepare_conf(&client, key_text, conf_args_pairs(confs), token);
    if (status != 0)
        snprintf(error, BENCH_ERROR_SIZE, "%s", client.error);
    client_close(&client);
    return status > 0 ? -EPROTO : status;
}

static int make_frames(const struct bench_setup *setup, const char *socket,
                       struct bench_frame *call, struct bench_frame *also,
                       char error[BENCH_ERROR_SIZE])
{
    enum bench_mode mode = setup->plan.mode;
    char also_key[256];
    uint32_t token;
    int status;

    if (mode == BENCH_CONF)
        return bench_frame_conf(call, setup->key, conf_args_pairs(setup->confs));
    status = prepare(socket, setup->key, setup->confs, &token, error);
    if (status == 0)
        status = bench_frame_call(call, mode, setup->http, token);
    if (status < 0 || !setup->also_confs)
        return status;
    snprintf(also_key, sizeof(also_key), "%.200s#also", setup->key);
    status = prepare(socket, also_key, setup->also_confs, &token, error);
    return status < 0 ? status : bench_frame_call(also, mode, setup->http, token);
}

struct watch {
    struct bench_load *load;
    bench_progress progress;
    void *user;
    const volatile int *interrupted;
    bool by_calls;
};

/* Waits until the time, or until there is nothing more to wait for. */
static void wait_until(const struct watch *watch, uint64_t start, uint64_t end, bool measuring)
{
    uint64_t now = start, told = start;

    while (now < end && !*watch->interrupted && bench_load_alive(watch->load)) {
        uint64_t step = watch->by_calls ? LOOK_CALLS_NS : LOOK_NS;
        struct timespec nap = {.tv_nsec = (long)(end - now < step ? end - now : step)};

        nanosleep(&nap, NULL);
        now = clock_ns();
        if (watch->progress && measuring && now - told >= PROGRESS_NS) {
            told = now;
            watch->progress(watch->user, (double)(now - start) / (double)(end - start),
                            (double)bench_load_answered(watch->load) * 1e9 / (double)(now - start));
        }
    }
}

static uint64_t after(uint64_t start, double seconds)
{
    return start + (uint64_t)(seconds * 1e9);
}

static int measure(const struct bench_plan *plan, const struct watch *watch, pid_t pid,
                   struct bench_result *result)
{
    struct bench_resources before = {0};
    uint64_t start = clock_ns(), own;
    int status;

    if (plan->calls)
        bench_load_measure(watch->load);
    if (pid && bench_resources_read(pid, &before) < 0)
        return -ESRCH;
    own = own_cpu_ns();
    status = bench_load_start(watch->load);
    if (status == 0 && !plan->calls) {
        wait_until(watch, start, after(start, plan->warmup), false);
        if (pid && bench_resources_read(pid, &before) < 0)
            status = -ESRCH;
        own = own_cpu_ns();
        start = clock_ns();
        bench_load_measure(watch->load);
    }
    if (status == 0)
        wait_until(watch, start, after(start, plan->seconds), true);
    result->seconds = (double)(clock_ns() - start) / 1e9;
    result->client_cpu_ns = own_cpu_ns() - own;
    if (pid && status == 0 && bench_resources_read(pid, &result->server) == 0) {
        result->has_server = true;
        result->server_cpu_ns = result->server.cpu_ns - before.cpu_ns;
    }
    bench_load_stop(watch->load, &result->counts, result->problem);
    result->calls = result->counts.latency.total + result->counts.also.total;
    return status;
}

int bench_round(const struct bench_setup *setup, const char *socket, pid_t pid,
                bench_progress progress, void *user, const volatile int *interrupted,
                struct bench_result *result, char error[BENCH_ERROR_SIZE])
{
    struct bench_frame call = {0}, also = {0};
    struct bench_plan plan = setup->plan;
    struct watch watch = {
        .progress = progress, .user = user, .interrupted = interrupted, .by_calls = plan.calls > 0};
    struct sockaddr_un address;
    int status;

    *error = '\0';
    memset(result, 0, sizeof(*result));
    status = client_parse_address(socket, &address);
    if (status == 0)
        status = make_frames(setup, socket, &call, &also, error);
    if (status < 0)
        goto out;
    plan.call = &call;
    plan.also = setup->also_confs ? &also : NULL;
    status = bench_load_open(&watch.load, &plan, &address);
    if (status < 0)
        goto out;
    status = measure(&plan, &watch, pid, result);
    if (status == -ESRCH)
        snprintf(error, BENCH_ERROR_SIZE, "--pid %d: there is no such process", (int)pid);
    bench_load_free(watch.load);
out:
    if (status < 0 && !*error)
        snprintf(error, BENCH_ERROR_SIZE, "%.108s: %s", socket, strerror(-status));
    bench_frame_free(&call);
    bench_frame_free(&also);
    return status;
}
