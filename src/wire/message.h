/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol's messages, both directions: a `read` verifies a payload and gives
 * views into it, a `write` appends one whole frame, header included, to a wire_out.
 *
 * Views are valid as long as the payload's bytes. A read gives 0, or -EBADMSG when
 * flatbuf_verify refuses the payload, or when a union of a known type that is read
 * (Var, Stop, Rewrite) has no value. A number that is in no enum is given as it is.
 *
 * A write gives 0, -ENOMEM, or -EMSGSIZE when the frame would pass the format's
 * 16,777,215 bytes; the output is then as it was. The output must have no tail from
 * an earlier message (-EINVAL). Any thread.
 * Source: docs/protocol.md, "Schema".
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "wire/flatbuf.h"
#include "wire/frame.h"
#include "wire/out.h"

enum message_error {
    MESSAGE_BAD_REQUEST = 0,
    MESSAGE_SERVICE_UNAVAILABLE = 1,
    MESSAGE_CONF_TOKEN_NOT_FOUND = 2,
};

enum message_action {
    MESSAGE_ACTION_NONE = 0,
    MESSAGE_ACTION_STOP = 1,
    MESSAGE_ACTION_REWRITE = 2
};

enum message_info { MESSAGE_INFO_VAR = 1, MESSAGE_INFO_REQ_BODY = 2, MESSAGE_INFO_RESP_BODY = 3 };

/* A TextEntry. A reader's entry always has a name, perhaps an empty one: an absent
 * name reads as empty. An absent value has data NULL. */
struct wire_pair {
    struct wire_str name;
    struct wire_str value;
};

/* Entry `index` of a verified vector of TextEntry; index < vector.count. */
static inline struct wire_pair message_pair_at(struct wire_vector vector, uint32_t index)
{
    const uint8_t *entry = flatbuf_table_at(vector, index);
    struct wire_pair pair = {flatbuf_bytes(entry, 0), flatbuf_bytes(entry, 1)};
    if (!pair.name.data)
        pair.name.data = "";
    return pair;
}

/* Its name alone, for those who look for one. */
static inline struct wire_str message_name_at(struct wire_vector vector, uint32_t index)
{
    struct wire_str name = flatbuf_bytes(flatbuf_table_at(vector, index), 0);
    if (!name.data)
        name.data = "";
    return name;
}

/* Entries to write. count 0 leaves the field out. An absent name is written as an
 * empty one. */
struct wire_pairs {
    const struct wire_pair *first;
    uint32_t count;
};

/* ---- from the gateway ---- */

struct message_prepare_conf {
    struct wire_vector conf; /* TextEntry: plugin name, conf text */
    struct wire_str key;
};

struct message_http_req_call {
    uint32_t id;
    uint32_t conf_token;
    uint8_t method;
    struct wire_str source; /* 4 or 16 bytes, or anything a stranger sent */
    struct wire_str path;
    struct wire_vector args;
    struct wire_vector headers;
};

struct message_http_resp_call {
    uint32_t id;
    uint32_t conf_token;
    uint16_t status;
    struct wire_vector headers;
};

/* The answer to a question: absent data means "no such thing". */
struct message_extra_info_reply {
    struct wire_str result;
};

int message_read_prepare_conf(const uint8_t *payload, uint32_t size,
                              struct message_prepare_conf *message);
int message_read_http_req_call(const uint8_t *payload, uint32_t size,
                               struct message_http_req_call *message);
int message_read_http_resp_call(const uint8_t *payload, uint32_t size,
                                struct message_http_resp_call *message);
int message_read_extra_info_reply(const uint8_t *payload, uint32_t size,
                                  struct message_extra_info_reply *message);

/* ---- from the runner ---- */

int message_write_error(struct wire_out *out, enum message_error code);
int message_write_prepare_conf_reply(struct wire_out *out, uint32_t token);
/* Var: with a name. Bodies: name ignored. */
int message_write_extra_info(struct wire_out *out, enum message_info type, struct wire_str name);

/* Unused parts zero. An absent str leaves its field out. */
struct message_http_req_reply {
    uint32_t id;
    enum message_action action;
    uint16_t status;                /* Stop */
    struct wire_str path;           /* Rewrite */
    struct wire_pairs headers;      /* both; in a Rewrite an absent value deletes */
    struct wire_pairs args;         /* Rewrite; an absent value deletes */
    struct wire_pairs resp_headers; /* Rewrite */
    struct wire_str body;           /* both */
};

struct message_http_resp_reply {
    uint32_t id;
    uint16_t status;
    struct wire_pairs headers;
    struct wire_str body;
};

int message_write_http_req_reply(struct wire_out *out, const struct message_http_req_reply *reply);
int message_write_http_resp_reply(struct wire_out *out,
                                  const struct message_http_resp_reply *reply);

/* ---- the same, seen from the gateway's side ---- */

struct message_extra_info {
    enum message_info type; /* or another number that we do not know */
    struct wire_str name;
};

struct message_http_req_reply_view {
    uint32_t id;
    uint8_t action; /* an unknown one is given as it is, with nothing else set */
    uint16_t status;
    struct wire_str path;
    struct wire_vector headers;
    struct wire_vector args;
    struct wire_vector resp_headers;
    struct wire_str body;
};

struct message_http_resp_reply_view {
    uint32_t id;
    uint16_t status;
    struct wire_vector headers;
    struct wire_str body;
};

int message_read_error(const uint8_t *payload, uint32_t size, uint8_t *code);
int message_read_prepare_conf_reply(const uint8_t *payload, uint32_t size, uint32_t *token);
int message_read_extra_info(const uint8_t *payload, uint32_t size,
                            struct message_extra_info *message);
int message_read_http_req_reply(const uint8_t *payload, uint32_t size,
                                struct message_http_req_reply_view *reply);
int message_read_http_resp_reply(const uint8_t *payload, uint32_t size,
                                 struct message_http_resp_reply_view *reply);

struct message_http_req_call_write {
    uint32_t id;
    uint32_t conf_token;
    uint8_t method;
    struct wire_str source;
    struct wire_str path;
    struct wire_pairs args;
    struct wire_pairs headers;
};

struct message_http_resp_call_write {
    uint32_t id;
    uint32_t conf_token;
    uint16_t status;
    struct wire_pairs headers;
};

/* key absent: left out, as gateways before 2.9 do. */
int message_write_prepare_conf(struct wire_out *out, struct wire_str key, struct wire_pairs conf);
int message_write_http_req_call(struct wire_out *out,
                                const struct message_http_req_call_write *call);
int message_write_http_resp_call(struct wire_out *out,
                                 const struct message_http_resp_call_write *call);
/* result absent: left out. */
int message_write_extra_info_reply(struct wire_out *out, struct wire_str result);

#endif
