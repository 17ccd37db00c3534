/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner as a child, as the gateway keeps one for ext-plugin.cmd: it gets the two
 * variables, is started again when it exits (at once, then with growing pauses), and is
 * stopped with SIGTERM and one second later with SIGKILL. A changed route does not touch it.
 */
#ifndef DEV_RUNNER_H
#define DEV_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/child.h"
#include "dev/reader.h"

struct runner {
    struct child child;
    const char *const *arguments; /* ends with NULL */
    const char *socket;           /* where it is to listen */
    const struct text_list *variables;
    bool whole_environment; /* it gets ours, and not only the listed variables */
    int output;             /* what it prints; non-blocking; -1 while there is none */
    int input;              /* reaches its end when we die */
    uint64_t started_ms;
    uint64_t due_ms; /* when to start it again; 0: it runs */
    unsigned delay_ms;
};

/* -errno: it cannot be executed. */
int runner_start(struct runner *runner);

/* Waits until it listens: 0; -ESRCH: it has ended; -ETIMEDOUT. */
int runner_wait(struct runner *runner, int ms);

/* To be called when a child has ended and when due_ms has come: notices an end, and
 * starts it again in time. True when it has just been started again. */
bool runner_tend(struct runner *runner);

void runner_stop(struct runner *runner);

/* Whether someone takes connections there. */
bool runner_listens(const char *path);

#endif
