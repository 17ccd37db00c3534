/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/supervisor.h"
#include "server/worker_privileges.h"

#define FAILED_WAIT_MS 10
/* A connection that waits so long has woken nobody who took it. */
#define BACKLOG_PATIENCE_MS 50u

static void reopen_log(struct supervisor *supervisor)
{
    const char *file = supervisor_log_file(supervisor->config);

    if (log_reopen() < 0)
        log_error("the log file cannot be opened anew");
    else if (file)
        privileges_give_file(supervisor->config, file);
    if (supervisor->config->sandbox)
        supervisor_reload(supervisor, "SIGUSR1: its workers can open no file");
    else
        supervisor_tell_workers(supervisor, CONTROL_REOPEN_LOG, 0);
}

static void read_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            supervisor->stopping = true;
            break;
        case SIGHUP:
            supervisor_reload(supervisor, "SIGHUP");
            break;
        case SIGUSR1:
            reopen_log(supervisor);
            break;
        default:
            break;
        }
    }
}

/* The gateway's end of stdin is closed when it dies, however it dies. */
static bool stdin_ended(void)
{
    char ignored[256];
    ssize_t got = read(STDIN_FILENO, ignored, sizeof(ignored));

    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void read_stdin(struct supervisor *supervisor)
{
    if (!stdin_ended())
        return;
    log_info("stdin has ended: the gateway that started this runner is gone");
    supervisor->stopping = true;
    supervisor->watch_stdin = false;
}

static bool connections_wait(const struct supervisor *supervisor)
{
    struct pollfd listener = {.fd = supervisor->listener.fd, .events = POLLIN};

    return poll(&listener, 1, 0) > 0 && listener.revents & POLLIN;
}

/*
 * The kernel wakes one worker for a connection. If that one is stopped before it accepts
 * (SIGSTOP, a debugger), the others sleep on, and the connection waits for the next one to
 * come. So where there are several, the supervisor has an eye on the listening socket, and
 * has all of them look.
 */
static int watch_backlog(struct supervisor *supervisor, int milliseconds, struct pollfd *listener)
{
    unsigned all = SCOREBOARD_WORKERS - supervisor_count_workers(supervisor, WORKER_NONE);
    bool several = all > 1 && supervisor_count_workers(supervisor, WORKER_SERVING);
    uint64_t now = clock_ms();

    *listener = (struct pollfd){.fd = -1, .events = POLLIN};
    if (supervisor->look_at_ms && now >= supervisor->look_at_ms) {
        bool waits = connections_wait(supervisor);
        supervisor->look_at_ms = waits && several ? now + BACKLOG_PATIENCE_MS : 0;
        for (unsigned i = 0; waits && i < SCOREBOARD_WORKERS; i++) {
            const struct supervisor_worker *worker = &supervisor->workers[i];
            if (worker->state == WORKER_SERVING && supervisor_has_room(worker))
                (void)control_send(worker->control_fd, CONTROL_SERVE, 0, NULL, -1);
        }
    }
    if (!supervisor->look_at_ms) {
        if (several)
            listener->fd = supervisor->listener.fd;
        return milliseconds;
    }
    int wait = (int)(supervisor->look_at_ms - now);
    return milliseconds < 0 || milliseconds > wait ? wait : milliseconds;
}

void supervisor_wait(struct supervisor *supervisor, int milliseconds)
{
    enum { SIGNALS, STDIN, FILES, LISTENER, FIRST_WORKER };
    struct pollfd fds[FIRST_WORKER + SCOREBOARD_WORKERS];
    unsigned place[FIRST_WORKER + SCOREBOARD_WORKERS];
    nfds_t count = FIRST_WORKER;
    short room = supervisor_has_undelivered(supervisor) ? POLLOUT : 0;

    fds[SIGNALS] = (struct pollfd){.fd = supervisor->signal_fd, .events = POLLIN};
    fds[STDIN] =
        (struct pollfd){.fd = supervisor->watch_stdin ? STDIN_FILENO : -1, .events = POLLIN};
    fds[FILES] = (struct pollfd){.fd = supervisor->watch_fd, .events = POLLIN};
    milliseconds = watch_backlog(supervisor, milliseconds, &fds[LISTENER]);
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        const struct supervisor_worker *worker = &supervisor->workers[i];
        if (worker->state == WORKER_NONE)
            continue;
        place[count] = i;
        fds[count++] = (struct pollfd){
            .fd = worker->control_fd,
            .events = (short)(POLLIN | (worker->state == WORKER_SERVING ? room : 0))};
    }
    if (poll(fds, count, milliseconds) < 0 && errno != EINTR) {
        /* No memory, or a limit below what is open: it goes on, but not in a rush. */
        for (nfds_t i = 0; i < count; i++)
            fds[i].revents = i == SIGNALS || i >= FIRST_WORKER ? POLLIN : 0;
        (void)poll(NULL, 0, FAILED_WAIT_MS);
    }
    for (nfds_t i = FIRST_WORKER; i < count; i++) {
        if (fds[i].revents & POLLIN)
            supervisor_hear_worker(supervisor, place[i]);
    }
    supervisor_deliver(supervisor);
    if (fds[LISTENER].revents & POLLIN)
        supervisor->look_at_ms = clock_ms() + BACKLOG_PATIENCE_MS;
    if (fds[SIGNALS].revents)
        read_signals(supervisor);
    supervisor_reap(supervisor); /* a worker's end may be seen before its signal */
    if (fds[FILES].revents)
        supervisor_read_watch(supervisor);
    if (fds[STDIN].revents)
        read_stdin(supervisor);
}
