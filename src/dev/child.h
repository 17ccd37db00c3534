/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that the development gateway starts: nginx and the runner.
 *
 * Each has a process group of its own, so that Ctrl-C reaches only us and we stop them in
 * their order, and gets SIGTERM when we die without having done so. Only from the main
 * thread: the kernel ties that to the thread.
 */
#ifndef DEV_CHILD_H
#define DEV_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid;  /* 0: not running */
    int status; /* as waitpid gives it, once it has ended */
};

/* Descriptors for 0, 1 and 2; the child has no others. environment NULL: ours. -errno,
 * that of a program which cannot be executed included. */
int child_start(struct child *child, const char *const *arguments, const char *const *environment,
                const int descriptors[3]);

/* Whether it is still running; if not, child->status is set and pid is 0. */
bool child_alive(struct child *child);

/* Signals, waits up to `ms`, then kills. Nothing when it is not running. */
void child_stop(struct child *child, int signal, int ms);

/* Runs to the end and gives what it wrote to 2, up to size, terminated. The status as
 * waitpid gives it, or -errno. */
int child_run(const char *const *arguments, char *output, size_t size);

/* A pipe with both ends close-on-exec. -errno. */
int child_pipe(int ends[2]);

#endif
