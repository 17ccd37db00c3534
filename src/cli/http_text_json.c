/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http_text.h"

#include "cli/json_text.h"
#include "client/method.h"

static const char *const mark_names[] = {"same", "added", "changed", "deleted"};

static void put_string(struct json_text *json, const char *name, struct wire_str text)
{
    if (text.data)
        json_text_string(json, name, text.data, text.len);
    else
        json_text_null(json, name);
}

static void put_fields(struct json_text *json, const char *name, const struct apply_fields *fields)
{
    json_text_open(json, name, '[');
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct apply_field *field = &fields->first[i];

        json_text_open(json, NULL, '{');
        put_string(json, "name", field->name);
        put_string(json, "value", field->value);
        json_text_terminated(json, "change", mark_names[field->mark]);
        if (field->mark == APPLY_CHANGED)
            put_string(json, "before", field->before);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

static bool is_text(struct wire_str bytes)
{
    for (uint32_t i = 0; i < bytes.len;) {
        size_t size = json_text_utf8(bytes.data + i, bytes.len - i);

        if (!size)
            return false;
        i += (uint32_t)size;
    }
    return true;
}

static void put_body(struct json_text *json, const struct apply_message *message)
{
    if (is_text(message->body))
        put_string(json, "body", message->body);
    else
        json_text_base64(json, "body_base64", message->body.data, message->body.len);
    json_text_terminated(json, "body_change", mark_names[message->body_mark]);
}

static void put_upstream(struct json_text *json, const struct apply_request *request,
                         const struct apply_message *message)
{
    json_text_open(json, "upstream", '{');
    json_text_terminated(json, "method", method_name(request->method));
    put_string(json, "target", message->target);
    json_text_terminated(json, "target_change", mark_names[message->start]);
    if (message->start == APPLY_CHANGED)
        put_string(json, "target_before", message->target_before);
    put_fields(json, "args", &message->args);
    put_fields(json, "headers", &message->headers);
    put_body(json, message);
    json_text_close(json, '}');
}

static void put_client(struct json_text *json, const struct apply_message *message)
{
    json_text_open(json, "client", '{');
    if (message->status) {
        json_text_integer(json, "status", message->status);
        json_text_terminated(json, "status_change", mark_names[message->start]);
        if (message->start == APPLY_CHANGED)
            json_text_integer(json, "status_before", message->status_before);
    }
    put_fields(json, "headers", &message->headers);
    put_body(json, message);
    json_text_close(json, '}');
}

void http_text_print_json(FILE *to, const struct apply_request *request,
                          const struct apply_outcome *outcome)
{
    struct json_text json = {.to = to};

    json_text_open(&json, NULL, '{');
    json_text_bool(&json, "stopped", outcome->stopped);
    if (outcome->upstream.present)
        put_upstream(&json, request, &outcome->upstream);
    if (outcome->client.present)
        put_client(&json, &outcome->client);
    json_text_open(&json, "notes", '[');
    for (uint32_t i = 0; i < outcome->note_count; i++)
        json_text_terminated(&json, NULL, outcome->notes[i]);
    json_text_close(&json, ']');
    json_text_close(&json, '}');
    putc('\n', to);
}
