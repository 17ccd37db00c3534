/* SPDX-License-Identifier: Apache-2.0 */
#include "support/server_rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/store.h"
#include "plugin/loader.h"
#include "server/scoreboard.h"
#include "server/worker_conn.h"
#include "server/worker_stack.h"
#include "support/fail_call.h"
#include "support/server_peer.h"

int __real_epoll_wait(int set, struct epoll_event *events, int max, int timeout);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *before);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *before);
int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

/* The rig that is open and has no threads. */
static struct server_rig *alone;
static uint64_t frozen_ns;
/* The loop's timers, by the frozen time; 0: none is to come. */
static int timer_fd;
static uint64_t timer_ns;

void server_rig_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "server_rig: %s\n", what);
    abort();
}

/* ---- what the worker calls ---- */

/* A call that waits for a thread of the crew. */
static bool run_queued(struct crew *crew)
{
    struct exchange *exchange = crew->queue;

    if (!exchange)
        return false;
    crew->queue = exchange_unqueue(exchange);
    if (!crew->queue)
        crew->queue_end = &crew->queue;
    exchange_run_apart(exchange);
    return true;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *before)
{
    const struct itimerspec never = {0};

    if (!alone)
        return __real_timerfd_settime(fd, flags, when, before);
    timer_fd = fd;
    timer_ns = (uint64_t)when->it_value.tv_sec * 1000000000u + (uint64_t)when->it_value.tv_nsec;
    return __real_timerfd_settime(fd, flags, &never, before);
}

/* Lets the kernel see what is due by the frozen time. */
static void fire_timer(void)
{
    const struct itimerspec past = {.it_value = {.tv_nsec = 1}};
    struct pollfd readable = {.fd = timer_fd, .events = POLLIN};

    if (!timer_ns || timer_ns > frozen_ns)
        return;
    timer_ns = 0;
    server_rig_require(__real_timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &past, NULL) == 0 &&
                           __real_poll(&readable, 1, -1) == 1,
                       "the timer does not fire");
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int max, int timeout)
{
    if (!alone)
        return __real_epoll_wait(set, events, max, timeout);
    fire_timer();
    int count = __real_epoll_wait(set, events, max, 0);
    if (count == 0 && !run_queued(&alone->worker.crew))
        atomic_store(&alone->loop->stop, true);
    return count;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int error;

    if (fail_call_due(FAIL_POLL, &error)) {
        errno = error;
        return -1;
    }
    if (!alone)
        return __real_poll(fds, count, timeout);
    for (unsigned i = 0; i < SERVER_RIG_PEERS; i++) {
        if (alone->peers[i])
            server_peer_turn(alone->peers[i]);
    }
    int ready = __real_poll(fds, count, 0);
    if (ready == 0 && timeout > 0)
        frozen_ns += (uint64_t)timeout * 1000000u;
    return ready;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!alone || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
        return __real_clock_gettime(clock, now);
    now->tv_sec = (time_t)(frozen_ns / 1000000000u);
    now->tv_nsec = (long)(frozen_ns % 1000000000u);
    return 0;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    int error;

    if (fail_call_due(FAIL_THREAD, &error))
        return error;
    return alone ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

/* ---- the rig ---- */

void server_rig_open(struct server_rig *rig)
{
    struct conf_store_limits limits = {.max_bytes = 1 << 20, .max_count = 64, .ttl_ms = 3600000};
    struct log_config log = {.level = LOG_FATAL, .fd = STDERR_FILENO};
    char error[LOADER_ERROR_SIZE];

    *rig = (struct server_rig){0};
    signal(SIGPIPE, SIG_IGN);
    server_rig_require(log_open(&log) == 0, "no log");
    a6_runner_config_init(&rig->config);
    rig->heritage = (struct heritage){.config = &rig->config, .listen_fd = -1};
    server_rig_require(conf_store_create(&rig->heritage.store, &limits) == 0 &&
                           cells_create(&rig->heritage.cells, 64) == 0 &&
                           scoreboard_create(&rig->heritage.board) == 0,
                       "no shared memory");
    struct worker *worker = &rig->worker;
    worker->heritage = &rig->heritage;
    worker->control_fd = -1;
    worker->limits = (struct call_limits){
        .max_memory = rig->config.max_call_bytes, .max_body = 16 << 20, .deadline_ms = 1000};
    registry_init(&worker->registry);
    server_rig_require(
        loader_linked(&worker->registry, error, sizeof(error)) == 0 &&
            loader_start(&worker->registry, rig->heritage.cells, error, sizeof(error)) == 0,
        "the program's plugins cannot be loaded");
    struct chain_options options = {.registry = &worker->registry, .cells = rig->heritage.cells};
    server_rig_require(confs_init(&worker->confs, rig->heritage.store, &options) == 0 &&
                           crew_init(&worker->crew, worker, 0) == 0 &&
                           loop_create(&rig->loop, worker, 0) == 0,
                       "no worker");
    worker->loops[0] = rig->loop;
    worker->loop_count = 1;
    frozen_ns = clock_ns();
    timer_ns = 0;
    alone = rig;
}

void server_rig_thread(struct server_rig *rig, unsigned pool)
{
    alone = NULL;
    rig->threads = true;
    rig->worker.crew.max = pool + 1;
    stack_init(); /* a thread that is late is asked where it is */
    server_rig_require(crew_drive(&rig->worker.crew, rig->loop) == 0, "no thread");
}

void server_rig_pump(struct server_rig *rig)
{
    if (rig->threads)
        return;
    atomic_store(&rig->loop->stop, false);
    loop_drive(rig->loop);
    server_rig_require(atomic_load(&rig->loop->stop), "the loop was given away");
}

void server_rig_pass(struct server_rig *rig, uint64_t ms)
{
    frozen_ns += ms * 1000000u;
    server_rig_pump(rig);
}

void server_rig_close(struct server_rig *rig)
{
    struct worker *worker = &rig->worker;

    for (unsigned i = 0; i < SERVER_RIG_PEERS; i++) {
        if (rig->peers[i])
            server_peer_close(rig->peers[i]);
    }
    server_rig_pump(rig);
    if (rig->threads) {
        atomic_store(&rig->loop->stop, true);
        loop_wake(rig->loop);
        server_rig_require(crew_stop(&worker->crew, clock_ms() + 20000), "a thread stays");
    }
    loop_free(rig->loop);
    server_rig_require(atomic_load(&worker->connections) == 0, "a connection was miscounted");
    server_rig_require(!worker->crew.queue, "a call was left in the queue");
    alone = NULL;
    confs_free(&worker->confs);
    registry_free(&worker->registry);
    conf_store_close(rig->heritage.store);
    cells_close(rig->heritage.cells);
    scoreboard_close(rig->heritage.board);
    pthread_mutex_destroy(&worker->crew.lock);
    pthread_cond_destroy(&worker->crew.changed);
    log_close();
}
