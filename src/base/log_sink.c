/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_SINK_FILE_MODE 0640
#define LOG_SINK_FOLDER_MODE 0755

/* A copy that stays right when the process changes its folder. */
static char *log_sink_absolute(const char *path)
{
    char *folder = NULL;
    char *absolute = NULL;

    if (path[0] == '/')
        return strdup(path);
    folder = getcwd(NULL, 0);
    if (!folder)
        return NULL;
    if (asprintf(&absolute, "%s/%s", folder, path) < 0)
        absolute = NULL;
    free(folder);
    return absolute;
}

static int log_sink_make_folders(const char *path)
{
    char *folder = strdup(path);
    int err = 0;

    if (!folder)
        return -ENOMEM;
    for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(folder, LOG_SINK_FOLDER_MODE) && errno != EEXIST) {
            err = -errno;
            /* A parent may forbid writing and yet be there. */
            if (access(folder, F_OK))
                break;
            err = 0;
        }
        *at = '/';
    }
    free(folder);
    return err;
}

static int log_sink_open_path(const char *path)
{
    /* O_NONBLOCK is for FIFOs and terminals; a regular file does not mind. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags, LOG_SINK_FILE_MODE);
    int err;

    if (fd < 0 && errno == ENOENT) {
        err = log_sink_make_folders(path);
        if (err)
            return err;
        fd = open(path, flags, LOG_SINK_FILE_MODE);
    }
    return fd < 0 ? -errno : fd;
}

int log_sink_open_file(struct log_sink *sink, const char *path)
{
    char *absolute = log_sink_absolute(path);
    int fd;

    if (!absolute)
        return errno == ENOENT ? -ENOENT : -ENOMEM;
    fd = log_sink_open_path(absolute);
    if (fd < 0) {
        free(absolute);
        return fd;
    }
    *sink = (struct log_sink){.fd = fd, .owned = true, .known = true, .path = absolute};
    return 0;
}

void log_sink_open_fd(struct log_sink *sink, int fd)
{
    struct stat about;
    char path[40];
    int again;

    *sink = (struct log_sink){.fd = fd};
    if (fstat(fd, &about))
        return;
    sink->known = true;
    sink->socket = S_ISSOCK(about.st_mode) ? about.st_ino : 0;
    if (S_ISREG(about.st_mode))
        return;
    sink->poll = true;
    if (!S_ISFIFO(about.st_mode) && !S_ISCHR(about.st_mode))
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (again < 0)
        return;
    *sink = (struct log_sink){.fd = again, .owned = true, .known = true};
}

int log_sink_reopen(struct log_sink *sink)
{
    int fd;
    int err = 0;

    if (!sink->path)
        return 0;
    fd = log_sink_open_path(sink->path);
    if (fd < 0)
        return fd;
    /* One step: a thread that writes at this moment finds the old file or the new. */
    if (dup3(fd, sink->fd, O_CLOEXEC) < 0)
        err = -errno;
    close(fd);
    return err;
}

void log_sink_close(struct log_sink *sink)
{
    if (sink->owned)
        close(sink->fd);
    free(sink->path);
    *sink = (struct log_sink){.fd = -1};
}

/* Whether the descriptor may be what it was opened as. A plugin that closes what is not its
 * own leaves its number to the next connection, on which a line would be no frame. */
static bool log_sink_is_ours(const struct log_sink *sink)
{
    struct stat about;

    return !sink->known || (fstat(sink->fd, &about) == 0 &&
                            (S_ISSOCK(about.st_mode) ? about.st_ino : 0) == sink->socket);
}

/* One write that does not wait. Between asking and writing another process may have
 * filled the pipe: that is left only where the pipe could not be opened anew. */
static ssize_t log_sink_try(const struct log_sink *sink, const char *bytes, size_t len)
{
    struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};
    ssize_t sent;

    if (!sink->poll)
        return write(sink->fd, bytes, len);
    if (sink->socket || !sink->known) {
        sent = send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0 || errno != ENOTSOCK)
            return sent;
    }
    if (poll(&ready, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(sink->fd, bytes, len);
}

int log_sink_write(const struct log_sink *sink, const char *line, size_t len, bool *torn)
{
    size_t done = 0;

    *torn = false;
    if (!log_sink_is_ours(sink))
        return -EBADF;
    while (done < len) {
        ssize_t size = log_sink_try(sink, line + done, len - done);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            *torn = done > 0;
            return size < 0 ? -errno : -EIO;
        }
        done += (size_t)size;
    }
    return 0;
}
