/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events to the pages that are open. Main thread only. */
#ifndef CLI_DEV_EVENTS_H
#define CLI_DEV_EVENTS_H

#include <jansson.h>
#include <microhttpd.h>

struct dev_events;

/* NULL: out of memory. */
struct dev_events *dev_events_new(void);
/* After the daemon has stopped. */
void dev_events_free(struct dev_events *events);

/* Answers a request with a stream that stays open. */
enum MHD_Result dev_events_open(struct dev_events *events, struct MHD_Connection *connection);

/* To all streams. One that does not read as fast as it is written to is ended. */
void dev_events_send(struct dev_events *events, const char *name, json_t *data);

/* Ends all streams, once what was sent to them has gone out. */
void dev_events_end(struct dev_events *events);

#endif
