/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/log_line.h"
#include "base/log_sink.h"

enum log_level log_threshold = LOG_INFO;

static struct {
    struct log_sink sink;
    log_function function;
    void *user;
    struct log_limit limit;
    /* Held for the limit's table, and around `function`; never around a write. */
    pthread_mutex_t limit_lock;
    pthread_mutex_t function_lock;
    _Atomic uint64_t dropped;
    _Atomic uint64_t untold; /* of dropped */
    atomic_bool torn;        /* the last line has no end yet */
} log_state = {
    .sink = {.fd = STDERR_FILENO, .poll = true},
    .limit_lock = PTHREAD_MUTEX_INITIALIZER,
    .function_lock = PTHREAD_MUTEX_INITIALIZER,
};

/* A function that logs would call itself for ever. */
static _Thread_local bool log_in_function;

/* A thread that forks while another one holds a lock would leave it locked in the
 * child for good. */
static void log_before_fork(void)
{
    if (!log_in_function)
        pthread_mutex_lock(&log_state.function_lock);
    pthread_mutex_lock(&log_state.limit_lock);
}

static void log_after_fork(void)
{
    pthread_mutex_unlock(&log_state.limit_lock);
    if (!log_in_function)
        pthread_mutex_unlock(&log_state.function_lock);
}

/* What the parent has counted, the parent tells. */
static void log_after_fork_in_child(void)
{
    memset(&log_state.limit, 0, sizeof(log_state.limit));
    atomic_store(&log_state.untold, 0);
    atomic_store(&log_state.dropped, 0);
    atomic_store(&log_state.torn, false);
    log_after_fork();
}

static void log_watch_forks(void)
{
    pthread_atfork(log_before_fork, log_after_fork, log_after_fork_in_child);
}

static void log_count_dropped(uint64_t lines)
{
    atomic_fetch_add(&log_state.untold, lines);
}

static void log_call_function(const char *line, size_t len, enum log_level level)
{
    if (log_in_function)
        return;
    pthread_mutex_lock(&log_state.function_lock);
    log_in_function = true;
    log_state.function(log_state.user, level, line, len);
    log_in_function = false;
    pthread_mutex_unlock(&log_state.function_lock);
}

static int log_put_text(enum log_level level, const char *text, size_t len)
{
    /* The first byte ends a line that was cut off; the last one ends this line. */
    char line[LOG_LINE_MAX + 1];
    struct log_line_head head = {.level = level, .pid = (int)getpid()};
    size_t size;
    bool mend;
    bool torn;
    int err;

    clock_gettime(CLOCK_REALTIME, &head.time);
    size = log_line_format(line + 1, &head, text, len);
    if (log_state.function) {
        log_call_function(line + 1, size, level);
        return 0;
    }
    line[0] = '\n';
    line[size + 1] = '\n';
    mend = atomic_exchange(&log_state.torn, false);
    err = log_sink_write(&log_state.sink, mend ? line : line + 1, size + 1 + mend, &torn);
    if (err && (mend || torn))
        atomic_store(&log_state.torn, true);
    return err;
}

/* The lines that were dropped are told before the next one, if that finds its way. */
static int log_tell_dropped(void)
{
    uint64_t lines;
    char text[128];
    int len;
    int err;

    if (!atomic_load_explicit(&log_state.untold, memory_order_relaxed))
        return 0;
    lines = atomic_exchange(&log_state.untold, 0);
    if (!lines)
        return 0;
    len = snprintf(text, sizeof(text),
                   "%" PRIu64 " log lines of this process are missing here: they could not be "
                   "written (disk or pipe full)",
                   lines);
    err = log_put_text(LOG_WARN, text, (size_t)len);
    if (err)
        log_count_dropped(lines);
    return err;
}

static void log_put(enum log_level level, const char *text, size_t len)
{
    if (log_tell_dropped() || log_put_text(level, text, len)) {
        atomic_fetch_add(&log_state.dropped, 1);
        log_count_dropped(1);
    }
}

static void log_put_held(const struct log_limit_held *held)
{
    char text[LOG_LIMIT_TEXT + 64];
    int len;

    len = snprintf(text, sizeof(text), "%.*s%s (repeated %" PRIu32 " times)", (int)held->len,
                   held->text, held->len == LOG_LIMIT_TEXT ? "..." : "", held->count);
    if (len > 0)
        log_put(held->level, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static void log_put_due(uint64_t now_ms, bool all)
{
    struct log_limit_held told;
    bool found;

    do {
        pthread_mutex_lock(&log_state.limit_lock);
        found = log_limit_due(&log_state.limit, now_ms, all, &told);
        pthread_mutex_unlock(&log_state.limit_lock);
        if (found)
            log_put_held(&told);
    } while (found);
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    struct log_limit_held told;
    int saved = errno;
    uint64_t now_ms;
    va_list args;
    size_t len;
    bool pass;
    int size;

    if (!log_enabled(level))
        return;
    va_start(args, format);
    size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size < 0)
        size = snprintf(text, sizeof(text), "a log line could not be formatted: %s", format);
    len = (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1;

    now_ms = clock_ms();
    log_put_due(now_ms, false);
    pthread_mutex_lock(&log_state.limit_lock);
    pass = log_limit_pass(&log_state.limit, level, format, text, len, now_ms, &told);
    pthread_mutex_unlock(&log_state.limit_lock);
    if (told.count)
        log_put_held(&told);
    if (pass)
        log_put(level, text, len);
    errno = saved;
}

int log_open(const struct log_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct log_sink sink = {.fd = -1};
    int err;

    pthread_once(&once, log_watch_forks);
    if (config->function) {
        /* A crash is still told somewhere. */
        log_sink_open_fd(&sink, STDERR_FILENO);
    } else if (config->file) {
        err = log_sink_open_file(&sink, config->file);
        if (err)
            return err;
    } else {
        log_sink_open_fd(&sink, config->fd);
    }
    log_close();
    log_state.sink = sink;
    log_state.function = config->function;
    log_state.user = config->user;
    log_threshold = config->level;
    return 0;
}

int log_reopen(void)
{
    return log_sink_reopen(&log_state.sink);
}

void log_close(void)
{
    log_put_due(clock_ms(), true);
    log_sink_close(&log_state.sink);
    log_state.sink = (struct log_sink){.fd = STDERR_FILENO, .poll = true};
    log_state.function = NULL;
    atomic_store(&log_state.torn, false);
    atomic_store(&log_state.untold, 0);
}

uint64_t log_dropped(void)
{
    return atomic_load(&log_state.dropped);
}

void log_signal_line(const char *text, size_t len)
{
    int saved = errno;
    bool torn;

    log_sink_write(&log_state.sink, text, len, &torn);
    errno = saved;
}

static const char *const log_level_names[] = {"debug", "info", "warn", "error", "fatal"};

int log_level_parse(const char *name)
{
    for (int i = LOG_DEBUG; i <= LOG_FATAL; i++) {
        if (!strcmp(name, log_level_names[i]))
            return i;
    }
    return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
    int i = (int)level;

    return i >= LOG_DEBUG && i <= LOG_FATAL ? log_level_names[i] : "unknown";
}
