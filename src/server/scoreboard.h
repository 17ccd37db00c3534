/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every thread of every worker is doing, in shared memory: so that the
 * supervisor can say which plugin, phase and call a dead worker was in, even when
 * the worker had no chance to say so itself.
 *
 * Each slot is written by its own thread and read by the supervisor after the worker
 * is dead, or by anyone who can live with a torn look.
 */
#ifndef SERVER_SCOREBOARD_H
#define SERVER_SCOREBOARD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define SCOREBOARD_WORKERS 64
#define SCOREBOARD_THREADS 1024
#define SCOREBOARD_NAME 64

struct scoreboard_thread {
    uint32_t used;           /* since the worker started */
    _Atomic uint32_t inside; /* 1 while plugin code runs */
    uint32_t phase;          /* enum call_phase */
    uint32_t call_id;
    uint32_t plugin; /* its number in the worker's registry */
};

/* Left by a worker's signal handler before it dies. */
struct scoreboard_crash {
    _Atomic uint32_t valid;
    int signal;
    int code;
    uint64_t address;
    int32_t thread; /* its slot, -1: none of ours */
};

struct scoreboard_worker {
    pid_t pid;
    struct scoreboard_crash crash;
    /* the registry as this worker numbered it */
    uint32_t plugin_count;
    char plugins[256][SCOREBOARD_NAME];
    struct scoreboard_thread threads[SCOREBOARD_THREADS];
};

#define SCOREBOARD_QUARANTINE 64

struct scoreboard {
    /* Plugins that no worker is to call, for workers that start. The supervisor's. */
    uint32_t quarantine_count;
    char quarantine[SCOREBOARD_QUARANTINE][SCOREBOARD_NAME];
    struct scoreboard_worker workers[SCOREBOARD_WORKERS];
};

/* Maps it, zeroed; only what is touched takes memory. -ENOMEM. */
int scoreboard_create(struct scoreboard **board);
void scoreboard_close(struct scoreboard *board);

/* Forgets what a dead worker left, for the next one in its place. */
void scoreboard_clear(struct scoreboard *board, unsigned worker);

#endif
