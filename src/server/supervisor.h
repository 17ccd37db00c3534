/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: owns the listening socket and the shared memory, keeps the workers
 * alive, replaces them, stops them. It loads no plugin and reads no byte of a request,
 * so it cannot crash with them. One thread.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/control.h"
#include "server/heritage.h"
#include "server/scoreboard.h"
#include "server/supervisor_socket.h"

enum worker_state {
    WORKER_NONE,     /* the place is free */
    WORKER_STARTING, /* loads its plugins */
    WORKER_READY,    /* waits until it may serve */
    WORKER_SERVING,
    WORKER_LEAVING, /* gives its connections away, ends by itself */
};

struct supervisor_worker {
    enum worker_state state;
    pid_t pid;
    int control_fd;
    bool replacement; /* of a replacement that is under way; else it fills a gap */
    bool replaced;    /* to leave when its replacement serves */
    uint64_t started_ms;
};

#define CRASHES_MAX 32

/* When plugins crashed a worker. */
struct crash_note {
    char plugin[SCOREBOARD_NAME];
    uint64_t at_ms;
};

struct supervisor {
    const a6_runner_config *config;
    struct heritage heritage;
    struct listener listener;
    int signal_fd;
    int watch_fd;          /* inotify, -1: not asked for */
    uint64_t reload_at_ms; /* a plugin file changed: reload when it is quiet; 0: no */
    bool watch_stdin;      /* its end means that the gateway died */
    bool published;
    bool stopping;
    bool reload_again;       /* asked for while one is under way */
    uint64_t saved_prepared; /* what the conf file has */

    struct supervisor_worker workers[SCOREBOARD_WORKERS];
    unsigned wanted;       /* how many are to serve */
    unsigned next_worker;  /* gets the next connection that is handed over */
    unsigned quick_deaths; /* in a row */
    uint64_t start_at_ms;  /* not before */
    struct crash_note crashes[CRASHES_MAX];
    unsigned crash_count;
};

/* ---- supervisor_worker.c ---- */

/* Forks a worker into a free place; its number, or -errno. */
int supervisor_start_worker(struct supervisor *supervisor);

/* Reads what a worker says until there is nothing more. -ECHILD: it failed to start,
 * which was logged. -EPIPE: it is going. */
int supervisor_hear_worker(struct supervisor *supervisor, unsigned place);

/* Collects dead workers and says why they died. */
void supervisor_reap(struct supervisor *supervisor);

/* Tells each worker in any state. */
void supervisor_tell_workers(struct supervisor *supervisor, enum control_type type, uint32_t value);

/* Starts workers where some are missing, if it is time; milliseconds until the next may
 * start, or -1. */
int supervisor_fill_gaps(struct supervisor *supervisor);

unsigned supervisor_count_workers(const struct supervisor *supervisor, enum worker_state state);

/* ---- supervisor_replace.c: new workers first, then the old ones leave ---- */

/* Replaces all workers; if the new ones cannot start, the old ones stay. */
void supervisor_reload(struct supervisor *supervisor, const char *why);

/* Replaces one. */
void supervisor_recycle(struct supervisor *supervisor, unsigned place, const char *why);

/* A replacement said that it is ready, or died, or failed. */
void supervisor_replacement_ready(struct supervisor *supervisor);
void supervisor_replacement_failed(struct supervisor *supervisor);

/* Gives a connection, whose fd it closes, to a worker that serves. */
void supervisor_pass_connection(struct supervisor *supervisor, int fd);

/* ---- supervisor_crash.c ---- */

/* Says what a dead worker was doing; notes the plugin, and quarantines it when it has
 * done so too often. */
void supervisor_note_crash(struct supervisor *supervisor, unsigned place, pid_t pid, int status);

/* Lets quarantined plugins have another chance. */
void supervisor_lift_quarantine(struct supervisor *supervisor);

/* ---- supervisor_watch.c ---- */

/* Watches the plugins' folders. -errno. */
int supervisor_watch_files(struct supervisor *supervisor);

/* Something changed in them. */
void supervisor_read_watch(struct supervisor *supervisor);

#endif
