/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch thread: takes a loop from a thread that has been inside a plugin for too
 * long, and gives it to another one. A plugin that is caught at it again and again is
 * marked, and its calls run on threads of their own from then on.
 *
 * It looks every few milliseconds while calls come in, and sleeps when none do.
 */
#ifndef SERVER_WORKER_WATCH_H
#define SERVER_WORKER_WATCH_H

struct worker;

/* -errno. */
int watch_start(struct worker *worker);
void watch_stop(void);

/* Any thread: calls come in again. */
void watch_wake(struct worker *worker);

#endif
