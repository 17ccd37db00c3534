/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events to the pages that are open. Main thread only. */
#ifndef DEV_EVENTS_H
#define DEV_EVENTS_H

#include <jansson.h>
#include <microhttpd.h>

struct events;

/* NULL: out of memory. */
struct events *events_new(void);
/* After the daemon has stopped. */
void events_free(struct events *events);

/* Answers a request with a stream that stays open. */
enum MHD_Result events_open(struct events *events, struct MHD_Connection *connection);

/* To all streams. One that does not read as fast as it is written to is ended. */
void events_send(struct events *events, const char *name, json_t *data);

/* Ends all streams, once what was sent to them has gone out. */
void events_end(struct events *events);

#endif
