/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps one message from filling the log: a text that comes more often than
 * LOG_LIMIT_BURST times a second is held back from then on, and told once a second
 * with a count until it stops.
 *
 * Remembers a fixed number of recent texts. Not thread-safe; the time is the
 * caller's, in ms.
 */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#define LOG_LIMIT_BURST 5u
#define LOG_LIMIT_WINDOW_MS 1000u
#define LOG_LIMIT_SLOTS 64u
/* So much of a text is kept for telling its count. */
#define LOG_LIMIT_TEXT 200u

/* A text that was held back, to be told with its count. */
struct log_limit_held {
    enum log_level level;
    uint32_t count;
    size_t len;
    char text[LOG_LIMIT_TEXT];
};

struct log_limit_slot {
    uint64_t key; /* 0: free */
    uint64_t start_ms;
    uint32_t passed;
    struct log_limit_held held;
};

struct log_limit {
    struct log_limit_slot slots[LOG_LIMIT_SLOTS];
    uint32_t waiting; /* slots that have a count to tell */
};

/* Whether the line may be written now. place: what tells two messages of one text
 * apart. When false, the line was counted. When *told->count is not 0 afterwards, an
 * older count is to be written before the line. */
bool log_limit_pass(struct log_limit *limit, enum log_level level, const void *place,
                    const char *text, size_t len, uint64_t now_ms, struct log_limit_held *told);

/* Takes one count whose second is over, or, with all, any. False when there is none. */
bool log_limit_due(struct log_limit *limit, uint64_t now_ms, bool all, struct log_limit_held *told);

#endif
