/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread is, for a person: the stack of a filter that does not come back.
 */
#ifndef SERVER_WORKER_STACK_H
#define SERVER_WORKER_STACK_H

#include <sys/types.h>

/* Once per process, before threads exist. */
void stack_init(void);

/* Has the thread write its stack to the log, soon. Any thread. */
void stack_show(pid_t thread);

#define STACK_FRAMES 48

/* The return addresses of the calling thread, innermost first; how many. */
int stack_take(void *frames[STACK_FRAMES]);

/* Writes them to the log, each with its file, function and offset, beginning where the
 * signal came whose handler got the context. Safe there as far as naming a frame can be. */
void stack_write(void *const *frames, int count, const void *context);

#endif
