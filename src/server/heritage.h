/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a worker gets from the supervisor across the fork, and nothing else.
 *
 * The supervisor makes it before the first worker; a worker treats it as read only.
 * What it points to is either shared memory or was complete before the fork.
 */
#ifndef SERVER_HERITAGE_H
#define SERVER_HERITAGE_H

#include <a6/runner.h>

#include "server/scoreboard.h"

struct cells;
struct conf_store;

#define QUARANTINE_MAX 64

/* Plugins that no worker is to call. Not in shared memory: no worker can change it. */
struct quarantine {
    unsigned count;
    char plugins[QUARANTINE_MAX][SCOREBOARD_NAME];
};

struct heritage {
    const a6_runner_config *config;
    int listen_fd; /* listens only once a worker has said that it is ready */
    struct conf_store *store;
    struct cells *cells;
    struct scoreboard *board;
    struct quarantine quarantine; /* as it was when the worker started */
};

#endif
