/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP of the development gateway itself: the Admin API, and the page /_dev/ with its
 * events. On loopback, run by the main loop: no thread of its own.
 */
#ifndef CLI_DEV_HTTP_H
#define CLI_DEV_HTTP_H

#include <jansson.h>

#include "cli/dev_error.h"
#include "cli/dev_site.h"

struct dev_http;

/* NULL with the error: the port is taken, say. */
struct dev_http *dev_http_start(struct dev_site *site, long port, struct dev_error *error);

/* To be polled for reading; then, and after at most dev_http_wait ms, dev_http_run. */
int dev_http_descriptor(const struct dev_http *http);
int dev_http_wait(const struct dev_http *http);
void dev_http_run(struct dev_http *http);

/* Sends an event to every page that is open; the data is borrowed. */
void dev_http_event(struct dev_http *http, const char *name, json_t *data);

/* Ends the event streams, so that they do not hold up nginx workers that are to leave;
 * pages come again by themselves. */
void dev_http_end_events(struct dev_http *http);

void dev_http_stop(struct dev_http *http);

#endif
