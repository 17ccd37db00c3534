/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and what plugins did to them: nginx's line about a request and the calls that
 * the tap saw of it are put together, written to the log, and the last ones are kept for
 * the page.
 */
#ifndef DEV_CALLS_H
#define DEV_CALLS_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CALLS_KEPT 100

struct calls {
    /* Told of each new request, on the main thread; the object is borrowed. */
    void (*request)(void *user, json_t *request);
    /* An error with its mend, for the page; the same. */
    void (*problem)(void *user, const char *source, const char *text);
    void *user;

    pthread_mutex_t lock;
    json_t *pending;  /* request id -> list of calls */
    json_t *recent;   /* requests, oldest first */
    json_t *plugins;  /* name -> {"calls", "errors"} */
    json_t *problems; /* texts, oldest first */
    json_int_t total;
};

/* -ENOMEM. */
int calls_open(struct calls *calls);
void calls_close(struct calls *calls);

/* For the tap: a call has ended. Takes it over; any thread. */
void calls_told(void *calls, const char *request_id, json_t *call);

/* A line of nginx's log of requests, terminated. Main thread, as what follows. */
void calls_line(struct calls *calls, const char *line);

/* Logs a problem of the source's ("gateway", "nginx", "runner") and keeps it for the page. */
__attribute__((format(printf, 3, 4))) void calls_problem(struct calls *calls, const char *source,
                                                         const char *format, ...);

#endif
