/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader verifies, then loads into a local: it cannot overlap the payload, so the
 * compiler loads the table's vtable once.
 */
#include <errno.h>

#include "wire/message.h"
#include "wire/schema.h"

int message_read_prepare_conf(const uint8_t *payload, uint32_t size,
                              struct message_prepare_conf *message)
{
    if (flatbuf_verify(payload, size, &schema_prepare_conf))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_prepare_conf read = {
        .conf = flatbuf_vector(table, SCHEMA_PREPARE_CONF_CONF),
        .key = flatbuf_bytes(table, SCHEMA_PREPARE_CONF_KEY),
    };
    *message = read;
    return 0;
}

int message_read_http_req_call(const uint8_t *payload, uint32_t size,
                               struct message_http_req_call *message)
{
    if (flatbuf_verify(payload, size, &schema_http_req_call))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_http_req_call read = {
        .id = flatbuf_u32(table, SCHEMA_HTTP_REQ_CALL_ID),
        .conf_token = flatbuf_u32(table, SCHEMA_HTTP_REQ_CALL_TOKEN),
        .method = flatbuf_u8(table, SCHEMA_HTTP_REQ_CALL_METHOD),
        .source = flatbuf_bytes(table, SCHEMA_HTTP_REQ_CALL_SOURCE),
        .path = flatbuf_bytes(table, SCHEMA_HTTP_REQ_CALL_PATH),
        .args = flatbuf_vector(table, SCHEMA_HTTP_REQ_CALL_ARGS),
        .headers = flatbuf_vector(table, SCHEMA_HTTP_REQ_CALL_HEADERS),
    };
    *message = read;
    return 0;
}

int message_read_http_resp_call(const uint8_t *payload, uint32_t size,
                                struct message_http_resp_call *message)
{
    if (flatbuf_verify(payload, size, &schema_http_resp_call))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_http_resp_call read = {
        .id = flatbuf_u32(table, SCHEMA_HTTP_RESP_CALL_ID),
        .conf_token = flatbuf_u32(table, SCHEMA_HTTP_RESP_CALL_TOKEN),
        .status = flatbuf_u16(table, SCHEMA_HTTP_RESP_CALL_STATUS),
        .headers = flatbuf_vector(table, SCHEMA_HTTP_RESP_CALL_HEADERS),
    };
    *message = read;
    return 0;
}

int message_read_extra_info_reply(const uint8_t *payload, uint32_t size,
                                  struct message_extra_info_reply *message)
{
    if (flatbuf_verify(payload, size, &schema_extra_info_reply))
        return -EBADMSG;
    message->result = flatbuf_bytes(flatbuf_root(payload), SCHEMA_EXTRA_INFO_REPLY_RESULT);
    return 0;
}

int message_read_error(const uint8_t *payload, uint32_t size, uint8_t *code)
{
    if (flatbuf_verify(payload, size, &schema_error))
        return -EBADMSG;
    *code = flatbuf_u8(flatbuf_root(payload), SCHEMA_ERROR_CODE);
    return 0;
}

int message_read_prepare_conf_reply(const uint8_t *payload, uint32_t size, uint32_t *token)
{
    if (flatbuf_verify(payload, size, &schema_prepare_conf_reply))
        return -EBADMSG;
    *token = flatbuf_u32(flatbuf_root(payload), SCHEMA_PREPARE_CONF_REPLY_TOKEN);
    return 0;
}

int message_read_extra_info(const uint8_t *payload, uint32_t size,
                            struct message_extra_info *message)
{
    if (flatbuf_verify(payload, size, &schema_extra_info))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_extra_info read = {
        .type = (enum message_info)flatbuf_u8(table, SCHEMA_EXTRA_INFO_TYPE),
    };
    if (read.type == MESSAGE_INFO_VAR) {
        const uint8_t *var = flatbuf_union(table, SCHEMA_EXTRA_INFO_INFO);
        if (!var)
            return -EBADMSG;
        read.name = flatbuf_bytes(var, SCHEMA_VAR_NAME);
    }
    *message = read;
    return 0;
}

static void read_stop(const uint8_t *stop, struct message_http_req_reply_view *read)
{
    read->status = flatbuf_u16(stop, SCHEMA_STOP_STATUS);
    read->headers = flatbuf_vector(stop, SCHEMA_STOP_HEADERS);
    read->body = flatbuf_bytes(stop, SCHEMA_STOP_BODY);
}

static void read_rewrite(const uint8_t *rewrite, struct message_http_req_reply_view *read)
{
    read->path = flatbuf_bytes(rewrite, SCHEMA_REWRITE_PATH);
    read->headers = flatbuf_vector(rewrite, SCHEMA_REWRITE_HEADERS);
    read->args = flatbuf_vector(rewrite, SCHEMA_REWRITE_ARGS);
    read->resp_headers = flatbuf_vector(rewrite, SCHEMA_REWRITE_RESP_HEADERS);
    read->body = flatbuf_bytes(rewrite, SCHEMA_REWRITE_BODY);
}

int message_read_http_req_reply(const uint8_t *payload, uint32_t size,
                                struct message_http_req_reply_view *reply)
{
    if (flatbuf_verify(payload, size, &schema_http_req_reply))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_http_req_reply_view read = {
        .id = flatbuf_u32(table, SCHEMA_HTTP_REQ_REPLY_ID),
        .action = flatbuf_u8(table, SCHEMA_HTTP_REQ_REPLY_ACTION_TYPE),
    };
    if (read.action == MESSAGE_ACTION_STOP || read.action == MESSAGE_ACTION_REWRITE) {
        const uint8_t *action = flatbuf_union(table, SCHEMA_HTTP_REQ_REPLY_ACTION);
        if (!action)
            return -EBADMSG;
        if (read.action == MESSAGE_ACTION_STOP)
            read_stop(action, &read);
        else
            read_rewrite(action, &read);
    }
    *reply = read;
    return 0;
}

int message_read_http_resp_reply(const uint8_t *payload, uint32_t size,
                                 struct message_http_resp_reply_view *reply)
{
    if (flatbuf_verify(payload, size, &schema_http_resp_reply))
        return -EBADMSG;
    const uint8_t *table = flatbuf_root(payload);
    struct message_http_resp_reply_view read = {
        .id = flatbuf_u32(table, SCHEMA_HTTP_RESP_REPLY_ID),
        .status = flatbuf_u16(table, SCHEMA_HTTP_RESP_REPLY_STATUS),
        .headers = flatbuf_vector(table, SCHEMA_HTTP_RESP_REPLY_HEADERS),
        .body = flatbuf_bytes(table, SCHEMA_HTTP_RESP_REPLY_BODY),
    };
    *reply = read;
    return 0;
}
