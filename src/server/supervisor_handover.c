/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections on their way from a worker that leaves to one that serves. None is ever
 * closed because nobody can take it now: it waits here, as a new one waits in the
 * backlog, until a worker has room or has been started.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/supervisor.h"

static bool make_room(struct handover *handover)
{
    if (handover->first) {
        memmove(handover->fds, handover->fds + handover->first,
                (handover->count - handover->first) * sizeof(int));
        handover->count -= handover->first;
        handover->first = 0;
    }
    if (handover->count < handover->capacity)
        return true;
    unsigned capacity = handover->capacity ? handover->capacity * 2 : 64;
    int *fds = realloc(handover->fds, capacity * sizeof(int));
    if (!fds)
        return false;
    handover->fds = fds;
    handover->capacity = capacity;
    return true;
}

/* The kernel calls a socket writable while no more than a quarter of its buffer is taken. */
bool supervisor_has_room(const struct supervisor_worker *worker)
{
    struct pollfd control = {.fd = worker->control_fd, .events = POLLOUT};

    return poll(&control, 1, 0) > 0 && control.revents & POLLOUT;
}

/* Offers it to each worker that serves, beginning with another one each time. */
static bool give(struct supervisor *supervisor, int fd)
{
    for (unsigned tries = 0; tries < SCOREBOARD_WORKERS; tries++) {
        struct supervisor_worker *worker =
            &supervisor->workers[supervisor->handover.next_worker++ % SCOREBOARD_WORKERS];
        if (worker->state == WORKER_SERVING && supervisor_has_room(worker) &&
            control_send(worker->control_fd, CONTROL_CONNECTION, 0, NULL, fd) == 0)
            return true;
    }
    return false;
}

void supervisor_deliver(struct supervisor *supervisor)
{
    struct handover *handover = &supervisor->handover;

    while (handover->first < handover->count && give(supervisor, handover->fds[handover->first]))
        close(handover->fds[handover->first++]);
}

bool supervisor_has_undelivered(const struct supervisor *supervisor)
{
    return supervisor->handover.first < supervisor->handover.count;
}

void supervisor_pass_connection(struct supervisor *supervisor, int fd)
{
    struct handover *handover = &supervisor->handover;

    if (fd < 0) {
        log_error("a connection was lost on its way to another worker: too many descriptors are "
                  "open (see ulimit -n)");
        return;
    }
    if (handover->count == handover->capacity && !make_room(handover)) {
        log_error("a connection cannot be handed over and is closed: no memory");
        close(fd);
        return;
    }
    handover->fds[handover->count++] = fd;
    supervisor_deliver(supervisor);
}

void supervisor_drop_undelivered(struct supervisor *supervisor)
{
    struct handover *handover = &supervisor->handover;

    if (supervisor_has_undelivered(supervisor))
        log_warn("%u connections that no worker took are closed",
                 handover->count - handover->first);
    while (handover->first < handover->count)
        close(handover->fds[handover->first++]);
    free(handover->fds);
    *handover = (struct handover){.fds = NULL};
}
