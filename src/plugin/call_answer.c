/* SPDX-License-Identifier: Apache-2.0 */
/* The answer that a plugin gives instead of the upstream. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugin/call_memory.h"
#include "plugin/call_request.h"

/* A frame's payload without any string of the answer; and how much a header's two
 * strings may take beside their bytes. */
#define ANSWER_FIXED_MAX 128u
#define ANSWER_HEADER_MAX 48u

static struct call *call_of(a6_request *req)
{
    return (struct call *)(void *)req;
}

/* Grows nothing: tells a reply that fits a frame from one that does not. */
static int refuse(struct wire_out *out, size_t more)
{
    (void)out;
    (void)more;
    return -ENOMEM;
}

static struct message_http_req_reply reply_of(const struct call *call)
{
    const struct call_request *request = call->message.as_request;

    return (struct message_http_req_reply){
        .id = call->id,
        .action = MESSAGE_ACTION_STOP,
        .status = request->status,
        .headers = {request->answer_headers.first, request->answer_headers.count},
        .body = {request->answer_body.data, request->answer_body.len},
    };
}

/* Has the writer count. */
static int count_size(const struct call *call, size_t more, const struct wire_pair *header)
{
    struct message_http_req_reply reply = reply_of(call);
    struct wire_out nowhere = {.grow = refuse, .tail_from = SIZE_MAX};
    struct wire_pair *pairs = calloc((size_t)reply.headers.count + 1, sizeof(*pairs));
    int failed;

    if (!pairs)
        return -ENOMEM;
    if (reply.headers.count > 0)
        memcpy(pairs, reply.headers.first, reply.headers.count * sizeof(*pairs));
    if (header)
        pairs[reply.headers.count++] = *header;
    reply.headers.first = pairs;
    if (more > 0 || reply.body.data)
        reply.body = (struct wire_str){"", (uint32_t)(reply.body.len + more)};
    failed = message_write_http_req_reply(&nowhere, &reply);
    free(pairs);
    return failed == -EMSGSIZE ? failed : 0;
}

/*
 * Whether the answer still fits with so many more bytes of body, and a header if pair
 * is given. Adds up, and has the writer count only near the limit.
 */
static int check_size(const struct call *call, size_t more, const struct wire_pair *header)
{
    const struct call_request *request = call->message.as_request;
    uint64_t bytes = (uint64_t)request->answer_bytes + request->answer_body.len + more;
    uint64_t headers = request->answer_headers.count;

    if (header) {
        bytes += (uint64_t)header->name.len + header->value.len;
        headers++;
    }
    if (bytes + ANSWER_FIXED_MAX + headers * ANSWER_HEADER_MAX <= FRAME_PAYLOAD_MAX)
        return 0;
    if (bytes > FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;
    return count_size(call, more, header);
}

int call_answer_begin(a6_request *req, unsigned status)
{
    struct call_request *request = call_request_of(req);

    if (call_check_status(status))
        return -EINVAL;
    request->status = (uint16_t)status;
    if (request->answered)
        return 0;
    request->answered = true;
    call_of(req)->speaker = call_of(req)->current;
    request->answer_headers.count = 0;
    request->answer_headers.capacity = 0;
    request->answer_body = (struct call_text){NULL, 0, 0};
    request->answer_bytes = 0;
    return 0;
}

int call_answer_header(a6_request *req, a6_str name, a6_str value)
{
    struct call_request *request = call_request_of(req);
    struct wire_pair pair = {{name.data, (uint32_t)name.len}, {value.data, (uint32_t)value.len}};
    int failed;

    if (!request->answered)
        return -EPROTO;
    if (call_check_header(name, value))
        return -EINVAL;
    failed = check_size(call_of(req), 0, &pair);
    if (!failed)
        failed = edits_push(&request->answer_headers, &call_of(req)->arena, name, value);
    if (!failed)
        request->answer_bytes += name.len + value.len;
    return failed;
}

/* Room for more bytes. The first piece is often the only one and gets what it needs. */
static int text_room(struct call *call, struct call_text *text, size_t more)
{
    size_t capacity = text->len + more;
    char *data;

    if (text->data && text->capacity - text->len >= more)
        return 0;
    if (text->data && capacity < 2 * (size_t)text->capacity)
        capacity = 2 * (size_t)text->capacity;
    if (capacity > FRAME_PAYLOAD_MAX)
        capacity = FRAME_PAYLOAD_MAX;
    data = call_memory_grow(call, text->data, text->len, capacity);
    if (!data)
        return -ENOMEM;
    text->data = data;
    text->capacity = (uint32_t)capacity;
    return 0;
}

int call_answer_write(a6_request *req, a6_str data)
{
    struct call_request *request = call_request_of(req);
    struct call_text *text = &request->answer_body;
    int failed;

    if (!request->answered)
        return -EPROTO;
    if (!data.data)
        return data.len ? -EINVAL : 0;
    if (data.len > FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;
    failed = check_size(call_of(req), data.len, NULL);
    if (!failed)
        failed = text_room(call_of(req), text, data.len);
    if (failed)
        return failed;
    if (data.len > 0)
        memcpy(text->data + text->len, data.data, data.len);
    text->len += (uint32_t)data.len;
    return 0;
}

/* A content-length that need not be that of the body sent. */
static bool length_is_free(const struct call_request *request)
{
    return request->answer_body.len == 0 && (request->method == A6_HEAD || request->status == 304);
}

/* The gateway obeys a content-length even if it is wrong, and cuts the body. */
static bool is_wrong_length(const struct wire_pair *header, uint32_t body_len)
{
    char right[16];
    int len;

    if (!call_is_name(header->name, "content-length"))
        return false;
    len = snprintf(right, sizeof(right), "%u", body_len);
    return header->value.len != (uint32_t)len ||
           memcmp(header->value.data, right, (size_t)len) != 0;
}

int call_answer_reply(struct call *call, struct wire_out *out)
{
    struct call_request *request = call->message.as_request;
    struct edit_pairs *headers = &request->answer_headers;
    struct message_http_req_reply reply;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < headers->count; i++) {
        if (length_is_free(request) ||
            !is_wrong_length(&headers->first[i], request->answer_body.len))
            headers->first[kept++] = headers->first[i];
    }
    headers->count = kept;
    reply = reply_of(call);
    return message_write_http_req_reply(out, &reply);
}
