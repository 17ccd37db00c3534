/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/store.h"
#include "plugin/cells.h"
#include "plugin/loader.h"
#include "server/config.h"
#include "server/control.h"
#include "server/supervisor.h"
#include "server/worker_privileges.h"

#define PROD_LOG "logs/runner.log"
#define CELLS_MAX 65536u
#define WAIT_MAX_MS 3600000
/* The gateway kills a second after SIGTERM. */
#define KILL_AFTER_MS 40u

const char *supervisor_log_file(const a6_runner_config *config)
{
    if (config->log_file)
        return config->log_file;
    return config->mode != A6_MODE_DEV && config->log_fd < 0 && !config->log_function ? PROD_LOG
                                                                                      : NULL;
}

/* A log in a file is not where one who starts the runner looks first. */
static int fail(const a6_runner_config *config, const char *text)
{
    const char *file = supervisor_log_file(config);

    if (*text)
        log_error("%s", text);
    if (file)
        fprintf(stderr, "the runner has not started; its log %s says why\n", file);
    return 1;
}

static int open_log(const a6_runner_config *config)
{
    enum log_level by_mode = config->mode == A6_MODE_DEV ? LOG_INFO : LOG_WARN;
    struct log_config log = {
        .level = config->log_level >= 0 ? (enum log_level)config->log_level : by_mode,
        .file = supervisor_log_file(config),
        .fd = config->log_fd >= 0 ? config->log_fd : STDOUT_FILENO,
        .function = NULL,
        .user = config->log_user,
    };

    if (config->log_function) {
        /* a6_level and int are passed alike */
        log.function = (log_function)(void (*)(void))config->log_function;
    }
    int error = log_open(&log);
    if (error)
        fprintf(stderr, "the log %s cannot be opened: %s\n", log.file ? log.file : "",
                strerror(-error));
    else if (log.file)
        privileges_give_file(config, log.file);
    return error;
}

/* Thousands of connections are ordinary; a low limit is the shell's, not ours. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int make_shared_memory(struct supervisor *supervisor)
{
    const a6_runner_config *config = supervisor->config;
    struct heritage *heritage = &supervisor->heritage;
    struct conf_store_limits limits = {
        .max_bytes = config->max_conf_bytes,
        .max_count = config->max_confs,
        .ttl_ms = supervisor_conf_ttl(config),
    };
    int error = conf_store_create(&heritage->store, &limits);

    if (!error)
        error = cells_create(&heritage->cells, CELLS_MAX);
    if (!error)
        error = scoreboard_create(&heritage->board);
    if (error || !config->conf_file)
        return error;
    int loaded = conf_store_load(heritage->store, config->conf_file);
    if (loaded && loaded != -ENOENT)
        log_warn("the conf file %s is not used: %s; the gateway will prepare its confs anew",
                 config->conf_file, strerror(-loaded));
    return 0;
}

static int watch_signals(struct supervisor *supervisor)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* Inherited as ignored, it would never come, and nobody could be waited for. */
    signal(SIGCHLD, SIG_DFL);
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signal_fd < 0 ? -errno : 0;
}

/* The first workers: any that cannot start is a mistake of the operator's, and the
 * socket is not opened. -ECANCELED: told to stop meanwhile. */
static int start_first_workers(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->wanted; i++) {
        int place = supervisor_start_worker(supervisor);
        if (place < 0) {
            log_error("a worker cannot be started: %s", strerror(-place));
            return place;
        }
    }
    while (supervisor_count_workers(supervisor, WORKER_READY) < supervisor->wanted) {
        if (supervisor->stopping)
            return -ECANCELED;
        if (supervisor_count_workers(supervisor, WORKER_NONE) >
            SCOREBOARD_WORKERS - supervisor->wanted)
            return -ECHILD; /* one is dead; it was said why */
        supervisor_wait(supervisor, supervisor_end_late_starts(supervisor));
    }
    return 0;
}

static void let_serve(struct supervisor *supervisor)
{
    supervisor->published = true;
    for (unsigned i = 0; i < supervisor->wanted; i++)
        supervisor_let_serve(supervisor, i);
}

static int start(struct supervisor *supervisor, char *error, size_t size)
{
    const a6_runner_config *config = supervisor->config;
    struct stat input;

    if (config->conf_expire_time == 0) {
        snprintf(error, size, "APISIX_CONF_EXPIRE_TIME must be a number of seconds above 0");
        return -EINVAL;
    }
    int failed = privileges_check(config, error, size);
    if (failed)
        return failed;
    supervisor->watch_stdin = fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode);
    raise_descriptor_limit();
    /* A gateway that starts a runner is reloading when the path is taken: its next runner
     * replaces the one before. */
    failed = listener_prepare(&supervisor->listener, config->listen_address,
                              config->takeover || supervisor->watch_stdin, error, size);
    if (failed)
        return failed;
    supervisor->heritage.listen_fd = supervisor->listener.fd;
    failed = make_shared_memory(supervisor);
    if (!failed)
        failed = watch_signals(supervisor);
    if (!failed && config->watch)
        failed = supervisor_watch_files(supervisor);
    if (failed) {
        snprintf(error, size, "the runner cannot start: %s", strerror(-failed));
        return failed;
    }
    failed = start_first_workers(supervisor);
    if (failed)
        return failed; /* said */
    failed = listener_publish(&supervisor->listener, config->socket_mode, error, size);
    if (failed)
        return failed;
    let_serve(supervisor);
    log_info("listening on %s (mode %04o), %u worker%s", supervisor->listener.path,
             config->socket_mode, supervisor->wanted, supervisor->wanted == 1 ? "" : "s");
    return 0;
}

static int sooner(int one, int other)
{
    if (one < 0 || other < 0)
        return one > other ? one : other;
    return one < other ? one : other;
}

/* Does what time alone brings; milliseconds until there is more of it. */
static int keep_time(struct supervisor *supervisor)
{
    uint64_t until = supervisor_keep_confs(supervisor);
    int wait = until < WAIT_MAX_MS ? (int)until : WAIT_MAX_MS;

    wait = sooner(wait, supervisor_keep_watch(supervisor));
    wait = sooner(wait, supervisor_replace(supervisor));
    wait = sooner(wait, supervisor_fill_gaps(supervisor));
    return sooner(wait, supervisor_end_late_starts(supervisor));
}

static void supervise(struct supervisor *supervisor)
{
    while (!supervisor->stopping)
        supervisor_wait(supervisor, keep_time(supervisor));
}

static void kill_workers(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state == WORKER_NONE)
            continue;
        supervisor->workers[i].killed = true;
        kill(supervisor->workers[i].pid, SIGKILL);
    }
}

static void stop(struct supervisor *supervisor)
{
    uint64_t kill_at = clock_ms() + supervisor->config->drain_ms + KILL_AFTER_MS;

    supervisor->stopping = true;
    /* First the name: who connects from now on reaches the next runner, or nobody. */
    listener_withdraw(&supervisor->listener);
    supervisor_tell_workers(supervisor, CONTROL_DRAIN, supervisor->config->drain_ms);
    supervisor_save_confs(supervisor); /* while they drain: a disk may be slow */
    while (supervisor_count_workers(supervisor, WORKER_NONE) < SCOREBOARD_WORKERS) {
        uint64_t now = clock_ms();
        if (now < kill_at) {
            supervisor_wait(supervisor, (int)(kill_at - now));
            continue;
        }
        kill_workers(supervisor);
        kill_at = now + KILL_AFTER_MS; /* they will be gone */
    }
    supervisor_drop_undelivered(supervisor);
}

int a6_runner_run(const a6_runner_config *given)
{
    static struct supervisor supervisor; /* large, and there is one a process */
    char error[LOADER_ERROR_SIZE] = "";
    static a6_runner_config whole; /* as the supervisor, which has it */
    const a6_runner_config *config = &whole;
    int status = 0;

    config_complete(&whole, given);
    supervisor = (struct supervisor){.config = config, .signal_fd = -1, .watch_fd = -1};
    supervisor.listener.fd = -1;
    supervisor.heritage.config = config;
    supervisor.wanted = config->workers ? config->workers : 1;
    signal(SIGXFSZ, SIG_IGN); /* a write beyond a limit is an error, not the end */
    if (open_log(config) < 0)
        return 1;
    int failed = start(&supervisor, error, sizeof(error));
    if (!failed)
        supervise(&supervisor);
    if (!failed || failed == -ECANCELED)
        log_info("stopping");
    else
        status = fail(config, error);
    stop(&supervisor);
    supervisor_save_confs(&supervisor);
    listener_close(&supervisor.listener);
    if (supervisor.signal_fd >= 0)
        close(supervisor.signal_fd);
    if (supervisor.watch_fd >= 0)
        close(supervisor.watch_fd);
    if (supervisor.heritage.store)
        conf_store_close(supervisor.heritage.store);
    if (supervisor.heritage.cells)
        cells_close(supervisor.heritage.cells);
    scoreboard_close(supervisor.heritage.board);
    log_close();
    return status;
}
