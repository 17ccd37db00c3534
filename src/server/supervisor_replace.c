/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/supervisor.h"

/* A worker that does not take a connection for so long is not well. */
#define PASS_MS 1000

/* So long a leaving worker may finish its calls: longer than any deadline it gave. */
static uint32_t leave_ms(const struct supervisor *supervisor)
{
    return supervisor->config->deadline_ms + 1000u;
}

static bool is_replacing(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].replacement && supervisor->workers[i].state != WORKER_NONE &&
            supervisor->workers[i].state < WORKER_SERVING)
            return true;
    }
    return false;
}

static void start_replacements(struct supervisor *supervisor, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int place = supervisor_start_worker(supervisor);
        if (place < 0) {
            log_error("a worker cannot be started: %s", strerror(-place));
            supervisor_replacement_failed(supervisor);
            return;
        }
        supervisor->workers[place].replacement = true;
    }
}

void supervisor_reload(struct supervisor *supervisor, const char *why)
{
    if (is_replacing(supervisor)) {
        supervisor->reload_again = true;
        return;
    }
    log_info("reload (%s): %u new worker%s", why, supervisor->wanted,
             supervisor->wanted == 1 ? "" : "s");
    supervisor->reload_again = false;
    supervisor->quick_deaths = 0;
    supervisor_lift_quarantine(supervisor);
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        worker->replaced = worker->state != WORKER_NONE && worker->state != WORKER_LEAVING;
    }
    start_replacements(supervisor, supervisor->wanted);
}

void supervisor_recycle(struct supervisor *supervisor, unsigned place, const char *why)
{
    struct supervisor_worker *worker = &supervisor->workers[place];

    if (worker->state != WORKER_SERVING || worker->replaced || is_replacing(supervisor))
        return; /* it will ask again if it still has to */
    log_info("worker %u (pid %d) is replaced: %s", place, (int)worker->pid, why);
    worker->replaced = true;
    start_replacements(supervisor, 1);
}

void supervisor_replacement_ready(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].replacement && supervisor->workers[i].state == WORKER_STARTING)
            return; /* not all yet */
    }
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (!worker->replacement || worker->state != WORKER_READY)
            continue;
        (void)control_send(worker->control_fd, CONTROL_SERVE, 0, NULL, -1);
        worker->state = WORKER_SERVING;
        worker->replacement = false;
    }
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (!worker->replaced || worker->state == WORKER_NONE || worker->state == WORKER_LEAVING)
            continue;
        worker->state = WORKER_LEAVING;
        (void)control_send(worker->control_fd, CONTROL_HAND_OVER, leave_ms(supervisor), NULL, -1);
    }
    if (supervisor->reload_again)
        supervisor_reload(supervisor, "asked for again");
}

void supervisor_replacement_failed(struct supervisor *supervisor)
{
    log_error("the new workers cannot start: the old ones go on, with the plugins that they have");
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        worker->replaced = false;
        if (!worker->replacement || worker->state == WORKER_NONE || worker->state >= WORKER_SERVING)
            continue;
        /* From here on it is one that leaves; its end is no news. */
        worker->replacement = false;
        worker->state = WORKER_LEAVING;
        (void)control_send(worker->control_fd, CONTROL_DRAIN, 0, NULL, -1);
    }
}

void supervisor_pass_connection(struct supervisor *supervisor, int fd)
{
    if (fd < 0)
        return;
    for (unsigned tries = 0; tries < SCOREBOARD_WORKERS; tries++) {
        unsigned place = supervisor->next_worker++ % SCOREBOARD_WORKERS;
        struct supervisor_worker *worker = &supervisor->workers[place];
        if (worker->state != WORKER_SERVING)
            continue;
        int error = control_send(worker->control_fd, CONTROL_CONNECTION, 0, NULL, fd);
        if (error == -EAGAIN) {
            struct pollfd room = {.fd = worker->control_fd, .events = POLLOUT};
            if (poll(&room, 1, PASS_MS) > 0)
                error = control_send(worker->control_fd, CONTROL_CONNECTION, 0, NULL, fd);
        }
        if (!error) {
            close(fd);
            return;
        }
    }
    log_error("a connection could not be handed over and is closed");
    close(fd);
}
