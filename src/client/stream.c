/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_ROOM 4096u

void stream_init(struct stream *stream)
{
    buffer_init(&stream->in, 2 * ((size_t)FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX));
    stream->at = 0;
}

void stream_free(struct stream *stream)
{
    buffer_free(&stream->in);
    stream->at = 0;
}

/* Room for the frame that has begun, or for some frame. */
static int make_room(struct stream *stream)
{
    struct buffer *in = &stream->in;
    size_t want = FIRST_ROOM;
    struct frame frame;

    if (stream->at) {
        memmove(in->data, in->data + stream->at, in->len - stream->at);
        in->len -= stream->at;
        stream->at = 0;
    }
    if (in->len && frame_parse(in->data, in->len, &frame) == FRAME_NEED_PAYLOAD) {
        size_t whole = FRAME_HEADER_SIZE + (size_t)frame.size;

        if (whole - in->len > want)
            want = whole - in->len;
    }
    return in->capacity > in->len ? buffer_reserve(in, want > FIRST_ROOM ? want : 1)
                                  : buffer_reserve(in, want);
}

int stream_receive(struct stream *stream, int fd, int *full)
{
    struct buffer *in = &stream->in;
    ssize_t got;
    int status = make_room(stream);

    if (status < 0)
        return status;
    do
        got = recv(fd, in->data + in->len, in->capacity - in->len, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? STREAM_WAIT : -errno;
    if (got == 0)
        return STREAM_END;
    in->len += (size_t)got;
    if (full)
        *full = in->len == in->capacity;
    return 0;
}

int stream_next(struct stream *stream, struct frame *frame)
{
    if (frame_parse(stream->in.data + stream->at, stream->in.len - stream->at, frame) != 0)
        return STREAM_WAIT;
    stream->at += FRAME_HEADER_SIZE + (size_t)frame->size;
    return 0;
}
