/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway makes of a runner's reply: from a request (or an upstream's
 * response) and the reply to it, what the upstream and the client get to see, with
 * every change marked.
 *
 * The rules are the gateway's as measured; docs/protocol.md, "Replies". What it adds
 * by itself in any case (Server, Date, the form of transfer) is left out.
 *
 * Results live in the arena given and borrow from the inputs. One thread at a time.
 */
#ifndef CLIENT_APPLY_H
#define CLIENT_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "wire/message.h"

enum apply_mark { APPLY_SAME, APPLY_ADDED, APPLY_CHANGED, APPLY_DELETED };

/* before: the old value where the mark is APPLY_CHANGED. A deleted field keeps the
 * value that it had. */
struct apply_field {
    struct wire_str name;
    struct wire_str value; /* absent: an arg without '=' */
    struct wire_str before;
    enum apply_mark mark;
};

struct apply_fields {
    struct apply_field *first;
    uint32_t count;
};

/* The request as the gateway has it when it calls the runner. */
struct apply_request {
    uint8_t method;
    struct wire_str target; /* as the client sent it: path and args, encoded */
    struct wire_str path;   /* decoded */
    struct wire_pairs args;
    struct wire_pairs headers;
    struct wire_str body; /* absent: none */
};

/* The upstream's response as the gateway has it. */
struct apply_response {
    uint16_t status;
    struct wire_pairs headers;
    struct wire_str body;
};

/* One message as its receiver sees it. */
struct apply_message {
    bool present;
    struct wire_str target; /* of a request: encoded, with its args */
    struct wire_str target_before;
    uint16_t status; /* of a response; 0: the upstream's, which is not known */
    uint16_t status_before;
    enum apply_mark start; /* of target or status */
    struct apply_fields args;
    struct apply_fields headers;
    struct wire_str body;
    enum apply_mark body_mark;
};

#define APPLY_NOTES_MAX 16

struct apply_outcome {
    bool stopped;                  /* answered by the runner: no upstream is asked */
    struct apply_message upstream; /* what the upstream gets; not present when stopped */
    struct apply_message client;   /* what the client gets, as far as the reply decides it */
    /* What a plugin's author should know: what the gateway ignores or does besides.
     * Terminated texts. */
    const char *notes[APPLY_NOTES_MAX];
    uint32_t note_count;
};

/* 0, -ENOMEM, -EBADMSG (an action that does not exist). */
int apply_req_reply(struct arena *arena, const struct apply_request *request,
                    const struct message_http_req_reply_view *reply, struct apply_outcome *outcome);

/* 0, -ENOMEM. */
int apply_resp_reply(struct arena *arena, const struct apply_response *response,
                     const struct message_http_resp_reply_view *reply,
                     struct apply_outcome *outcome);

#endif
