/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking new connections: from the listening socket that all workers share, to the
 * loop of this worker that has the fewest. The loop's driver only, but for accept_place.
 */
#ifndef SERVER_WORKER_ACCEPT_H
#define SERVER_WORKER_ACCEPT_H

#include <stdbool.h>

struct loop;
struct worker;

void accept_start(struct loop *loop);
void accept_stop(struct loop *loop);

/* Accepts what waits, but not without end. When descriptors or connections run out it
 * says so and pauses, instead of spinning. True: more may wait. */
bool accept_some(struct loop *loop);

/* Any thread: gives the loop with the fewest a connection, whose descriptor it takes and
 * closes when there is no memory. `own`: the loop that the caller drives, or NULL. */
void accept_place(struct worker *worker, struct loop *own, int fd);

#endif
