/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every thread of every worker is doing, in shared memory: so that the
 * supervisor can say which plugin, phase and call a dead worker was in, even when
 * the worker had no chance to say so itself.
 *
 * Each slot is written by its own thread and read by the supervisor after the worker
 * is dead, or by anyone who can live with a torn look. A plugin that writes where it
 * should not may have written here: the reader takes nothing for granted.
 */
#ifndef SERVER_SCOREBOARD_H
#define SERVER_SCOREBOARD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "plugin/inside.h"

#define SCOREBOARD_WORKERS 64
#define SCOREBOARD_THREADS 1024
#define SCOREBOARD_PLUGINS 256
#define SCOREBOARD_NAME (PLUGIN_NAME_MAX + 1)

struct scoreboard_thread {
    uint32_t used; /* since the worker started */
    struct inside inside;
};

/* The slot of the worker's first thread, which starts and ends the plugins. */
#define SCOREBOARD_MAIN 0

/* Left by a worker's signal handler, or by its exit handler, before it dies. */
struct scoreboard_crash {
    _Atomic uint32_t valid; /* it was a signal */
    int signal;
    uint32_t raised; /* and no fault: then there is no address */
    uint64_t address;
    int32_t thread; /* the slot of who did it; -1: none of ours */
    int32_t plugin; /* that the stack leads to; -1: unknown, or more than one in that file */
};

struct scoreboard_worker {
    pid_t pid;
    struct scoreboard_crash crash;
    /* the registry as this worker numbered it */
    uint32_t plugin_count;
    char plugins[SCOREBOARD_PLUGINS][SCOREBOARD_NAME];
    struct scoreboard_thread threads[SCOREBOARD_THREADS];
};

struct scoreboard {
    struct scoreboard_worker workers[SCOREBOARD_WORKERS];
};

/* Maps it, zeroed; only what is touched takes memory. -ENOMEM. */
int scoreboard_create(struct scoreboard **board);
void scoreboard_close(struct scoreboard *board);

/* Forgets what a dead worker left, for the next one in its place. */
void scoreboard_clear(struct scoreboard *board, unsigned worker);

#endif
