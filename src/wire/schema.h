/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol's schema: one table for each kind of table on the wire. The verifier
 * walks it, the builder takes its layout from it, readers and writers name slots by
 * the enums below.
 * Source: docs/protocol.md, "Schema".
 */
#ifndef WIRE_SCHEMA_H
#define WIRE_SCHEMA_H

#include "wire/flatbuf.h"

enum { SCHEMA_TEXT_ENTRY_NAME, SCHEMA_TEXT_ENTRY_VALUE };
extern const struct flatbuf_table schema_text_entry;

enum { SCHEMA_ERROR_CODE };
extern const struct flatbuf_table schema_error;

enum { SCHEMA_PREPARE_CONF_CONF, SCHEMA_PREPARE_CONF_KEY };
extern const struct flatbuf_table schema_prepare_conf;

enum { SCHEMA_PREPARE_CONF_REPLY_TOKEN };
extern const struct flatbuf_table schema_prepare_conf_reply;

enum {
    SCHEMA_HTTP_REQ_CALL_ID,
    SCHEMA_HTTP_REQ_CALL_SOURCE,
    SCHEMA_HTTP_REQ_CALL_METHOD,
    SCHEMA_HTTP_REQ_CALL_PATH,
    SCHEMA_HTTP_REQ_CALL_ARGS,
    SCHEMA_HTTP_REQ_CALL_HEADERS,
    SCHEMA_HTTP_REQ_CALL_TOKEN,
};
extern const struct flatbuf_table schema_http_req_call;

enum { SCHEMA_STOP_STATUS, SCHEMA_STOP_HEADERS, SCHEMA_STOP_BODY };
extern const struct flatbuf_table schema_stop;

enum {
    SCHEMA_REWRITE_PATH,
    SCHEMA_REWRITE_HEADERS,
    SCHEMA_REWRITE_ARGS,
    SCHEMA_REWRITE_RESP_HEADERS,
    SCHEMA_REWRITE_BODY,
};
extern const struct flatbuf_table schema_rewrite;

enum {
    SCHEMA_HTTP_REQ_REPLY_ID,
    SCHEMA_HTTP_REQ_REPLY_ACTION_TYPE,
    SCHEMA_HTTP_REQ_REPLY_ACTION,
};
extern const struct flatbuf_table schema_http_req_reply;

enum { SCHEMA_VAR_NAME };
extern const struct flatbuf_table schema_var;
extern const struct flatbuf_table schema_req_body;  /* no fields */
extern const struct flatbuf_table schema_resp_body; /* no fields */

enum { SCHEMA_EXTRA_INFO_TYPE, SCHEMA_EXTRA_INFO_INFO };
extern const struct flatbuf_table schema_extra_info;

enum { SCHEMA_EXTRA_INFO_REPLY_RESULT };
extern const struct flatbuf_table schema_extra_info_reply;

enum {
    SCHEMA_HTTP_RESP_CALL_ID,
    SCHEMA_HTTP_RESP_CALL_STATUS,
    SCHEMA_HTTP_RESP_CALL_HEADERS,
    SCHEMA_HTTP_RESP_CALL_TOKEN,
};
extern const struct flatbuf_table schema_http_resp_call;

enum {
    SCHEMA_HTTP_RESP_REPLY_ID,
    SCHEMA_HTTP_RESP_REPLY_STATUS,
    SCHEMA_HTTP_RESP_REPLY_HEADERS,
    SCHEMA_HTTP_RESP_REPLY_BODY,
};
extern const struct flatbuf_table schema_http_resp_reply;

#endif
