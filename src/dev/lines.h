/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts what comes out of a non-blocking pipe into lines. */
#ifndef DEV_LINES_H
#define DEV_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_LINE_MAX 8192

struct lines {
    char text[LINES_LINE_MAX];
    size_t len;
};

/* Reads what there is and gives each line, terminated and without its newline; a longer
 * one in pieces. False at the end of the pipe, with what was left given too. */
bool lines_read(struct lines *lines, int fd, void (*take)(void *user, const char *line),
                void *user);

#endif
