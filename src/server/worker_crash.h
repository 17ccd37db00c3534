/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does in its last moment: leaves signal, address and stack for the
 * supervisor, writes the stack with names to the log, and dies of the signal.
 */
#ifndef SERVER_WORKER_CRASH_H
#define SERVER_WORKER_CRASH_H

struct registry;
struct scoreboard_worker;

/* Once, before other threads exist. */
void crash_init(struct scoreboard_worker *board);

/* The plugins among whose files the one that crashed is looked for; NULL: none any more. */
void crash_know(const struct registry *registry);

/* The process ends in order from here on: exit() is nobody's mistake. */
void crash_end(void);

/* This thread ends the process, with _exit, for a reason of its own: no plugin that is
 * open in another one is to blame. */
void crash_own_end(void);

/* Gives the calling thread a stack of its own for signals, so that a stack overflow is
 * told too; NULL: no memory, and it goes without. */
void *crash_stack_enter(void);
void crash_stack_leave(void *stack);

#endif
