/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner as a child, as the gateway keeps one for ext-plugin.cmd: it gets the two
 * variables, is started again when it exits (at once, then with growing pauses), and is
 * stopped with SIGTERM and one second later with SIGKILL. A changed route does not touch it.
 */
#ifndef CLI_DEV_RUNNER_H
#define CLI_DEV_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/dev_child.h"
#include "cli/dev_reader.h"

struct dev_runner {
    struct dev_child child;
    const char *const *arguments; /* ends with NULL */
    const char *socket;           /* where it is to listen */
    const struct dev_list *variables;
    bool whole_environment; /* it gets ours, and not only the listed variables */
    int output;             /* what it prints; non-blocking; -1 while there is none */
    int input;              /* reaches its end when we die */
    uint64_t started_ms;
    uint64_t due_ms; /* when to start it again; 0: it runs */
    unsigned delay_ms;
};

/* -errno: it cannot be executed. */
int dev_runner_start(struct dev_runner *runner);

/* Waits until it listens: 0; -ESRCH: it has ended; -ETIMEDOUT. */
int dev_runner_wait(struct dev_runner *runner, int ms);

/* To be called when a child has ended and when due_ms has come: notices an end, and
 * starts it again in time. True when it has just been started again. */
bool dev_runner_tend(struct dev_runner *runner);

void dev_runner_stop(struct dev_runner *runner);

/* Whether someone takes connections there. */
bool dev_runner_listens(const char *path);

#endif
