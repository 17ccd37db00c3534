/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does in its last moment: leaves signal, address and stack for the
 * supervisor, writes the stack with names to the log, and dies of the signal.
 */
#ifndef SERVER_WORKER_CRASH_H
#define SERVER_WORKER_CRASH_H

struct scoreboard_worker;

/* Once, before other threads exist. */
void crash_init(struct scoreboard_worker *board);

/* Gives the calling thread a stack of its own for signals, so that a stack overflow is
 * told too; NULL: no memory, and it goes without. */
void *crash_stack_enter(void);
void crash_stack_leave(void *stack);

#endif
