/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that the runner wrote. Those of c-runner have the form
 * "2026-01-31T12:00:00.123Z INFO [12] text"; other runners have their own.
 */
#ifndef DEV_RUNNER_LOG_H
#define DEV_RUNNER_LOG_H

/* To the log, in our form, and to the page what belongs there. site: a struct site. */
void runner_log_line(void *site, const char *line);

/* The line without its time and level: borrowed from it. */
const char *runner_log_text(const char *line);

#endif
