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
    bool failed;      /* said why it cannot start */
    bool late;        /* did not start in time */
    bool killed;      /* by us; it had no calls, or had its time */
    uint64_t started_ms;
    uint64_t recycle_at_ms; /* it asked to be replaced, then or earlier; 0: no */
    char recycle_why[128];
};

/* Connections on their way from one worker to another: fds[first] to fds[count - 1]. */
struct handover {
    int *fds;
    unsigned first;
    unsigned count;
    unsigned capacity;
    unsigned next_worker; /* gets the next one */
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
    int watch_fd;           /* inotify, -1: not asked for */
    uint64_t reload_at_ms;  /* a plugin file changed: reload when it is quiet; 0: no */
    uint64_t look_again_ms; /* a folder is gone: then look for it; 0: none is */
    bool unwatched;         /* one is, which was said */
    int newest_watch;       /* inotify's largest number */
    bool watch_stdin;       /* its end means that the gateway died */
    bool published;
    bool stopping;
    bool reload_wanted;  /* begins as soon as nothing else is under way */
    bool reload_waits;   /* for workers that leave; which was said */
    bool reloading;      /* all are being replaced, not one */
    uint64_t look_at_ms; /* then connections are not to wait any more that wait now; 0: none do */
    char reload_why[64];
    uint64_t saved_prepared;  /* what the conf file has */
    int save_error;           /* what the last try to write it came to */
    pid_t confs_holder;       /* the thread that had the store's lock at the last looks */
    unsigned confs_looks;     /* so many in a row */
    uint64_t confs_looked_ms; /* the last of them */

    struct supervisor_worker workers[SCOREBOARD_WORKERS];
    unsigned wanted;       /* how many are to serve */
    unsigned quick_deaths; /* in a row */
    uint64_t start_at_ms;  /* not before */
    struct crash_note crashes[CRASHES_MAX];
    unsigned crash_count;
    struct handover handover;
};

/* ---- supervisor_wait.c ---- */

/* One wait for anything that happens, at most so long (-1: for ever), and what follows
 * from it. */
void supervisor_wait(struct supervisor *supervisor, int milliseconds);

/* The file that the log goes to; NULL: none. */
const char *supervisor_log_file(const a6_runner_config *config);

/* ---- supervisor_worker.c ---- */

/* Forks a worker into a free place; its number, or -errno. */
int supervisor_start_worker(struct supervisor *supervisor);

/* Lets a worker that is ready accept, and gives it what waits for one. */
void supervisor_let_serve(struct supervisor *supervisor, unsigned place);

/* Reads what a worker says until there is nothing more. */
void supervisor_hear_worker(struct supervisor *supervisor, unsigned place);

/* Kills workers whose plugins do not come back from their init; milliseconds until the
 * next is due, or -1. */
int supervisor_end_late_starts(struct supervisor *supervisor);

/* Collects dead workers and says why they died. */
void supervisor_reap(struct supervisor *supervisor);

/* Tells each worker in any state. */
void supervisor_tell_workers(struct supervisor *supervisor, enum control_type type, uint32_t value);

/* Starts workers where some are missing, if it is time; milliseconds until the next may
 * start, or -1. */
int supervisor_fill_gaps(struct supervisor *supervisor);

unsigned supervisor_count_workers(const struct supervisor *supervisor, enum worker_state state);

/* ---- supervisor_replace.c: new workers first, then the old ones leave ---- */

/* Replaces all workers, once what is under way is done; if the new ones cannot start,
 * the old ones stay. */
void supervisor_reload(struct supervisor *supervisor, const char *why);

/* Replaces one. */
void supervisor_recycle(struct supervisor *supervisor, unsigned place, const char *why);

/* Begins what was asked for, if nothing is under way; milliseconds until it is to be
 * called again, or -1. */
int supervisor_replace(struct supervisor *supervisor);

/* A replacement said that it is ready, or died, or failed. */
void supervisor_replacement_ready(struct supervisor *supervisor);
void supervisor_replacement_failed(struct supervisor *supervisor);

/* ---- supervisor_handover.c ---- */

/* Whether more may be sent to it than orders. Those must find room however many connections
 * come: a worker that cannot be told to leave, or to drain, would lose all it has. */
bool supervisor_has_room(const struct supervisor_worker *worker);

/* Gives a connection, whose fd it closes, to a worker that serves, as soon as there is
 * one with room for it. */
void supervisor_pass_connection(struct supervisor *supervisor, int fd);

/* Tries again to give away what waits. */
void supervisor_deliver(struct supervisor *supervisor);

bool supervisor_has_undelivered(const struct supervisor *supervisor);

/* At the end: closes what nobody took. */
void supervisor_drop_undelivered(struct supervisor *supervisor);

/* ---- supervisor_crash.c ---- */

/* Says what a dead worker was doing; notes the plugin, and quarantines it when it has
 * done so too often. */
void supervisor_note_crash(struct supervisor *supervisor, unsigned place,
                           const struct supervisor_worker *worker, int status);

/* Lets quarantined plugins have another chance. */
void supervisor_lift_quarantine(struct supervisor *supervisor);

/* ---- supervisor_confs.c ---- */

/* Drops what has expired, and saves now and then; milliseconds until it is due again. */
uint64_t supervisor_keep_confs(struct supervisor *supervisor);

/* Saves what the file has not, unless a worker has the store just now. */
void supervisor_save_confs(struct supervisor *supervisor);

/* How long a conf lives: the gateway may use a token for as long as it says; a little
 * longer is never wrong. */
static inline uint64_t supervisor_conf_ttl(const a6_runner_config *config)
{
    return (uint64_t)config->conf_expire_time * 1200u;
}

/* ---- supervisor_watch.c ---- */

/* Watches the plugins' folders. -errno. */
int supervisor_watch_files(struct supervisor *supervisor);

/* Reloads, and looks for folders that are gone, if it is time; milliseconds until it is due
 * again, or -1. Nothing without --watch. */
int supervisor_keep_watch(struct supervisor *supervisor);

/* Something changed in them. */
void supervisor_read_watch(struct supervisor *supervisor);

#endif
