/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/loader.h"
#include "server/control.h"
#include "server/scoreboard.h"
#include "server/worker.h"
#include "server/worker_conn.h"
#include "server/worker_crash.h"
#include "server/worker_loop.h"
#include "server/worker_privileges.h"
#include "server/worker_profile.h"
#include "server/worker_sandbox.h"
#include "server/worker_stack.h"
#include "server/worker_watch.h"

/* While draining: so long without anything new is the end. */
#define DRAIN_QUIET_MS 50u
#define DRAIN_LOOK_MS 10
/* Of the time to drain, the last so much is for closing what never is quiet. */
#define CLOSE_MS 60u
/* Threads that are still inside a plugin at the end get so long to come out. */
#define FINISH_MS 20u

/* Calls `load` for each part of a list that ':' separates. */
static int load_each(struct worker *worker, const char *list,
                     int (*load)(struct registry *, const char *, char *, size_t), char *error,
                     size_t size)
{
    int failed = 0;

    if (!list || !*list)
        return 0;
    char *copy = strdup(list);
    if (!copy)
        return -ENOMEM;
    char *rest = copy;
    for (char *part; !failed && (part = strsep(&rest, ":"));) {
        if (*part)
            failed = load(&worker->registry, part, error, size);
    }
    free(copy);
    return failed;
}

static int load_plugins(struct worker *worker, char *error, size_t size)
{
    const a6_runner_config *config = worker->heritage->config;
    int failed;

    registry_init(&worker->registry);
    failed = loader_linked(&worker->registry, error, size);
    if (!failed)
        failed = load_each(worker, config->plugin_dirs, loader_folder, error, size);
    if (!failed)
        failed = load_each(worker, config->plugin_files, loader_file, error, size);
    if (!failed)
        failed = loader_start(&worker->registry, worker->heritage->cells, error, size);
    return failed;
}

static void quarantine(struct worker *worker, const char *name)
{
    struct plugin *plugin = registry_find(&worker->registry, name, strlen(name));

    if (plugin)
        atomic_store(&plugin->quarantined, 1);
}

/* Tells the supervisor how this worker numbers its plugins. */
static void fill_scoreboard(struct worker *worker)
{
    struct scoreboard_worker *board = &worker->heritage->board->workers[worker->number];
    size_t max = sizeof(board->plugins) / sizeof(board->plugins[0]);

    for (unsigned i = 0; i < worker->registry.count && i < max; i++) {
        strncpy(board->plugins[i], worker->registry.plugins[i]->about.name, SCOREBOARD_NAME - 1);
        board->plugins[i][SCOREBOARD_NAME - 1] = 0;
        board->plugin_count = i + 1;
    }
    board->pid = getpid();
    for (unsigned i = 0; i < worker->heritage->board->quarantine_count; i++)
        quarantine(worker, worker->heritage->board->quarantine[i]);
}

/* Half of the machine, and no more than four: one loop alone answers hundreds of
 * thousands of calls a second, and the gateway needs the rest. */
static unsigned loops_by_cpus(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return cpus < 4 ? 1 : cpus < 8 ? (unsigned)cpus / 2 : 4;
}

static int start_loops(struct worker *worker)
{
    const a6_runner_config *config = worker->heritage->config;
    unsigned count = config->threads ? config->threads : loops_by_cpus();

    if (count > WORKER_LOOPS_MAX)
        count = WORKER_LOOPS_MAX;
    for (unsigned i = 0; i < count; i++) {
        int error = loop_create(&worker->loops[i], worker, i);
        if (error)
            return error;
        worker->loop_count++;
    }
    for (unsigned i = 0; i < count; i++) {
        int error = crew_drive(&worker->crew, worker->loops[i]);
        if (error)
            return error;
    }
    return watch_start(worker);
}

static int start(struct worker *worker, char *error, size_t size)
{
    const a6_runner_config *config = worker->heritage->config;
    struct chain_options options = {.registry = &worker->registry,
                                    .cells = worker->heritage->cells,
                                    .skip_unknown = config->unknown_plugin_skip};
    int failed = privileges_drop(config, error, size);

    if (!failed)
        failed = load_plugins(worker, error, size);
    if (failed)
        return failed;
    fill_scoreboard(worker);
    worker->limits = (struct call_limits){.max_memory = config->max_call_bytes,
                                          .max_body = config->max_body_bytes,
                                          .deadline_ms = config->deadline_ms};
    failed = confs_init(&worker->confs, worker->heritage->store, &options);
    if (!failed)
        failed = crew_init(&worker->crew, worker,
                           config->pool_threads + (config->threads ? config->threads : 4));
    if (!failed && config->sandbox && (failed = sandbox_enter(error, size)))
        return failed;
    if (!failed)
        failed = start_loops(worker);
    if (failed)
        snprintf(error, size, "a worker cannot start: %s", strerror(-failed));
    return failed;
}

static void look_at_loops(struct worker *worker, uint32_t *busy, uint64_t *active_ms)
{
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_wake(worker->loops[i]);
    poll(NULL, 0, DRAIN_LOOK_MS);
    *busy = 0;
    for (unsigned i = 0; i < worker->loop_count; i++) {
        uint64_t at = atomic_load(&worker->loops[i]->active_ms);
        *busy += atomic_load(&worker->loops[i]->busy);
        if (at > *active_ms)
            *active_ms = at;
    }
}

/* Serves until nothing has been under way for a moment, or until the time is nearly
 * over; then closes the connections, in order. */
static void drain(struct worker *worker, uint64_t until_ms)
{
    uint64_t active = clock_ms();
    uint32_t busy = 0;
    uint64_t close_at = until_ms > active + CLOSE_MS ? until_ms - CLOSE_MS : active;

    atomic_store(&worker->draining, true);
    do
        look_at_loops(worker, &busy, &active);
    while (clock_ms() < close_at && (busy || clock_ms() <= active + DRAIN_QUIET_MS));

    atomic_store(&worker->closing, true);
    do
        look_at_loops(worker, &busy, &active);
    while (atomic_load(&worker->connections) && clock_ms() < close_at + CLOSE_MS);
}

static int finish(struct worker *worker, uint64_t until_ms)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        atomic_store(&worker->loops[i]->stop, true);
        loop_wake(worker->loops[i]);
    }
    watch_stop();
    profile_stop();
    if (!crew_stop(&worker->crew, until_ms)) {
        log_warn("a plugin is still running at the end; its call is lost");
        log_close();
        _exit(0); /* its memory is in use */
    }
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_free(worker->loops[i]);
    confs_free(&worker->confs);
    registry_free(&worker->registry);
    return 0;
}

/* A newer worker serves. Ends when the last connection is given away or closed. */
static int leave(struct worker *worker, uint64_t until_ms)
{
    struct pollfd control = {.fd = worker->control_fd, .events = POLLIN};

    atomic_store(&worker->handing_over, true);
    while (atomic_load(&worker->connections) && clock_ms() < until_ms) {
        struct control_message message;
        for (unsigned i = 0; i < worker->loop_count; i++)
            loop_wake(worker->loops[i]);
        if (poll(&control, 1, DRAIN_LOOK_MS) <= 0)
            continue;
        int error = control_receive(worker->control_fd, &message);
        if (error == -EPIPE)
            _exit(1);
        if (!error && message.fd >= 0)
            close(message.fd);
        if (!error && message.type == CONTROL_DRAIN) {
            drain(worker, clock_ms() + message.value);
            break;
        }
    }
    return finish(worker, clock_ms() + FINISH_MS);
}

/* A connection that an older worker gave away. */
static void adopt(struct worker *worker, int fd)
{
    struct loop *least = worker->loops[0];
    struct conn *conn = calloc(1, sizeof(*conn));

    if (!conn) {
        close(fd);
        return;
    }
    for (unsigned i = 1; i < worker->loop_count; i++) {
        if (atomic_load(&worker->loops[i]->conn_count) < atomic_load(&least->conn_count))
            least = worker->loops[i];
    }
    conn->fd = fd;
    atomic_fetch_add(&worker->connections, 1);
    loop_post_conn(least, conn);
}

void worker_ask_recycling(struct worker *worker, const char *why)
{
    if (!atomic_exchange(&worker->wants_recycling, true))
        (void)control_send(worker->control_fd, CONTROL_RECYCLE, 0, why, -1);
}

void worker_lost_descriptor(const char *which, int error)
{
    log_error("the worker has lost its %s (%s): a plugin closes descriptors that are not its "
              "own? another worker takes its place",
              which, strerror(error));
    _exit(1);
}

/* Does what the supervisor says until it says stop. */
static int obey(struct worker *worker)
{
    for (;;) {
        struct control_message message;
        int error = control_receive(worker->control_fd, &message);

        if (error == -EPIPE)
            _exit(1); /* the supervisor is gone: nobody may take it for alive */
        if (error && error != -EAGAIN && error != -EBADMSG)
            worker_lost_descriptor("control socket", -error);
        if (error)
            continue;
        switch (message.type) {
        case CONTROL_SERVE:
            for (unsigned i = 0; i < worker->loop_count; i++)
                loop_post_accept(worker->loops[i]);
            break;
        case CONTROL_CONNECTION:
            if (message.fd >= 0)
                adopt(worker, message.fd);
            message.fd = -1;
            break;
        case CONTROL_QUARANTINE:
            quarantine(worker, message.text);
            break;
        case CONTROL_REOPEN_LOG:
            error = log_reopen();
            if (error)
                log_error("the log file cannot be opened anew: %s", strerror(-error));
            break;
        case CONTROL_HAND_OVER:
            return leave(worker, clock_ms() + message.value);
        case CONTROL_DRAIN:
            drain(worker, clock_ms() + message.value);
            return finish(worker, clock_ms() + FINISH_MS);
        default:
            break;
        }
        if (message.fd >= 0)
            close(message.fd);
    }
}

static void set_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;

    /* The terminal and service managers signal all processes at once; what is to be
     * done is the supervisor's to say. */
    sigaction(SIGTERM, &ignore, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGUSR1, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int worker_main(const struct heritage *heritage, unsigned number, int control_fd)
{
    static struct worker worker; /* too large for a stack, and there is one a process */
    char error[LOADER_ERROR_SIZE] = "";

    worker.heritage = heritage;
    worker.number = number;
    worker.control_fd = control_fd;
    set_signals();
    stack_init();
    crash_init(&heritage->board->workers[number]);
    if (heritage->config->mode == A6_MODE_PROF)
        profile_start();
    if (start(&worker, error, sizeof(error)) < 0) {
        (void)control_send(control_fd, CONTROL_FAILED, 0, error, -1);
        return 1;
    }
    if (control_send(control_fd, CONTROL_READY, 0, NULL, -1) < 0)
        return 1;
    return obey(&worker);
}
