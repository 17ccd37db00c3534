/* SPDX-License-Identifier: Apache-2.0 */
/* How a worker ends: because the runner stops, or because a newer worker is there. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/control.h"
#include "server/worker.h"
#include "server/worker_accept.h"
#include "server/worker_crash.h"
#include "server/worker_loop.h"
#include "server/worker_profile.h"
#include "server/worker_watch.h"

/* While draining: so long without anything new is the end. */
#define DRAIN_QUIET_MS 50u
#define DRAIN_LOOK_MS 10
/* Of the time to drain, the last so much is for closing what never is quiet. */
#define CLOSE_MS 60u
/* Threads that are still inside a plugin at the end get so long to come out, or what is left
 * of the time to drain; where nobody waits for the end, more. */
#define FINISH_MS 20u
#define FINISH_LEAVING_MS 1000u
/* free_conf and shutdown of all plugins together may take so long; then SIGALRM ends it. */
#define FINISH_SECONDS 10
/* Past the longest deadline, no call is worth staying for. */
#define LEAVE_SLACK_MS 1000u

static void wake_loops(struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_wake(worker->loops[i]);
}

/* Waits for a message, but not for long. True: an order to drain. */
static bool listen_to_supervisor(struct worker *worker, struct control_message *message)
{
    struct pollfd control = {.fd = worker->control_fd, .events = POLLIN};

    /* A connection may yet come, with a call on it that was sent before we were told to end. */
    return poll(&control, 1, DRAIN_LOOK_MS) > 0 && worker_hear(worker, message) &&
           message->type == CONTROL_DRAIN;
}

static void look_at_loops(struct worker *worker, uint32_t *busy, uint64_t *active_ms)
{
    struct control_message message;

    wake_loops(worker);
    (void)listen_to_supervisor(worker, &message);
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
    uint64_t least = clock_ms() + FINISH_MS;

    for (unsigned i = 0; i < worker->loop_count; i++)
        atomic_store(&worker->loops[i]->stop, true);
    wake_loops(worker);
    watch_stop();
    profile_stop();
    if (!crew_stop(&worker->crew, until_ms > least ? until_ms : least)) {
        log_warn("a plugin is still running at the end; its call is lost");
        log_close();
        _exit(0); /* its memory is in use */
    }
    /* Not freed: plugins may hold calls of theirs, and resume them in their shutdown. */
    for (unsigned i = 0; i < worker->loop_count; i++)
        loop_close(worker->loops[i]);
    alarm(FINISH_SECONDS);
    confs_free(&worker->confs);
    crash_know(NULL);
    /* The files stay mapped until exit(): threads that have just gone home may still be in
     * the destructors of what plugins have made thread-specific. */
    registry_cut(&worker->registry, 0);
    return 0;
}

int worker_stop(struct worker *worker, uint64_t until_ms)
{
    drain(worker, until_ms);
    return finish(worker, until_ms);
}

static uint32_t longest_deadline(const struct worker *worker)
{
    uint32_t longest = worker->limits.deadline_ms;

    for (unsigned i = 0; i < worker->registry.count; i++) {
        uint32_t own = worker->registry.plugins[i]->about.deadline_ms;
        longest = own > longest ? own : longest;
    }
    return longest;
}

/* Whether a loop may still accept, or have connections. */
static bool has_connections(struct worker *worker)
{
    for (unsigned i = 0; i < worker->loop_count; i++) {
        if (!atomic_load(&worker->loops[i]->handed_over))
            return true;
    }
    return atomic_load(&worker->connections) != 0;
}

int worker_leave(struct worker *worker)
{
    uint64_t until = clock_ms() + longest_deadline(worker) + LEAVE_SLACK_MS;
    struct control_message message;

    atomic_store(&worker->handing_over, true);
    wake_loops(worker);
    while (has_connections(worker) && clock_ms() < until) {
        if (listen_to_supervisor(worker, &message)) {
            atomic_store(&worker->handing_over, false); /* there is nobody to have them */
            return worker_stop(worker, clock_ms() + message.value);
        }
        wake_loops(worker);
    }
    return finish(worker, clock_ms() + FINISH_LEAVING_MS);
}
