/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where log lines go: a descriptor on which a write never waits, and a line is
 * written whole or counted as dropped.
 *
 * Opened and closed by one thread; written from any, also after fork, also from a
 * signal handler.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct log_sink {
    int fd;
    bool owned;   /* close it */
    bool poll;    /* may wait: ask first */
    bool known;   /* what it is; then lines go to nothing else */
    ino_t socket; /* its number, if it is a socket; 0: it is none */
    char *path;   /* absolute, or NULL */
};

/* Appends to the file; makes its folders (0755) and the file (0640) when missing. The
 * file may be a FIFO that has a reader. -errno. */
int log_sink_open_file(struct log_sink *sink, const char *path);

/* Borrows the descriptor. A pipe or terminal is opened a second time, so that it can
 * be made non-blocking without doing that to whoever shares it. */
void log_sink_open_fd(struct log_sink *sink, int fd);

/* Opens the path anew under the same descriptor number. -errno; 0 without a path. */
int log_sink_reopen(struct log_sink *sink);

void log_sink_close(struct log_sink *sink);

/* Writes bytes of which the last is a newline. 0, or -errno when nothing or a part of
 * them was written; a part is told by *torn. */
int log_sink_write(const struct log_sink *sink, const char *line, size_t len, bool *torn);

#endif
