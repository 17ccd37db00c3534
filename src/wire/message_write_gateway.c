/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway sends. Each writer adds up the size, then stores the same. */
#include "wire/flatbuf_build.h"
#include "wire/message.h"
#include "wire/schema.h"

#define NOTHING ((struct wire_str){NULL, 0})

int message_write_prepare_conf(struct wire_out *out, struct wire_str key, struct wire_pairs conf)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_prepare_conf);
    struct flatbuf_build build;

    flatbuf_size_string(&size, key);
    flatbuf_size_pairs(&size, conf);
    int failed = flatbuf_build_begin(&build, out, FRAME_PREPARE_CONF, &size, NOTHING);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_prepare_conf);
    flatbuf_build_string(&build, &root, SCHEMA_PREPARE_CONF_KEY, key);
    flatbuf_build_pairs(&build, &root, SCHEMA_PREPARE_CONF_CONF, conf);
    flatbuf_build_end(&build, out);
    return 0;
}

int message_write_http_req_call(struct wire_out *out,
                                const struct message_http_req_call_write *call)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_http_req_call);
    struct flatbuf_build build;

    flatbuf_size_bytes(&size, call->source);
    flatbuf_size_string(&size, call->path);
    flatbuf_size_pairs(&size, call->args);
    flatbuf_size_pairs(&size, call->headers);
    int failed = flatbuf_build_begin(&build, out, FRAME_HTTP_REQ_CALL, &size, NOTHING);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_http_req_call);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_REQ_CALL_ID, call->id);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_REQ_CALL_TOKEN, call->conf_token);
    flatbuf_build_u8(&build, &root, SCHEMA_HTTP_REQ_CALL_METHOD, call->method);
    flatbuf_build_bytes(&build, &root, SCHEMA_HTTP_REQ_CALL_SOURCE, call->source);
    flatbuf_build_string(&build, &root, SCHEMA_HTTP_REQ_CALL_PATH, call->path);
    flatbuf_build_pairs(&build, &root, SCHEMA_HTTP_REQ_CALL_ARGS, call->args);
    flatbuf_build_pairs(&build, &root, SCHEMA_HTTP_REQ_CALL_HEADERS, call->headers);
    flatbuf_build_end(&build, out);
    return 0;
}

int message_write_http_resp_call(struct wire_out *out,
                                 const struct message_http_resp_call_write *call)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_http_resp_call);
    struct flatbuf_build build;

    flatbuf_size_pairs(&size, call->headers);
    int failed = flatbuf_build_begin(&build, out, FRAME_HTTP_RESP_CALL, &size, NOTHING);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_http_resp_call);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_RESP_CALL_ID, call->id);
    flatbuf_build_u32(&build, &root, SCHEMA_HTTP_RESP_CALL_TOKEN, call->conf_token);
    flatbuf_build_u16(&build, &root, SCHEMA_HTTP_RESP_CALL_STATUS, call->status);
    flatbuf_build_pairs(&build, &root, SCHEMA_HTTP_RESP_CALL_HEADERS, call->headers);
    flatbuf_build_end(&build, out);
    return 0;
}

int message_write_extra_info_reply(struct wire_out *out, struct wire_str result)
{
    struct flatbuf_size size = flatbuf_size_root(&schema_extra_info_reply);
    struct flatbuf_build build;

    flatbuf_size_body(&size, result);
    int failed = flatbuf_build_begin(&build, out, FRAME_EXTRA_INFO, &size, result);
    if (failed)
        return failed;

    struct flatbuf_built root = flatbuf_build_root(&build, &schema_extra_info_reply);
    flatbuf_build_body(&build, &root, SCHEMA_EXTRA_INFO_REPLY_RESULT, result, out);
    flatbuf_build_end(&build, out);
    return 0;
}
