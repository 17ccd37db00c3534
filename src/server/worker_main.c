/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/loader.h"
#include "server/control.h"
#include "server/scoreboard.h"
#include "server/worker.h"
#include "server/worker_accept.h"
#include "server/worker_cpu.h"
#include "server/worker_crash.h"
#include "server/worker_loop.h"
#include "server/worker_privileges.h"
#include "server/worker_profile.h"
#include "server/worker_sandbox.h"
#include "server/worker_stack.h"
#include "server/worker_watch.h"

/* From here on memory is taken from the system for one use, and given back after it. The
 * buffers of a body of 1 MiB are smaller: fresh pages for each cost more than all else
 * (bench/run's row `body`: 4.2 times the floor with 2 << 20 and a trim at twice that). */
#define LARGE_ALLOCATION (4 << 20)
#define KEPT_AT_MOST (8 * LARGE_ALLOCATION)

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
    for (unsigned i = 0; i < worker->heritage->quarantine.count; i++)
        quarantine(worker, worker->heritage->quarantine.plugins[i]);
}

static int start_loops(struct worker *worker, unsigned count)
{
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
                                    .skip_unknown = config->unknown_plugin_skip,
                                    .retire = crew_retire,
                                    .retirer = &worker->crew};
    int failed = privileges_drop(config, error, size);

    if (!failed)
        failed = load_plugins(worker, error, size);
    if (failed)
        return failed;
    fill_scoreboard(worker);
    crash_know(&worker->registry);
    failed = loader_start(&worker->registry, worker->heritage->cells, error, size);
    if (failed)
        return failed;
    worker->limits = (struct call_limits){.max_memory = config->max_call_bytes,
                                          .max_body = config->max_body_bytes,
                                          .deadline_ms = config->deadline_ms};
    failed = confs_init(&worker->confs, worker->heritage->store, &options);
    if (!failed)
        failed = crew_init(&worker->crew, worker,
                           config->pool_threads + (config->threads ? config->threads : 4));
    worker->statm_fd = config->max_rss_bytes ? open("/proc/self/statm", O_RDONLY | O_CLOEXEC) : -1;
    unsigned loops = config->threads ? config->threads : cpu_default_loops();
    if (!failed && config->sandbox && (failed = sandbox_enter(error, size)))
        return failed;
    if (!failed)
        failed = start_loops(worker, loops);
    if (failed)
        snprintf(error, size, "a worker cannot start: %s", strerror(-failed));
    return failed;
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
    crash_own_end();
    _exit(1);
}

bool worker_hear(struct worker *worker, struct control_message *message)
{
    int error = control_receive(worker->control_fd, message);

    if (error == -EPIPE)
        _exit(1); /* the supervisor is gone: nobody may take it for alive */
    if (error && error != -EAGAIN && error != -EBADMSG)
        worker_lost_descriptor("control socket", -error);
    if (error)
        return false;
    switch (message->type) {
    case CONTROL_SERVE:
        for (unsigned i = 0; i < worker->loop_count; i++)
            loop_post_accept(worker->loops[i]);
        break;
    case CONTROL_CONNECTION: /* an older worker gave it away */
        if (message->fd >= 0)
            accept_place(worker, NULL, message->fd);
        return false;
    case CONTROL_QUARANTINE:
        quarantine(worker, message->text);
        break;
    case CONTROL_REOPEN_LOG:
        error = log_reopen();
        if (error)
            log_error("the log file cannot be opened anew: %s", strerror(-error));
        break;
    default:
        break;
    }
    if (message->fd >= 0)
        close(message->fd);
    return message->type == CONTROL_HAND_OVER || message->type == CONTROL_DRAIN;
}

/* Does what the supervisor says until it says stop. */
static int obey(struct worker *worker)
{
    struct control_message message;

    while (!worker_hear(worker, &message))
        continue;
    return message.type == CONTROL_HAND_OVER ? worker_leave(worker)
                                             : worker_stop(worker, clock_ms() + message.value);
}

/* By itself the allocator learns from a large body to keep the memory of all later ones:
 * as much as every thread's arena ever held, for as long as calls never pause. */
static void set_allocator(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_ALLOCATION);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_AT_MOST);
}

static void set_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction as_usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* The terminal and service managers signal all processes at once; what is to be
     * done is the supervisor's to say. */
    sigaction(SIGTERM, &ignore, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGUSR1, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);   /* a write beyond a limit is an error, not the end */
    sigaction(SIGALRM, &as_usual, NULL); /* it ends what hangs at the end */
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
    set_allocator();
    stack_init();
    crash_init(&heritage->board->workers[number]);
    heritage->board->workers[number].threads[SCOREBOARD_MAIN].used = 1;
    inside_place = &heritage->board->workers[number].threads[SCOREBOARD_MAIN].inside;
    inside_watch_forks();
    (void)crash_stack_enter(); /* for the rest of the process */
    if (heritage->config->mode == A6_MODE_PROF)
        profile_start();
    if (start(&worker, error, sizeof(error)) < 0) {
        (void)control_send(control_fd, CONTROL_FAILED, 0, error, -1);
        crash_end();
        return 1;
    }
    int status = control_send(control_fd, CONTROL_READY, 0, NULL, -1) < 0 ? 1 : obey(&worker);
    crash_end();
    return status;
}
