/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts what comes out of a non-blocking pipe into lines. */
#ifndef CLI_DEV_LINES_H
#define CLI_DEV_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define DEV_LINE_MAX 8192

struct dev_lines {
    char text[DEV_LINE_MAX];
    size_t len;
};

/* Reads what there is and gives each line, terminated and without its newline; a longer
 * one in pieces. False at the end of the pipe, with what was left given too. */
bool dev_lines_read(struct dev_lines *lines, int fd, void (*take)(void *user, const char *line),
                    void *user);

#endif
