/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one log of the development gateway, on stdout: lines of nginx, of the runner and of
 * its own, each with the time and where it comes from; with colours on a terminal.
 */
#ifndef CLI_DEV_LOG_H
#define CLI_DEV_LOG_H

enum dev_tone { DEV_PLAIN, DEV_GOOD, DEV_NOTE, DEV_WARN, DEV_BAD, DEV_DIM };

/* Once, before threads. */
void dev_log_open(void);

/* One line; control bytes are shown as \xNN. Any thread. */
__attribute__((format(printf, 3, 4))) void dev_log(enum dev_tone tone, const char *source,
                                                   const char *format, ...);

/* For a developer who waits at the prompt: `c-runner dev: text` on stderr. */
__attribute__((format(printf, 1, 2))) void dev_log_fatal(const char *format, ...);

#endif
