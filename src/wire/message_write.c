/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner sends. Each writer adds up the size, then stores the same. */
#include "wire/flatbuf_build.h"
#include "wire/message.h"
#include "wire/schema.h"

#define NOTHING ((struct wire_str){NULL, 0})

int message_write_error(struct wire_out *out, enum message_error code)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_error);
    struct flatbuf_build build;

    int failed = flatbuf_build_begin(&build, out, FRAME_ERROR, &size, NOTHING);
    if (failed)
        return failed;
    struct flatbuf_built root = flatbuf_build_root(&build, &schema_error);
    flatbuf_build_u8(&build, &root, SCHEMA_ERROR_CODE, (uint8_t)code);
    flatbuf_build_end(&build, out);
    return 0;
}

int message_write_prepare_conf_reply(struct wire_out *out, uint32_t token)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_prepare_conf_reply);
    struct flatbuf_build build;

    int failed = flatbuf_build_begin(&build, out, FRAME_PREPARE_CONF, &size, NOTHING);
    if (failed)
        return failed;
    struct flatbuf_built root = flatbuf_build_root(&build, &schema_prepare_conf_reply);
    flatbuf_build_u32(&build, &root, SCHEMA_PREPARE_CONF_REPLY_TOKEN, token);
    flatbuf_build_end(&build, out);
    return 0;
}

static const struct flatbuf_table *info_table(enum message_info type)
{
    return schema_extra_info.fields[SCHEMA_EXTRA_INFO_INFO].union_tables[type];
}

int message_write_extra_info(struct wire_out *out, enum message_info type, struct wire_str name)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_extra_info);
    struct flatbuf_build build;

    flatbuf_size_table(&size, info_table(type));
    if (type == MESSAGE_INFO_VAR)
        flatbuf_size_string(&size, name);
    int failed = flatbuf_build_begin(&build, out, FRAME_EXTRA_INFO, &size, NOTHING);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_extra_info);
    struct flatbuf_built info =
        flatbuf_build_union(&build, &root, SCHEMA_EXTRA_INFO_TYPE, (uint8_t)type);
    if (type == MESSAGE_INFO_VAR)
        flatbuf_build_string(&build, &info, SCHEMA_VAR_NAME, name);
    flatbuf_build_end(&build, out);
    return 0;
}

static void size_stop(struct flatbuf_size *size, const struct message_http_req_reply *reply)
{
    flatbuf_size_table(size, &schema_stop);
    flatbuf_size_pairs(size, reply->headers);
    flatbuf_size_body(size, reply->body);
}

static void build_stop(struct flatbuf_build *build, const struct flatbuf_built *stop,
                       const struct message_http_req_reply *reply, struct wire_out *out)
{
    flatbuf_build_u16(build, stop, SCHEMA_STOP_STATUS, reply->status);
    flatbuf_build_pairs(build, stop, SCHEMA_STOP_HEADERS, reply->headers);
    flatbuf_build_body(build, stop, SCHEMA_STOP_BODY, reply->body, out);
}

static void size_rewrite(struct flatbuf_size *size, const struct message_http_req_reply *reply)
{
    flatbuf_size_table(size, &schema_rewrite);
    flatbuf_size_string(size, reply->path);
    flatbuf_size_pairs(size, reply->headers);
    flatbuf_size_pairs(size, reply->args);
    flatbuf_size_pairs(size, reply->resp_headers);
    flatbuf_size_body(size, reply->body);
}

static void build_rewrite(struct flatbuf_build *build, const struct flatbuf_built *rewrite,
                          const struct message_http_req_reply *reply, struct wire_out *out)
{
    flatbuf_build_string(build, rewrite, SCHEMA_REWRITE_PATH, reply->path);
    flatbuf_build_pairs(build, rewrite, SCHEMA_REWRITE_HEADERS, reply->headers);
    flatbuf_build_pairs(build, rewrite, SCHEMA_REWRITE_ARGS, reply->args);
    flatbuf_build_pairs(build, rewrite, SCHEMA_REWRITE_RESP_HEADERS, reply->resp_headers);
    flatbuf_build_body(build, rewrite, SCHEMA_REWRITE_BODY, reply->body, out);
}

int message_write_http_req_reply(struct wire_out *out, const struct message_http_req_reply *reply)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_http_req_reply);
    struct wire_str body = reply->action == MESSAGE_ACTION_NONE ? NOTHING : reply->body;
    struct flatbuf_build build;

    if (reply->action == MESSAGE_ACTION_STOP)
        size_stop(&size, reply);
    else if (reply->action == MESSAGE_ACTION_REWRITE)
        size_rewrite(&size, reply);
    int failed = flatbuf_build_begin(&build, out, FRAME_HTTP_REQ_CALL, &size, body);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_http_req_reply);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_REQ_REPLY_ID, reply->id);
    if (reply->action != MESSAGE_ACTION_NONE) {
        struct flatbuf_built action = flatbuf_build_union(
            &build, &root, SCHEMA_HTTP_REQ_REPLY_ACTION_TYPE, (uint8_t)reply->action);
        if (reply->action == MESSAGE_ACTION_STOP)
            build_stop(&build, &action, reply, out);
        else
            build_rewrite(&build, &action, reply, out);
    }
    flatbuf_build_end(&build, out);
    return 0;
}

int message_write_http_resp_reply(struct wire_out *out, const struct message_http_resp_reply *reply)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_http_resp_reply);
    struct flatbuf_build build;

    flatbuf_size_pairs(&size, reply->headers);
    flatbuf_size_body(&size, reply->body);
    int failed = flatbuf_build_begin(&build, out, FRAME_HTTP_RESP_CALL, &size, reply->body);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_http_resp_reply);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_RESP_REPLY_ID, reply->id);
    flatbuf_build_u16(&build, &root, SCHEMA_HTTP_RESP_REPLY_STATUS, reply->status);
    flatbuf_build_pairs(&build, &root, SCHEMA_HTTP_RESP_REPLY_HEADERS, reply->headers);
    flatbuf_build_body(&build, &root, SCHEMA_HTTP_RESP_REPLY_BODY, reply->body, out);
    flatbuf_build_end(&build, out);
    return 0;
}
