/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/events.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define UNREAD_MAX ((size_t)1 << 20)
#define STREAMS_MAX 32

struct stream {
    struct events *events;
    struct MHD_Connection *connection;
    struct buffer unread;
    bool suspended;
    bool ending;
    struct stream *next;
};

struct events {
    struct stream *streams;
    size_t count;
};

struct events *events_new(void)
{
    return calloc(1, sizeof(struct events));
}

void events_free(struct events *events)
{
    free(events);
}

static void wake(struct stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
}

/* The daemon takes what there is; without anything the connection sleeps until wake(). */
static ssize_t give(void *user, uint64_t position, char *to, size_t max)
{
    struct stream *stream = user;
    size_t len = stream->unread.len < max ? stream->unread.len : max;

    (void)position;
    if (len == 0 && stream->ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (len == 0) {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    memcpy(to, stream->unread.data, len);
    stream->unread.len -= len;
    memmove(stream->unread.data, stream->unread.data + len, stream->unread.len);
    return (ssize_t)len;
}

static void leave(void *user)
{
    struct stream *stream = user, **at = &stream->events->streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    stream->events->count--;
    buffer_free(&stream->unread);
    free(stream);
}

enum MHD_Result events_open(struct events *events, struct MHD_Connection *connection)
{
    struct stream *stream = events->count < STREAMS_MAX ? calloc(1, sizeof(*stream)) : NULL;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (!stream)
        return MHD_NO;
    *stream = (struct stream){.events = events, .connection = connection, .next = events->streams};
    buffer_init(&stream->unread, UNREAD_MAX);
    (void)buffer_printf(&stream->unread, "retry: 200\n\n");
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, give, stream, leave);
    if (!response) {
        buffer_free(&stream->unread);
        free(stream);
        return MHD_NO;
    }
    events->streams = stream;
    events->count++;
    (void)MHD_add_response_header(response, "Content-Type", "text/event-stream");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Accel-Buffering", "no");
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

void events_send(struct events *events, const char *name, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);

    for (struct stream *stream = events->streams; text && stream; stream = stream->next) {
        if (buffer_printf(&stream->unread, "event: %s\ndata: %s\n\n", name, text) < 0)
            stream->ending = true;
        wake(stream);
    }
    free(text);
}

void events_end(struct events *events)
{
    for (struct stream *stream = events->streams; stream; stream = stream->next) {
        stream->ending = true;
        wake(stream);
    }
}
