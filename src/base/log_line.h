/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a log line. Pure functions, any thread, also after fork.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/log.h"

struct log_line_head {
    struct timespec time; /* wall clock */
    enum log_level level;
    int pid;
};

/*
 * Writes `2026-01-31T12:00:00.123Z LEVEL [pid] text` into out, without a newline or
 * NUL, and gives its length, which is below LOG_LINE_MAX: room for the newline is
 * left. Newlines at the end of text are dropped; text that is too long is cut and
 * ends in "...".
 */
size_t log_line_format(char out[LOG_LINE_MAX], const struct log_line_head *head, const char *text,
                       size_t len);

/* Where the text of such a line begins, behind its head: an offset of at most len. */
size_t log_line_text(const char *line, size_t len);

#endif
