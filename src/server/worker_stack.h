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

/* Writes the calling thread's stack to the log: file, function and offset of each
 * frame. Safe in a signal handler as far as naming a frame can be. */
void stack_write(void);

#endif
