/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/tap_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "client/client.h"

/* Longer values are cut: they are for looking at. */
#define VALUE_MAX 300
#define CHANGES_MAX 60

/* Text, with what is not UTF-8 shown as '?'. */
static json_t *text_of(struct wire_str str)
{
    char text[VALUE_MAX + 4];
    size_t len = str.len < VALUE_MAX ? str.len : VALUE_MAX;
    json_t *value;

    if (!str.data)
        return json_null();
    memcpy(text, str.data, len);
    if (len < str.len) {
        memcpy(text + len, "...", 3);
        len += 3;
    }
    value = json_stringn(text, len);
    if (value)
        return value;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= 0x80 || text[i] == '\0')
            text[i] = '?';
    }
    return json_stringn(text, len);
}

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

/* ---- what is called ---- */

/* nginx names a conf "nginx#@route-1#ext-plugin-pre-req#digest". */
static void split_key(json_t *conf, const char *key)
{
    const char *phase = strstr(key, "#ext-plugin-");
    const char *place = strchr(key, '#');

    if (!phase || !place)
        return;
    set(conf, "phase", json_stringn(phase + 12, strcspn(phase + 12, "#")));
    place += strspn(place, "#@");
    set(conf, "conf", json_stringn(place, place < phase ? (size_t)(phase - place) : 0));
}

json_t *tap_call_conf(const struct frame *prepare)
{
    struct message_prepare_conf message;
    json_t *conf, *plugins, *key;

    if (prepare->type != FRAME_PREPARE_CONF ||
        message_read_prepare_conf(prepare->payload, prepare->size, &message) < 0)
        return NULL;
    conf = json_object();
    plugins = json_array();
    for (uint32_t i = 0; i < message.conf.count; i++)
        (void)json_array_append_new(plugins, text_of(message_name_at(message.conf, i)));
    set(conf, "plugins", plugins);
    key = text_of(message.key);
    if (json_is_string(key))
        split_key(conf, json_string_value(key));
    set(conf, "key", key);
    return conf;
}

uint32_t tap_call_token(const struct frame *call)
{
    struct message_http_req_call request;
    struct message_http_resp_call response;

    if (call->type == FRAME_HTTP_REQ_CALL &&
        message_read_http_req_call(call->payload, call->size, &request) == 0)
        return request.conf_token;
    if (call->type == FRAME_HTTP_RESP_CALL &&
        message_read_http_resp_call(call->payload, call->size, &response) == 0)
        return response.conf_token;
    return 0;
}

json_t *tap_call_begin(json_t *conf)
{
    json_t *call = conf ? json_deep_copy(conf) : json_object();

    set(call, "asked", json_array());
    set(call, "changes", json_array());
    return call;
}

void tap_call_asked(json_t *call, const struct frame *question)
{
    struct message_extra_info message;
    char text[VALUE_MAX];

    if (!call || message_read_extra_info(question->payload, question->size, &message) < 0)
        return;
    if (message.type == MESSAGE_INFO_REQ_BODY)
        snprintf(text, sizeof(text), "request body");
    else if (message.type == MESSAGE_INFO_RESP_BODY)
        snprintf(text, sizeof(text), "response body");
    else
        snprintf(text, sizeof(text), "$%.*s", (int)message.name.len,
                 message.name.data ? message.name.data : "");
    (void)json_array_append_new(json_object_get(call, "asked"),
                                text_of((struct wire_str){text, (uint32_t)strlen(text)}));
}

/* ---- what comes of it ---- */

static void note(json_t *call, const char *mark, const char *what, struct wire_str name,
                 struct wire_str value)
{
    json_t *changes = json_object_get(call, "changes"), *change;

    if (json_array_size(changes) >= CHANGES_MAX)
        return;
    change = json_object();
    set(change, "mark", json_string(mark));
    set(change, "what", json_string(what));
    if (name.data)
        set(change, "name", text_of(name));
    if (value.data)
        set(change, "value", text_of(value));
    (void)json_array_append_new(changes, change);
}

static const struct wire_str nothing;

static void note_added(json_t *call, const char *what, struct wire_vector pairs)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_pair pair = message_pair_at(pairs, i);

        note(call, "+", what, pair.name, pair.value);
    }
}

typedef int (*compare)(const char *one, const char *other, size_t len);

static bool has_name(struct wire_vector pairs, struct wire_str name, compare differ)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_str other = message_pair_at(pairs, i).name;

        if (name.len == other.len && differ(name.data, other.data, name.len) == 0)
            return true;
    }
    return false;
}

/* What the call brought with it is changed, all else is added. */
static void note_set(json_t *call, const char *what, struct wire_vector pairs,
                     struct wire_vector before, compare differ)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_pair pair = message_pair_at(pairs, i);
        const char *mark = !pair.value.data ? "-" : has_name(before, pair.name, differ) ? "~" : "+";

        note(call, mark, what, pair.name, pair.value);
    }
}

static void note_body(json_t *call, const char *mark, struct wire_str body)
{
    if (body.len > 0)
        note(call, mark, "body", nothing, body);
}

static void did(json_t *call, const char *text)
{
    set(call, "did", json_string(text));
}

static void note_request(json_t *call, const struct frame *asked, const struct frame *answered)
{
    struct message_http_req_call before;
    struct message_http_req_reply_view reply;
    char text[64];

    if (message_read_http_req_call(asked->payload, asked->size, &before) < 0 ||
        message_read_http_req_reply(answered->payload, answered->size, &reply) < 0) {
        set(call, "error", json_string("the runner's reply cannot be read"));
        return;
    }
    if (reply.action == MESSAGE_ACTION_STOP) {
        snprintf(text, sizeof(text), "answered %u", reply.status ? reply.status : 200u);
        did(call, text);
        note_added(call, "header", reply.headers);
        note_body(call, "+", reply.body);
        return;
    }
    if (reply.action != MESSAGE_ACTION_REWRITE) {
        did(call, "changed nothing");
        return;
    }
    did(call, "changed the request");
    if (reply.path.data)
        note(call, "~", "path", nothing, reply.path);
    note_set(call, "arg", reply.args, before.args, strncmp);
    note_set(call, "header", reply.headers, before.headers, strncasecmp);
    note_added(call, "response header", reply.resp_headers);
    note_body(call, "~", reply.body);
}

static bool same(struct wire_str a, struct wire_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* What stands in `pairs` and not in `others`, value included. */
static void note_missing(json_t *call, struct wire_vector pairs, struct wire_vector others,
                         const char *mark)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_pair pair = message_pair_at(pairs, i);
        bool found = false;

        for (uint32_t j = 0; j < others.count && !found; j++) {
            struct wire_pair other = message_pair_at(others, j);
            found = pair.name.len == other.name.len && same(pair.value, other.value) &&
                    strncasecmp(pair.name.data, other.name.data, pair.name.len) == 0;
        }
        if (!found)
            note(call, mark, "response header", pair.name, pair.value);
    }
}

static void note_response(json_t *call, const struct frame *asked, const struct frame *answered)
{
    struct message_http_resp_call before;
    struct message_http_resp_reply_view reply;
    char text[64];

    if (message_read_http_resp_call(asked->payload, asked->size, &before) < 0 ||
        message_read_http_resp_reply(answered->payload, answered->size, &reply) < 0) {
        set(call, "error", json_string("the runner's reply cannot be read"));
        return;
    }
    did(call, "changed the response");
    if (reply.status && reply.status != before.status) {
        int len = snprintf(text, sizeof(text), "%u", reply.status);
        note(call, "~", "status", nothing, (struct wire_str){text, (uint32_t)len});
    }
    if (reply.headers.count) {
        note_missing(call, before.headers, reply.headers, "-");
        note_missing(call, reply.headers, before.headers, "+");
    }
    note_body(call, "~", reply.body);
    if (json_array_size(json_object_get(call, "changes")) == 0)
        did(call, "changed nothing");
}

static void note_error(json_t *call, const struct frame *answered)
{
    char text[128];
    uint8_t code;

    if (answered->type != FRAME_ERROR ||
        message_read_error(answered->payload, answered->size, &code) < 0)
        snprintf(text, sizeof(text), "the runner answered with a frame of the wrong type, %u",
                 answered->type);
    else
        snprintf(text, sizeof(text), "the runner answered with the error %u, %s: its log says why",
                 code, client_error_name(code));
    set(call, "error", json_string(text));
}

void tap_call_answered(json_t *call, const struct frame *asked, const struct frame *answered)
{
    if (answered->type != asked->type)
        note_error(call, answered);
    else if (answered->type == FRAME_HTTP_REQ_CALL)
        note_request(call, asked, answered);
    else
        note_response(call, asked, answered);
}
