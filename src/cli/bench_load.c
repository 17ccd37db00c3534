/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli/bench_lane.h"
#include "client/client.h"

#define CONNECT_MS 5000

struct bench_load {
    struct bench_shared shared;
    struct sockaddr_un address;
    struct bench_lane *lanes;
    unsigned lane_count;
    unsigned started;
    uint64_t refused;
    int *idle;
    unsigned idle_count;
};

static int copy_frame(const struct bench_frame *frame, uint8_t **copy)
{
    if (!frame)
        return 0;
    *copy = malloc(frame->len);
    if (!*copy) /* analyzer: each copy has a place of its own, and bench_load_free frees it. */
        return -ENOMEM;
    memcpy(*copy, frame->data, frame->len);
    return 0;
}

static int open_connection(struct bench_load *load, struct bench_lane *lane,
                           struct bench_connection *connection)
{
    const struct bench_plan *plan = load->shared.plan;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};

    stream_init(&connection->stream);
    connection->fd = -1;
    if (copy_frame(plan->call, &connection->call_copy) < 0 ||
        copy_frame(plan->also, &connection->also_copy) < 0)
        return -ENOMEM;
    connection->fd = client_dial(&load->address, CONNECT_MS);
    if (connection->fd < 0) {
        load->refused++;
        return connection->fd;
    }
    /* One connection that has nothing to read must not hold up the others of its lane. */
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    if (epoll_ctl(lane->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        return -errno;
    lane->open++;
    return 0;
}

static int open_lane(struct bench_load *load, struct bench_lane *lane, unsigned count)
{
    const struct bench_plan *plan = load->shared.plan;
    int status = 0;

    lane->shared = &load->shared;
    lane->interval_ns = plan->rate > 0 ? 1e9 * load->lane_count / plan->rate : 0;
    lane->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (lane->epoll < 0)
        return -errno;
    lane->connections = calloc(count, sizeof(*lane->connections));
    if (!lane->connections)
        return -ENOMEM;
    for (unsigned i = 0; status == 0 && i < count; i++, lane->count++)
        status = open_connection(load, lane, &lane->connections[i]);
    return status;
}

static int open_idle(struct bench_load *load)
{
    unsigned count = load->shared.plan->idle;

    load->idle = count ? calloc(count, sizeof(*load->idle)) : NULL;
    if (count && !load->idle)
        return -ENOMEM;
    for (; load->idle_count < count; load->idle_count++) {
        int fd = client_dial(&load->address, CONNECT_MS);

        if (fd < 0)
            return fd;
        load->idle[load->idle_count] = fd;
    }
    return 0;
}

int bench_load_open(struct bench_load **result, const struct bench_plan *plan,
                    const struct sockaddr_un *address)
{
    struct bench_load *load = calloc(1, sizeof(*load));
    int status;

    if (!load)
        return -ENOMEM;
    load->shared.plan = plan;
    load->address = *address;
    load->lanes = calloc(plan->threads, sizeof(*load->lanes));
    if (!load->lanes) {
        bench_load_free(load);
        return -ENOMEM;
    }
    load->lane_count = plan->threads;
    for (unsigned i = 0; i < load->lane_count; i++)
        load->lanes[i].epoll = -1;
    status = open_idle(load);
    for (unsigned i = 0; status == 0 && i < load->lane_count; i++)
        status =
            open_lane(load, &load->lanes[i],
                      plan->connections / plan->threads + (i < plan->connections % plan->threads));
    if (status < 0) {
        bench_load_free(load);
        return status;
    }
    *result = load;
    return 0;
}

void bench_load_free(struct bench_load *load)
{
    for (unsigned i = 0; i < load->lane_count; i++) {
        struct bench_lane *lane = &load->lanes[i];

        for (unsigned k = 0; k < lane->count; k++) {
            struct bench_connection *connection = &lane->connections[k];

            if (connection->fd >= 0)
                close(connection->fd);
            stream_free(&connection->stream);
            free(connection->call_copy);
            free(connection->also_copy);
        }
        free(lane->connections);
        if (lane->epoll >= 0)
            close(lane->epoll);
    }
    for (unsigned i = 0; i < load->idle_count; i++)
        close(load->idle[i]);
    free(load->idle);
    free(load->lanes);
    free(load);
}

int bench_load_start(struct bench_load *load)
{
    for (; load->started < load->lane_count; load->started++) {
        struct bench_lane *lane = &load->lanes[load->started];
        int failed = pthread_create(&lane->thread, NULL, bench_lane_run, lane);

        if (failed)
            return -failed;
    }
    return 0;
}

void bench_load_measure(struct bench_load *load)
{
    load->shared.phase = BENCH_MEASURING;
}

uint64_t bench_load_answered(const struct bench_load *load)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < load->lane_count; i++)
        sum += atomic_load_explicit(&load->lanes[i].answered, memory_order_relaxed);
    return sum;
}

bool bench_load_alive(const struct bench_load *load)
{
    for (unsigned i = 0; i < load->lane_count; i++)
        if (load->lanes[i].open)
            return true;
    return false;
}

static void add_counts(struct bench_counts *into, const struct bench_counts *from)
{
    bench_histogram_merge(&into->latency, &from->latency);
    bench_histogram_merge(&into->also, &from->also);
    for (unsigned i = 0; i < 3; i++)
        into->actions[i] += from->actions[i];
    for (unsigned i = 0; i < 4; i++)
        into->error_codes[i] += from->error_codes[i];
    into->asked += from->asked;
    into->error_frames += from->error_frames;
    into->mismatches += from->mismatches;
    into->closed += from->closed;
    into->failed += from->failed;
}

void bench_load_stop(struct bench_load *load, struct bench_counts *counts,
                     char problem[BENCH_PROBLEM_SIZE])
{
    load->shared.phase = BENCH_ENDING;
    memset(counts, 0, sizeof(*counts));
    for (unsigned i = 0; i < load->started; i++) {
        pthread_join(load->lanes[i].thread, NULL);
        add_counts(counts, &load->lanes[i].counts);
    }
    load->started = 0;
    counts->refused = load->refused;
    memcpy(problem, load->shared.problem, BENCH_PROBLEM_SIZE);
}
