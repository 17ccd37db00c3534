/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response phase: the upstream's response as it was received, and what plugins
 * changed in it. Lives in the call's arena.
 */
#ifndef PLUGIN_CALL_RESPONSE_H
#define PLUGIN_CALL_RESPONSE_H

#include "plugin/call.h"
#include "plugin/call_edits.h"

struct call_response {
    uint16_t sent_status;
    uint16_t status; /* 0: not changed */
    struct edit_list headers;
    struct wire_str body; /* absent: not changed */
};

/* Reads the frame into call->message. 0, -EBADMSG, -ENOMEM. */
int call_response_begin(struct call *call, const uint8_t *payload, uint32_t size);

/* 0, -ENOMEM, -EMSGSIZE. */
int call_response_write(struct call *call, struct wire_out *out);

/* The functions of the host's table. */
unsigned call_response_status(const a6_response *res);
size_t call_response_header_count(const a6_response *res);
int call_response_header_at(const a6_response *res, size_t index, a6_pair *header);
int call_response_find_header(const a6_response *res, a6_str name, size_t *index);
int call_response_body(a6_response *res, a6_str *body);
int call_response_set_status(a6_response *res, unsigned status);
int call_response_set_header(a6_response *res, a6_str name, a6_str value);
int call_response_add_header(a6_response *res, a6_str name, a6_str value);
int call_response_delete_header(a6_response *res, a6_str name);
int call_response_set_body(a6_response *res, a6_str body);

#endif
