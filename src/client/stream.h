/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of a connection: bytes from a descriptor, cut into frames. Works
 * with blocking and non-blocking descriptors. One thread at a time.
 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include "base/buffer.h"
#include "wire/frame.h"

struct stream {
    struct buffer in;
    size_t at; /* the first byte that is not used up */
};

/* Takes no memory yet. */
void stream_init(struct stream *stream);
void stream_free(struct stream *stream);

enum {
    STREAM_WAIT = 1, /* nothing there now: the frame is not whole, or the descriptor is empty */
    STREAM_END = 2,  /* the other side closed the connection */
};

/* Reads once. 0 (something came), STREAM_WAIT, STREAM_END, -errno. Frames given before
 * are invalid then. *full, when not NULL: whether the room was used up, so that more
 * is likely there. */
int stream_receive(struct stream *stream, int fd, int *full);

/* The next whole frame. 0, STREAM_WAIT. */
int stream_next(struct stream *stream, struct frame *frame);

#endif
