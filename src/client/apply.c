/* SPDX-License-Identifier: Apache-2.0 */
#include "client/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/apply_fields.h"
#include "client/apply_target.h"

/* Headers that the gateway takes from nobody but itself: in a Rewrite's resp_headers
 * they are ignored, in a response without headers of the reply they are not copied. */
static bool is_excluded(struct wire_str name)
{
    static const char *const excluded[] = {
        "connection",       "content-length",   "transfer-encoding", "location",
        "server",           "content-type",     "content-encoding",  "content-location",
        "www-authenticate", "content-language",
    };

    for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
        if (apply_fields_is(name, excluded[i]))
            return true;
    return false;
}

/* The same note is told once. */
static void note(struct apply_outcome *outcome, const char *text)
{
    for (uint32_t i = 0; i < outcome->note_count; i++)
        if (outcome->notes[i] == text)
            return;
    if (outcome->note_count < APPLY_NOTES_MAX)
        outcome->notes[outcome->note_count++] = text;
}

static void note_status(struct apply_outcome *outcome, uint16_t status)
{
    if (status < 100)
        note(outcome, "the gateway cannot send a status below 100: the client would hang");
    else if (status > 599)
        note(outcome, "a status above 599 is none that HTTP knows");
}

static int stop(struct arena *arena, const struct message_http_req_reply_view *reply,
                struct apply_outcome *outcome)
{
    struct apply_message *client = &outcome->client;
    int status =
        apply_fields_make(arena, (struct wire_pairs){0}, reply->headers.count, &client->headers);

    if (status < 0)
        return status;
    outcome->stopped = true;
    client->present = true;
    client->start = APPLY_ADDED;
    client->status = reply->status ? reply->status : 200;
    note_status(outcome, client->status);
    for (uint32_t i = 0; i < reply->headers.count; i++) {
        struct wire_pair pair = message_pair_at(reply->headers, i);
        struct wire_str name = apply_fields_lower(arena, pair.name);

        if (!name.data)
            return -ENOMEM;
        if (apply_fields_is(name, "server"))
            note(outcome, "the gateway puts its own name into Server");
        else
            apply_fields_add(&client->headers, name, pair.value);
        if (apply_fields_is(name, "content-length"))
            note(outcome, "the gateway obeys Content-Length: a wrong one cuts the body");
    }
    client->body = reply->body;
    client->body_mark = APPLY_ADDED;
    if (!reply->body.len && client->status >= 300)
        note(outcome, "status 300 or more without a body: the gateway sends its own error page");
    return 0;
}

static int rewrite_headers(struct arena *arena, const struct apply_request *request,
                           struct wire_vector changes, struct apply_outcome *outcome)
{
    struct apply_fields *headers = &outcome->upstream.headers;
    /* one more for content-length */
    int status = apply_fields_make(arena, request->headers, changes.count + 1, headers);

    if (status < 0)
        return status;
    for (uint32_t i = 0; i < changes.count; i++) {
        struct wire_pair change = message_pair_at(changes, i);

        if (change.value.len) {
            apply_fields_set(headers, change.name, change.value, true);
            continue;
        }
        apply_fields_delete(headers, change.name, true);
        if (change.value.data)
            note(outcome, "a header with an empty value does not reach the upstream");
    }
    return 0;
}

static bool had_value_before(struct wire_vector changes, uint32_t at)
{
    struct wire_pair change = message_pair_at(changes, at);

    for (uint32_t i = 0; i < at; i++) {
        struct wire_pair earlier = message_pair_at(changes, i);

        if (earlier.value.data && apply_fields_same(earlier.name, change.name, false))
            return true;
    }
    return false;
}

static int rewrite_args(struct arena *arena, const struct apply_request *request,
                        struct wire_vector changes, struct apply_outcome *outcome)
{
    struct apply_fields *args = &outcome->upstream.args;
    int status = apply_fields_make(arena, request->args, changes.count, args);

    if (status < 0)
        return status;
    for (uint32_t i = 0; i < changes.count; i++) {
        struct wire_pair change = message_pair_at(changes, i);

        if (!change.value.data)
            apply_fields_delete(args, change.name, false);
        else if (had_value_before(changes, i))
            apply_fields_add(args, change.name, change.value);
        else
            apply_fields_set(args, change.name, change.value, false);
    }
    return 0;
}

static enum apply_mark body_mark(struct wire_str before, struct wire_str after)
{
    if (!before.len)
        return APPLY_ADDED;
    return apply_fields_same(before, after, false) ? APPLY_SAME : APPLY_CHANGED;
}

static int rewrite_body(struct arena *arena, struct wire_str body, struct apply_outcome *outcome)
{
    struct apply_message *upstream = &outcome->upstream;
    struct wire_str name = {.data = "content-length", .len = 14};
    char number[16];
    char *copy;
    int len;

    if (!body.len) {
        if (body.data)
            note(outcome, "an empty body is ignored: the old one stays");
        return 0;
    }
    upstream->body_mark = body_mark(upstream->body, body);
    upstream->body = body;
    len = snprintf(number, sizeof(number), "%u", body.len);
    copy = arena_copy(arena, number, (size_t)len);
    if (!copy)
        return -ENOMEM;
    apply_fields_set(&upstream->headers, name,
                     (struct wire_str){.data = copy, .len = (uint32_t)len}, true);
    return 0;
}

static int rewrite_resp_headers(struct arena *arena, struct wire_vector added,
                                struct apply_outcome *outcome)
{
    struct apply_message *client = &outcome->client;
    int status = apply_fields_make(arena, (struct wire_pairs){0}, added.count, &client->headers);

    if (status < 0)
        return status;
    client->present = added.count > 0;
    for (uint32_t i = 0; i < added.count; i++) {
        struct wire_pair pair = message_pair_at(added, i);
        struct wire_str name = apply_fields_lower(arena, pair.name);

        if (!name.data)
            return -ENOMEM;
        if (is_excluded(name))
            note(outcome, "a Rewrite cannot set this response header, the gateway ignores it: "
                          "connection, content-length, transfer-encoding, location, server, "
                          "www-authenticate, content-encoding, content-type, content-location, "
                          "content-language");
        else
            apply_fields_add(&client->headers, name, pair.value);
    }
    return 0;
}

/* Also for no action at all: a rewrite of nothing. */
static int go_on(struct arena *arena, const struct apply_request *request,
                 const struct message_http_req_reply_view *reply, struct apply_outcome *outcome)
{
    struct apply_message *upstream = &outcome->upstream;
    int status = rewrite_headers(arena, request, reply->headers, outcome);

    upstream->present = true;
    upstream->body = request->body;
    upstream->target_before = request->target;
    if (status == 0)
        status = rewrite_args(arena, request, reply->args, outcome);
    if (status == 0)
        status = apply_target_make(arena, request->target, reply->path,
                                   reply->args.count ? &upstream->args : NULL, &upstream->target);
    if (status == 0)
        status = rewrite_body(arena, reply->body, outcome);
    if (status == 0)
        status = rewrite_resp_headers(arena, reply->resp_headers, outcome);
    if (status < 0)
        return status;
    if (!apply_fields_same(upstream->target, request->target, false))
        upstream->start = APPLY_CHANGED;
    return 0;
}

int apply_req_reply(struct arena *arena, const struct apply_request *request,
                    const struct message_http_req_reply_view *reply, struct apply_outcome *outcome)
{
    *outcome = (struct apply_outcome){0};
    switch (reply->action) {
    case MESSAGE_ACTION_STOP:
        return stop(arena, reply, outcome);
    case MESSAGE_ACTION_NONE:
    case MESSAGE_ACTION_REWRITE:
        return go_on(arena, request, reply, outcome);
    }
    return -EBADMSG;
}

/* No header in the reply: the upstream's, but for those that the gateway leaves out. */
static int copy_headers(struct arena *arena, struct wire_pairs before,
                        struct apply_outcome *outcome)
{
    struct apply_fields *headers = &outcome->client.headers;
    int status = apply_fields_make(arena, before, 0, headers);

    if (status < 0)
        return status;
    for (uint32_t i = 0; i < headers->count; i++) {
        if (!is_excluded(headers->first[i].name))
            continue;
        headers->first[i].mark = APPLY_DELETED;
        if (apply_fields_is(headers->first[i].name, "content-type"))
            note(outcome, "a reply without headers loses the upstream's Content-Type; "
                          "the gateway puts its default there");
    }
    return 0;
}

int apply_resp_reply(struct arena *arena, const struct apply_response *response,
                     const struct message_http_resp_reply_view *reply,
                     struct apply_outcome *outcome)
{
    struct apply_message *client = &outcome->client;
    int status;

    *outcome = (struct apply_outcome){0};
    client->present = true;
    client->status_before = response->status;
    client->status = reply->status ? reply->status : response->status;
    client->start = client->status == response->status ? APPLY_SAME : APPLY_CHANGED;
    note_status(outcome, client->status);
    client->body = response->body;
    if (reply->body.len) {
        client->body = reply->body;
        client->body_mark = body_mark(response->body, reply->body);
    } else if (reply->body.data) {
        note(outcome, "an empty body is ignored: the upstream's stays");
    }
    if (!reply->headers.count)
        return copy_headers(arena, response->headers, outcome);
    status = apply_fields_compare(arena, response->headers, reply->headers, &client->headers);
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < client->headers.count; i++)
        if (client->headers.first[i].mark != APPLY_DELETED &&
            apply_fields_is(client->headers.first[i].name, "server"))
            note(outcome, "the gateway puts its own name into Server");
    return 0;
}
