/* SPDX-License-Identifier: Apache-2.0 */
#include "server/supervisor_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel caps it (net.core.somaxconn). A short backlog turns a moment's stall into
 * refused connections. */
#define BACKLOG 4096

#define PREFIX "unix:"

static int parse_address(struct listener *listener, const char *address, char *error, size_t size)
{
    if (!address || !*address) {
        snprintf(error, size,
                 "APISIX_LISTEN_ADDRESS is not set; it names the socket to listen on, as in "
                 "APISIX_LISTEN_ADDRESS=unix:/tmp/runner.sock");
        return -EINVAL;
    }
    if (strncmp(address, PREFIX, strlen(PREFIX)) != 0 || !address[strlen(PREFIX)]) {
        snprintf(error, size,
                 "APISIX_LISTEN_ADDRESS is \"%.200s\"; it must be \"unix:\" and the path of a "
                 "socket, as in unix:/tmp/runner.sock",
                 address);
        return -EINVAL;
    }
    address += strlen(PREFIX);
    size_t len = strlen(address);
    if (len >= sizeof(listener->path)) {
        snprintf(error, size,
                 "APISIX_LISTEN_ADDRESS: the path has %zu bytes, and a unix socket's can have "
                 "%zu at most: %.300s",
                 len, sizeof(listener->path) - 1, address);
        return -EINVAL;
    }
    memcpy(listener->path, address, len + 1);
    return 0;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

/* Who listens at the path: its process, 0 when nobody does, -1 when somebody does, or may
 * do, whom the kernel does not name: their backlog is full, the socket is not for us, or of
 * another kind. */
static pid_t living_owner(const char *path)
{
    struct sockaddr_un address = address_of(path);
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    pid_t owner = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return 0;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
        (errno != ECONNREFUSED && errno != ENOENT)) {
        owner = -1;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0)
            owner = peer.pid;
    }
    close(fd);
    return owner;
}

static void describe_process(pid_t pid, char *text, size_t size)
{
    char path[64];
    char name[32] = "unknown";

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file && fgets(name, sizeof(name), file))
        name[strcspn(name, "\n")] = 0;
    if (file)
        fclose(file);
    if (pid > 0)
        snprintf(text, size, "process %d (%s)", (int)pid, name);
    else
        snprintf(text, size, "another process, whose number is not known");
}

static int look_who_is_there(const struct listener *listener, char *error, size_t size)
{
    struct stat there;

    if (lstat(listener->path, &there) < 0)
        return 0;
    if (!S_ISSOCK(there.st_mode)) {
        snprintf(error, size,
                 "%s exists and is not a socket; it is left alone: move it away or "
                 "choose another path",
                 listener->path);
        return -EEXIST;
    }
    pid_t owner = listener->takeover ? 0 : living_owner(listener->path);
    if (!owner)
        return 0; /* stale, or to be taken over: the rename replaces it */
    char process[80];
    describe_process(owner, process, sizeof(process));
    snprintf(error, size,
             "%s is served by %s; stop it, choose another path, or take the path over with "
             "--takeover",
             listener->path, process);
    return -EADDRINUSE;
}

int listener_prepare(struct listener *listener, const char *address, int takeover, char *error,
                     size_t size)
{
    *listener = (struct listener){.fd = -1, .takeover = takeover};
    int failed = parse_address(listener, address, error, size);
    if (!failed)
        failed = look_who_is_there(listener, error, size);
    if (failed)
        return failed;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd >= 0)
        return 0;
    failed = -errno;
    snprintf(error, size, "a socket cannot be made: %s", strerror(-failed));
    return failed;
}

/* A name beside the path, short enough for a socket address. */
static int temporary_name(const struct listener *listener, char *name, size_t size)
{
    const char *slash = strrchr(listener->path, '/');
    int folder = slash ? (int)(slash - listener->path) + 1 : 0;
    int len = snprintf(name, size, "%.*s.a6-%d", folder, listener->path, (int)getpid());

    return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int listener_publish(struct listener *listener, unsigned mode, char *error, size_t size)
{
    struct stat own;
    char name[sizeof(listener->path)];
    /* Once more: plugins may load for seconds, and another runner may have been started too. */
    int failed = look_who_is_there(listener, error, size);

    if (failed)
        return failed;
    failed = temporary_name(listener, name, sizeof(name));
    if (failed) { /* the folder's name alone nearly fills an address: no room for another name */
        snprintf(name, sizeof(name), "%s", listener->path);
        unlink(name);
    }
    struct sockaddr_un address = address_of(name);
    unlink(name);
    if (bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(name, mode) < 0 || listen(listener->fd, BACKLOG) < 0 || stat(name, &own) < 0)
        goto fail;
    if (strcmp(name, listener->path) != 0 && rename(name, listener->path) < 0)
        goto fail;
    listener->device = own.st_dev;
    listener->inode = own.st_ino;
    listener->bound = 1;
    return 0;

fail:
    failed = -errno;
    snprintf(error, size, "the socket %s cannot be made: %s", listener->path, strerror(-failed));
    unlink(name);
    return failed;
}

void listener_withdraw(struct listener *listener)
{
    struct stat there;

    if (listener->bound && lstat(listener->path, &there) == 0 && there.st_dev == listener->device &&
        there.st_ino == listener->inode)
        unlink(listener->path);
    listener->bound = 0;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}
