/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request phase: the request as it was received, what plugins changed in it, and the
 * answer that one of them may have given. Lives in the call's arena.
 */
#ifndef PLUGIN_CALL_REQUEST_H
#define PLUGIN_CALL_REQUEST_H

#include <netinet/in.h>

#include "plugin/call.h"
#include "plugin/call_edits.h"

/* Bytes appended in pieces. */
struct call_text {
    char *data; /* NULL: none yet */
    uint32_t len;
    uint32_t capacity;
};

struct call_request {
    struct wire_str source;
    const char *source_text; /* NULL: not asked for yet */
    uint8_t method;
    bool path_changed;
    bool answered;
    uint16_t status; /* of the answer */
    struct wire_str path;
    struct edit_list args;
    struct edit_list headers;
    struct wire_str body; /* absent: not changed */
    struct edit_pairs response_headers;
    struct edit_pairs answer_headers;
    struct call_text answer_body;
    size_t answer_bytes; /* of all names and values */
};

/* Reads the frame into call->message. 0, -EBADMSG, -ENOMEM. */
int call_request_begin(struct call *call, const uint8_t *payload, uint32_t size);

/* 0, -ENOMEM, -EMSGSIZE. */
int call_request_write(struct call *call, struct wire_out *out);

/* The request that a handle stands for. */
static inline struct call_request *call_request_of(const a6_request *req)
{
    return ((const struct call *)(const void *)req)->message.as_request;
}

/* The functions of the host's table. */
a6_str call_request_source(const a6_request *req);
a6_str call_request_source_text(a6_request *req);
a6_method call_request_method(const a6_request *req);
a6_str call_request_path(const a6_request *req);
size_t call_request_arg_count(const a6_request *req);
int call_request_arg_at(const a6_request *req, size_t index, a6_pair *arg);
size_t call_request_header_count(const a6_request *req);
int call_request_header_at(const a6_request *req, size_t index, a6_pair *header);
int call_request_find_header(const a6_request *req, a6_str name, size_t *index);

int call_request_set_path(a6_request *req, a6_str path);
int call_request_set_arg(a6_request *req, a6_str name, a6_str value);
int call_request_add_arg(a6_request *req, a6_str name, a6_str value);
int call_request_delete_arg(a6_request *req, a6_str name);
int call_request_set_header(a6_request *req, a6_str name, a6_str value);
int call_request_add_header(a6_request *req, a6_str name, a6_str value);
int call_request_delete_header(a6_request *req, a6_str name);
int call_request_set_body(a6_request *req, a6_str body);
int call_request_add_response_header(a6_request *req, a6_str name, a6_str value);

int call_answer_begin(a6_request *req, unsigned status);
int call_answer_header(a6_request *req, a6_str name, a6_str value);
int call_answer_write(a6_request *req, a6_str data);
/* The answer as a reply. -ENOMEM, -EMSGSIZE. */
int call_answer_reply(struct call *call, struct wire_out *out);

#endif
