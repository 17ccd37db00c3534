/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor and a worker say to each other: small messages on a pair of
 * SOCK_SEQPACKET sockets, one message a packet, perhaps with one descriptor.
 *
 * The end of the stream means that the other side is gone. One thread per side.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

enum control_type {
    CONTROL_READY = 1,  /* worker: plugins are loaded */
    CONTROL_FAILED,     /* worker: could not start; text says why; it exits */
    CONTROL_SERVE,      /* supervisor: the socket listens, begin; or: look, connections wait */
    CONTROL_DRAIN,      /* supervisor: finish within `value` ms, exit */
    CONTROL_HAND_OVER,  /* supervisor: accept nothing more, give each connection back when idle,
                           exit when the last is gone */
    CONTROL_CONNECTION, /* either: a connection, its descriptor attached */
    CONTROL_RECYCLE,    /* worker: it should be replaced; text says why */
    CONTROL_QUARANTINE, /* supervisor: refuse the calls of the plugin named in text */
    CONTROL_REOPEN_LOG, /* supervisor: the log file was rotated */
};

#define CONTROL_TEXT_MAX 1024

struct control_message {
    uint32_t type;
    uint32_t value;
    char text[CONTROL_TEXT_MAX]; /* terminated */
    int fd;                      /* -1: none; not part of the packet */
};

/* Both ends, close on exec. -errno. */
int control_pair(int fds[2]);

/* text may be NULL, fd -1. fd stays the caller's. -errno; never blocks when the
 * socket does not. */
int control_send(int socket, enum control_type type, uint32_t value, const char *text, int fd);

/* 0; -EPIPE at the end of the stream; -EAGAIN; -EBADMSG. A received fd is the caller's. */
int control_receive(int socket, struct control_message *message);

#endif
