/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for what happens, and does it, until told to stop. */
#ifndef CLI_DEV_LOOP_H
#define CLI_DEV_LOOP_H

#include "cli/dev_http.h"
#include "cli/dev_site.h"

/* Blocks the signals that the loop takes. Before there are threads or children. */
int dev_loop_signals(void);

/* 0: stopped by SIGINT or SIGTERM; 1: nginx has ended. signals: of dev_loop_signals.
 * managed: the runner is ours to keep up. */
int dev_loop_run(struct dev_site *site, struct dev_http *http, int signals, bool managed);

/* A line that the runner wrote: to the log, in our form. user is the site. */
void dev_loop_runner_line(void *user, const char *line);

#endif
