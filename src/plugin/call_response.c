/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_response.h"

#include <errno.h>
#include <stdio.h>

#include "plugin/call_asked.h"
#include "plugin/call_memory.h"

static struct call *call_of(a6_response *res)
{
    return (struct call *)(void *)res;
}

static struct call_response *response_of(const a6_response *res)
{
    return ((const struct call *)(const void *)res)->message.as_response;
}

int call_response_begin(struct call *call, const uint8_t *payload, uint32_t size)
{
    struct message_http_resp_call sent;
    struct call_response *response;
    int failed = message_read_http_resp_call(payload, size, &sent);

    if (failed)
        return failed;
    call->id = sent.id;
    call->token = sent.conf_token;
    response = arena_alloc(&call->arena, sizeof(*response));
    if (!response)
        return -ENOMEM;
    call->message.as_response = response;
    response->sent_status = sent.status;
    response->status = 0;
    edits_begin(&response->headers, sent.headers, true);
    response->body = (struct wire_str){NULL, 0};
    return 0;
}

/* ---- reading ---- */

unsigned call_response_status(const a6_response *res)
{
    const struct call_response *response = response_of(res);

    return response->status ? response->status : response->sent_status;
}

size_t call_response_header_count(const a6_response *res)
{
    return edits_count(&response_of(res)->headers);
}

int call_response_header_at(const a6_response *res, size_t index, a6_pair *header)
{
    return edits_header_at(&response_of(res)->headers, index, header);
}

int call_response_find_header(const a6_response *res, a6_str name, size_t *index)
{
    return edits_find_header(&response_of(res)->headers, name, index);
}

int call_response_body(a6_response *res, a6_str *body)
{
    struct call *call = call_of(res);
    struct wire_str value = response_of(res)->body;
    int failed;

    *body = a6_str_make(NULL, 0);
    failed = value.data ? call_asked_check_size(call, call->current, value.len)
                        : call_asked_body(call, MESSAGE_INFO_RESP_BODY, &value);
    if (!failed)
        *body = call_str(value);
    return failed;
}

/* ---- changing ---- */

int call_response_set_status(a6_response *res, unsigned status)
{
    if (call_check_status(status))
        return -EINVAL;
    response_of(res)->status = (uint16_t)status;
    return 0;
}

int call_response_set_header(a6_response *res, a6_str name, a6_str value)
{
    if (call_check_header(name, value))
        return -EINVAL;
    return edits_set(&response_of(res)->headers, &call_of(res)->arena, name, value);
}

int call_response_add_header(a6_response *res, a6_str name, a6_str value)
{
    if (call_check_header(name, value))
        return -EINVAL;
    return edits_add(&response_of(res)->headers, &call_of(res)->arena, name, value);
}

int call_response_delete_header(a6_response *res, a6_str name)
{
    if (call_check_header_name(name))
        return -EINVAL;
    return edits_delete(&response_of(res)->headers, &call_of(res)->arena, name);
}

int call_response_set_body(a6_response *res, a6_str body)
{
    struct wire_str copy;

    if (!body.data || body.len == 0)
        return -EINVAL;
    if (body.len > FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;
    copy = call_memory_copy(call_of(res), body.data, body.len);
    if (!copy.data)
        return -ENOMEM;
    response_of(res)->body = copy;
    call_of(res)->speaker = call_of(res)->current;
    return 0;
}

/* ---- the reply ---- */

/*
 * A reply without headers makes the gateway take the upstream's, but for some names. Of
 * those, the client misses these.
 */
static bool is_lost(struct wire_str name)
{
    switch (name.len) {
    case 8:
        return call_is_name(name, "location");
    case 12:
        return call_is_name(name, "content-type");
    case 16:
        return call_is_name(name, "www-authenticate") || call_is_name(name, "content-encoding") ||
               call_is_name(name, "content-location") || call_is_name(name, "content-language");
    default:
        return false;
    }
}

/* Whether the reply has to name the headers. Without a filter nobody has looked at the
 * response, and it is left to the gateway. */
static bool tells_headers(const struct call *call)
{
    const struct edit_list *headers = &call->message.as_response->headers;

    if (edits_changed(headers))
        return true;
    for (uint32_t i = 0; call->filtered && i < headers->sent.count; i++) {
        if (is_lost(message_name_at(headers->sent, i)))
            return true;
    }
    return false;
}

/* What is about the connection to the upstream, and not about the one to the client. */
static bool is_of_connection(struct wire_str name)
{
    switch (name.len) {
    case 7:
        return call_is_name(name, "upgrade") || call_is_name(name, "trailer");
    case 10:
        return call_is_name(name, "connection") || call_is_name(name, "keep-alive");
    case 16:
        return call_is_name(name, "proxy-connection");
    case 17:
        return call_is_name(name, "transfer-encoding");
    default:
        return false;
    }
}

static bool is_right_length(struct wire_str value, uint32_t body_len)
{
    char right[16];
    int len = snprintf(right, sizeof(right), "%u", body_len);

    return value.len == (uint32_t)len && memcmp(value.data, right, (size_t)len) == 0;
}

/* The upstream's length holds for the upstream's body; for a new one only its own. */
static bool is_told(const struct call_response *response, uint32_t index)
{
    const struct edit_list *headers = &response->headers;
    struct wire_pair pair = edits_at(headers, index);
    bool changed = headers->entries && headers->entries[index].changed;

    if (is_of_connection(pair.name))
        return false;
    if (!call_is_name(pair.name, "content-length"))
        return true;
    return response->body.data ? is_right_length(pair.value, response->body.len) : !changed;
}

static int tell_headers(struct call *call, struct wire_pairs *told)
{
    const struct call_response *response = call->message.as_response;
    uint32_t most = edits_count(&response->headers);
    struct wire_pair *pairs = call_memory_take(call, ((size_t)most + 1) * sizeof(*pairs));
    uint32_t count = 0;

    if (!pairs)
        return -ENOMEM;
    for (uint32_t i = 0; i < most; i++) {
        if (!is_told(response, i))
            continue;
        pairs[count] = edits_at(&response->headers, i);
        if (!pairs[count].value.data)
            pairs[count].value = (struct wire_str){"", 0};
        count++;
    }
    /* None at all would bring the upstream's back. This one the gateway writes itself. */
    if (count == 0)
        pairs[count++] = (struct wire_pair){{"server", 6}, {"APISIX", 6}};
    *told = (struct wire_pairs){pairs, count};
    return 0;
}

int call_response_write(struct call *call, struct wire_out *out)
{
    const struct call_response *response = call->message.as_response;
    struct message_http_resp_reply reply = {
        .id = call->id, .status = response->status, .body = response->body};

    if (tells_headers(call) && tell_headers(call, &reply.headers))
        return -ENOMEM;
    return message_write_http_resp_reply(out, &reply);
}
