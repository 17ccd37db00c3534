/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void give(struct lines *lines, bool all, void (*take)(void *user, const char *line),
                 void *user)
{
    char *at = lines->text, *end = lines->text + lines->len, *newline;

    while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
        *newline = '\0';
        take(user, at);
        at = newline + 1;
    }
    if (at < end && (all || (at == lines->text && lines->len == LINES_LINE_MAX - 1))) {
        *end = '\0';
        take(user, at);
        at = end;
    }
    lines->len = (size_t)(end - at);
    memmove(lines->text, at, lines->len);
}

bool lines_read(struct lines *lines, int fd, void (*take)(void *user, const char *line), void *user)
{
    for (;;) {
        ssize_t got = read(fd, lines->text + lines->len, LINES_LINE_MAX - 1 - lines->len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got > 0)
            lines->len += (size_t)got;
        give(lines, got <= 0, take, user);
        if (got <= 0)
            return false;
    }
}
