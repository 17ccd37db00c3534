/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: owns the listening socket and the shared memory, keeps the workers
 * alive, stops them. It loads no plugin and reads no byte of a request, so it cannot
 * crash with them. One thread.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/heritage.h"
#include "server/scoreboard.h"
#include "server/supervisor_socket.h"

struct supervisor_worker {
    pid_t pid; /* 0: none runs in this place */
    int control_fd;
    bool ready;
    uint64_t started_ms;
    uint64_t start_at_ms; /* when to start the next one, if none runs; 0: not at all */
    unsigned quick_deaths;
};

struct supervisor {
    const a6_runner_config *config;
    struct heritage heritage;
    struct listener listener;
    int signal_fd;
    bool watch_stdin; /* its end means that the gateway died */
    bool published;
    bool stopping;
    uint64_t saved_prepared; /* what the conf file has */
    struct supervisor_worker workers[SCOREBOARD_WORKERS];
    unsigned worker_count;
};

/* ---- supervisor_worker.c ---- */

/* Forks a worker into the place. -errno. */
int supervisor_start_worker(struct supervisor *supervisor, unsigned place);

/* What a worker says on its control socket. -EPIPE: it is going. -ECHILD: it failed to
 * start, which was logged. */
int supervisor_hear_worker(struct supervisor *supervisor, unsigned place);

/* Collects dead workers, says why they died, and plans their successors. */
void supervisor_reap(struct supervisor *supervisor);

/* Tells each worker. */
void supervisor_tell_workers(struct supervisor *supervisor, unsigned type, uint32_t value);

unsigned supervisor_living_workers(const struct supervisor *supervisor);

#endif
