/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/supervisor.h"

/* When one worker's replacement could not start, it is tried again after so long. */
#define RECYCLE_AGAIN_MS 10000u

static bool is_replacing(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].replacement && supervisor->workers[i].state != WORKER_NONE)
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

/* ---- all of them ---- */

void supervisor_reload(struct supervisor *supervisor, const char *why)
{
    supervisor->reload_wanted = true;
    snprintf(supervisor->reload_why, sizeof(supervisor->reload_why), "%s", why);
}

static void start_reload(struct supervisor *supervisor)
{
    unsigned leaving = supervisor_count_workers(supervisor, WORKER_LEAVING);

    /* The workers that serve, their replacements, and those that still leave. */
    if (leaving + 2 * supervisor->wanted > SCOREBOARD_WORKERS) {
        if (!supervisor->reload_waits)
            log_warn("a reload (%s) waits: %u workers of earlier reloads still finish their calls",
                     supervisor->reload_why, leaving);
        supervisor->reload_waits = true;
        return;
    }
    log_info("reload (%s): %u new worker%s", supervisor->reload_why, supervisor->wanted,
             supervisor->wanted == 1 ? "" : "s");
    supervisor->reload_wanted = supervisor->reload_waits = false;
    supervisor->reloading = true;
    supervisor->quick_deaths = 0;
    supervisor_lift_quarantine(supervisor);
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        worker->replaced = worker->state != WORKER_NONE && worker->state != WORKER_LEAVING;
    }
    start_replacements(supervisor, supervisor->wanted);
}

/* ---- one ---- */

void supervisor_recycle(struct supervisor *supervisor, unsigned place, const char *why)
{
    struct supervisor_worker *worker = &supervisor->workers[place];

    worker->recycle_at_ms = clock_ms();
    snprintf(worker->recycle_why, sizeof(worker->recycle_why), "%s", why);
}

static bool is_due(const struct supervisor_worker *worker)
{
    return worker->state == WORKER_SERVING && worker->recycle_at_ms &&
           clock_ms() >= worker->recycle_at_ms;
}

static void start_recycling(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (!is_due(worker))
            continue;
        log_info("worker %u (pid %d) is replaced: %s", i, (int)worker->pid, worker->recycle_why);
        worker->replaced = true;
        start_replacements(supervisor, 1);
        return;
    }
}

int supervisor_replace(struct supervisor *supervisor)
{
    if (is_replacing(supervisor) || !supervisor->published)
        return -1;
    supervisor->reloading = false;
    if (supervisor->reload_wanted)
        start_reload(supervisor);
    if (!is_replacing(supervisor))
        start_recycling(supervisor);
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state == WORKER_SERVING && supervisor->workers[i].recycle_at_ms)
            return RECYCLE_AGAIN_MS;
    }
    return -1;
}

/* ---- how it ends ---- */

/* From here on its end is no news. */
static void send_off(struct supervisor_worker *worker)
{
    bool hears = worker->state != WORKER_STARTING;

    worker->state = WORKER_LEAVING;
    if (hears && control_send(worker->control_fd, CONTROL_HAND_OVER, 0, NULL, -1) == 0)
        return;
    worker->killed = true; /* it has no calls yet, or does not listen any more */
    kill(worker->pid, SIGKILL);
}

void supervisor_replacement_ready(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].replacement && supervisor->workers[i].state == WORKER_STARTING)
            return; /* not all yet */
    }
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].replacement && supervisor->workers[i].state == WORKER_READY)
            supervisor_let_serve(supervisor, i);
    }
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (worker->replaced && worker->state != WORKER_NONE && worker->state != WORKER_LEAVING)
            send_off(worker);
    }
}

void supervisor_replacement_failed(struct supervisor *supervisor)
{
    log_error("the new workers cannot start: the old ones go on, with the plugins that they have");
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (worker->replaced && worker->recycle_at_ms)
            worker->recycle_at_ms = clock_ms() + RECYCLE_AGAIN_MS;
        worker->replaced = false;
        if (!worker->replacement || worker->state == WORKER_NONE)
            continue;
        worker->replacement = false;
        send_off(worker);
    }
}
