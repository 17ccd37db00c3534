/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for what happens, and does it, until told to stop. */
#ifndef DEV_LOOP_H
#define DEV_LOOP_H

#include "dev/http.h"
#include "dev/site.h"

/* Blocks the signals that the loop takes. Before there are threads or children. */
int loop_signals(void);

/* 0: stopped by SIGINT, SIGTERM or SIGHUP; 1: nginx has ended. signals: of loop_signals.
 * managed: the runner is ours to keep up. */
int loop_run(struct site *site, struct http *http, int signals, bool managed);

#endif
