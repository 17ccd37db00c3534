/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket and its place in the file system.
 *
 * The path always names a socket that listens: ours is bound under another name, made
 * ready, and then renamed over whatever is there. On exit it is removed only while it
 * is still ours, because on a gateway's reload the next runner has taken the path over
 * before this one is told to stop. The supervisor only.
 */
#ifndef SERVER_SUPERVISOR_SOCKET_H
#define SERVER_SUPERVISOR_SOCKET_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

struct listener {
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t device;
    ino_t inode;
    int takeover;
    int bound;
};

/*
 * Makes a socket for "unix:/path" that is not bound yet, after looking who has the path.
 * takeover: replace a living one. -EINVAL (not an address that we take), -EADDRINUSE
 * (another process serves the path), -errno; error says what to do.
 */
int listener_prepare(struct listener *listener, const char *address, int takeover, char *error,
                     size_t size);

/* Listens, with the file's mode whatever the umask, and takes the path. -EADDRINUSE: another
 * process has it by now; -errno. */
int listener_publish(struct listener *listener, unsigned mode, char *error, size_t size);

/* Removes the path if it is still ours. */
void listener_withdraw(struct listener *listener);

void listener_close(struct listener *listener);

#endif
