/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner's log: one line at a time, each in one write, so that lines of several
 * threads and processes on one descriptor do not interleave.
 *
 * A line is `2026-01-31T12:00:00.123Z LEVEL [pid] text`, at most LOG_LINE_MAX bytes;
 * control bytes and bytes that are not UTF-8 are escaped as \xNN. Writing never
 * blocks a caller for long: a line that cannot be written is dropped and counted,
 * and the count is told with the next line that can. The same text from the same
 * place more than a few times a second is told once with a count.
 *
 * Set up once per process before threads exist; then any thread, also after fork, not
 * from a signal handler (log_signal_line is for those). Before log_open and after
 * log_close lines go to stderr. The process ignores SIGPIPE. errno is kept.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The gateway cuts what a runner prints into pieces of 3,800 bytes. */
#define LOG_LINE_MAX 3700

/* The values of a6_level. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL };

typedef void (*log_function)(void *user, int level, const char *line, size_t len);

struct log_config {
    enum log_level level;
    const char *file;      /* appended to; NULL: fd */
    int fd;                /* used when there is no file */
    log_function function; /* or NULL; wins over both */
    void *user;
};

/* Opens the file, making its folder if that is missing. -errno. */
int log_open(const struct log_config *config);

/* Opens the file anew, after it was rotated. -errno, and the old one stays. */
int log_reopen(void);

void log_close(void);

extern enum log_level log_threshold;

static inline bool log_enabled(enum log_level level)
{
    return level >= log_threshold;
}

/* Writes the line if the level is enabled. */
__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_debug(...) (log_enabled(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

/* Lines dropped since the start, because the disk was full or the pipe was. */
uint64_t log_dropped(void);

/* Writes bytes as they are to where the log goes; safe in a signal handler. */
void log_signal_line(const char *text, size_t len);

/* "debug", "info", "warn", "error", "fatal"; -EINVAL for another name. */
int log_level_parse(const char *name);
const char *log_level_name(enum log_level level);

#endif
