/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row is a field in slot order: its kind, where our builder puts it, and what it
 * leads to. In a built table the first four bytes lead to the vtable; wide fields
 * come first, so that none needs padding before it.
 */
#include "wire/schema.h"

#define FIELD(kind_, at_)                                                                          \
    {                                                                                              \
        .kind = FLATBUF_##kind_, .at = (at_)                                                       \
    }
#define PAIRS(at_)                                                                                 \
    {                                                                                              \
        .kind = FLATBUF_TABLES, .at = (at_), .table = &schema_text_entry                           \
    }
#define UNION(at_, tables)                                                                         \
    {                                                                                              \
        .kind = FLATBUF_UNION, .at = (at_), .union_tables = (tables),                              \
        .members = sizeof(tables) / sizeof((tables)[0]) - 1                                        \
    }
#define TABLE(name_, fields_, size_)                                                               \
    {                                                                                              \
        .name = (name_), .fields = (fields_), .count = sizeof(fields_) / sizeof((fields_)[0]),     \
        .inline_size = (size_)                                                                     \
    }

static const struct flatbuf_field text_entry[] = {
    [SCHEMA_TEXT_ENTRY_NAME] = FIELD(STRING, 4),
    [SCHEMA_TEXT_ENTRY_VALUE] = FIELD(STRING, 8),
};
const struct flatbuf_table schema_text_entry = TABLE("A6.TextEntry", text_entry, 12);

static const struct flatbuf_field error[] = {
    [SCHEMA_ERROR_CODE] = FIELD(U8, 4),
};
const struct flatbuf_table schema_error = TABLE("A6.Err.Resp", error, 8);

static const struct flatbuf_field prepare_conf[] = {
    [SCHEMA_PREPARE_CONF_CONF] = PAIRS(4),
    [SCHEMA_PREPARE_CONF_KEY] = FIELD(STRING, 8),
};
const struct flatbuf_table schema_prepare_conf = TABLE("A6.PrepareConf.Req", prepare_conf, 12);

static const struct flatbuf_field prepare_conf_reply[] = {
    [SCHEMA_PREPARE_CONF_REPLY_TOKEN] = FIELD(U32, 4),
};
const struct flatbuf_table schema_prepare_conf_reply =
    TABLE("A6.PrepareConf.Resp", prepare_conf_reply, 8);

static const struct flatbuf_field http_req_call[] = {
    [SCHEMA_HTTP_REQ_CALL_ID] = FIELD(U32, 4),     [SCHEMA_HTTP_REQ_CALL_SOURCE] = FIELD(BYTES, 8),
    [SCHEMA_HTTP_REQ_CALL_METHOD] = FIELD(U8, 28), [SCHEMA_HTTP_REQ_CALL_PATH] = FIELD(STRING, 12),
    [SCHEMA_HTTP_REQ_CALL_ARGS] = PAIRS(16),       [SCHEMA_HTTP_REQ_CALL_HEADERS] = PAIRS(20),
    [SCHEMA_HTTP_REQ_CALL_TOKEN] = FIELD(U32, 24),
};
const struct flatbuf_table schema_http_req_call = TABLE("A6.HTTPReqCall.Req", http_req_call, 32);

static const struct flatbuf_field stop[] = {
    [SCHEMA_STOP_STATUS] = FIELD(U16, 12),
    [SCHEMA_STOP_HEADERS] = PAIRS(4),
    [SCHEMA_STOP_BODY] = FIELD(BYTES, 8),
};
const struct flatbuf_table schema_stop = TABLE("A6.HTTPReqCall.Stop", stop, 16);

static const struct flatbuf_field rewrite[] = {
    [SCHEMA_REWRITE_PATH] = FIELD(STRING, 4), [SCHEMA_REWRITE_HEADERS] = PAIRS(8),
    [SCHEMA_REWRITE_ARGS] = PAIRS(12),        [SCHEMA_REWRITE_RESP_HEADERS] = PAIRS(16),
    [SCHEMA_REWRITE_BODY] = FIELD(BYTES, 20),
};
const struct flatbuf_table schema_rewrite = TABLE("A6.HTTPReqCall.Rewrite", rewrite, 24);

static const struct flatbuf_table *const actions[] = {NULL, &schema_stop, &schema_rewrite};
static const struct flatbuf_field http_req_reply[] = {
    [SCHEMA_HTTP_REQ_REPLY_ID] = FIELD(U32, 4),
    [SCHEMA_HTTP_REQ_REPLY_ACTION_TYPE] = FIELD(UNION_TYPE, 12),
    [SCHEMA_HTTP_REQ_REPLY_ACTION] = UNION(8, actions),
};
const struct flatbuf_table schema_http_req_reply = TABLE("A6.HTTPReqCall.Resp", http_req_reply, 16);

static const struct flatbuf_field var[] = {
    [SCHEMA_VAR_NAME] = FIELD(STRING, 4),
};
const struct flatbuf_table schema_var = TABLE("A6.ExtraInfo.Var", var, 8);
const struct flatbuf_table schema_req_body = {.name = "A6.ExtraInfo.ReqBody", .inline_size = 4};
const struct flatbuf_table schema_resp_body = {.name = "A6.ExtraInfo.RespBody", .inline_size = 4};

static const struct flatbuf_table *const infos[] = {NULL, &schema_var, &schema_req_body,
                                                    &schema_resp_body};
static const struct flatbuf_field extra_info[] = {
    [SCHEMA_EXTRA_INFO_TYPE] = FIELD(UNION_TYPE, 8),
    [SCHEMA_EXTRA_INFO_INFO] = UNION(4, infos),
};
const struct flatbuf_table schema_extra_info = TABLE("A6.ExtraInfo.Req", extra_info, 12);

static const struct flatbuf_field extra_info_reply[] = {
    [SCHEMA_EXTRA_INFO_REPLY_RESULT] = FIELD(BYTES, 4),
};
const struct flatbuf_table schema_extra_info_reply =
    TABLE("A6.ExtraInfo.Resp", extra_info_reply, 8);

static const struct flatbuf_field http_resp_call[] = {
    [SCHEMA_HTTP_RESP_CALL_ID] = FIELD(U32, 4),
    [SCHEMA_HTTP_RESP_CALL_STATUS] = FIELD(U16, 16),
    [SCHEMA_HTTP_RESP_CALL_HEADERS] = PAIRS(8),
    [SCHEMA_HTTP_RESP_CALL_TOKEN] = FIELD(U32, 12),
};
const struct flatbuf_table schema_http_resp_call = TABLE("A6.HTTPRespCall.Req", http_resp_call, 20);

static const struct flatbuf_field http_resp_reply[] = {
    [SCHEMA_HTTP_RESP_REPLY_ID] = FIELD(U32, 4),
    [SCHEMA_HTTP_RESP_REPLY_STATUS] = FIELD(U16, 16),
    [SCHEMA_HTTP_RESP_REPLY_HEADERS] = PAIRS(8),
    [SCHEMA_HTTP_RESP_REPLY_BODY] = FIELD(BYTES, 12),
};
const struct flatbuf_table schema_http_resp_reply =
    TABLE("A6.HTTPRespCall.Resp", http_resp_reply, 20);
