/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP of the development gateway itself: the Admin API, and the page /_dev/ with its
 * events. On loopback, run by the main loop: no thread of its own.
 */
#ifndef DEV_HTTP_H
#define DEV_HTTP_H

#include <jansson.h>

#include "dev/error.h"
#include "dev/site.h"

struct http;

/* NULL with the error: the port is taken, say. */
struct http *http_start(struct site *site, long port, struct error *error);

/* To be polled for reading; then, and after at most http_wait ms, http_run. */
int http_descriptor(const struct http *http);
int http_wait(const struct http *http);
void http_run(struct http *http);

/* Sends an event to every page that is open; the data is borrowed. */
void http_event(struct http *http, const char *name, json_t *data);

/* Ends the event streams, so that they do not hold up nginx workers that are to leave;
 * pages come again by themselves. */
void http_end_events(struct http *http);

void http_stop(struct http *http);

#endif
