/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sits on the socket between nginx and the runner, whichever runner that is, and sees
 * every call: what its plugins are, what they asked, changed and answered.
 *
 * The bytes pass unchanged. The only thing that it adds is a question of its own to nginx
 * at the start of a call, for $request_id, by which a call is found again in nginx's log.
 * A thread for each connection: this is for development, not for load.
 */
#ifndef DEV_TAP_H
#define DEV_TAP_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "dev/error.h"

struct tap_connection;

struct tap {
    const char *path;   /* where nginx connects */
    const char *runner; /* and where the runner listens */
    /* Told of each call that has ended, on any thread; takes the object over. */
    void (*told)(void *user, const char *request_id, json_t *call);
    void *user;

    int listener;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    json_t *tokens; /* token -> {"key", "plugins"} */
    struct tap_connection *connections;
    bool absent; /* the runner was not there the last time */
};

int tap_start(struct tap *tap, struct error *error);

/* Closes all connections and waits for their threads. */
void tap_stop(struct tap *tap);

#endif
