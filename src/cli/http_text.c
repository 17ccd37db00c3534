/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json_text.h"
#include "client/method.h"

struct page {
    FILE *to;
    bool colour;
};

bool http_text_colour(FILE *to)
{
    const char *no_color = getenv("NO_COLOR");

    return !(no_color && *no_color) && isatty(fileno(to));
}

/* The reason phrase; "" for a status without one. */
static const char *reason_of(unsigned status)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } known[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {511, "Network Authentication Required"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].status == status)
            return known[i].reason;
    return "";
}

static void begin_line(const struct page *page, enum apply_mark mark)
{
    static const char marks[] = {' ', '+', '~', '-'};
    static const char *const colours[] = {"", "\033[32m", "\033[33m", "\033[31m"};

    if (page->colour)
        fputs(colours[mark], page->to);
    fprintf(page->to, "%c ", marks[mark]);
}

static void end_line(const struct page *page, enum apply_mark mark)
{
    if (page->colour && mark != APPLY_SAME)
        fputs("\033[0m", page->to);
    putc('\n', page->to);
}

/* Bytes that a terminal must not get, and those that would look like another line, are
 * shown as \xNN. */
static void put_text(const struct page *page, struct wire_str text)
{
    for (uint32_t i = 0; i < text.len;) {
        size_t size = json_text_utf8(text.data + i, text.len - i);
        unsigned char c = (unsigned char)text.data[i];
        /* U+0080 to U+009F are controls too */
        int control = c < 0x20 || c == 0x7f ||
                      (size == 2 && c == 0xc2 && (unsigned char)text.data[i + 1] < 0xa0);

        if (size && (!control || c == '\t')) {
            fwrite(text.data + i, 1, size, page->to);
            i += (uint32_t)size;
        } else {
            fprintf(page->to, "\\x%02x", c);
            i++;
        }
    }
}

static void put_fields(const struct page *page, const struct apply_fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct apply_field *field = &fields->first[i];

        begin_line(page, field->mark);
        put_text(page, field->name);
        fputs(": ", page->to);
        put_text(page, field->value);
        if (field->mark == APPLY_CHANGED) {
            fputs("    (was: ", page->to);
            put_text(page, field->before);
            putc(')', page->to);
        }
        end_line(page, field->mark);
    }
}

static void put_body(const struct page *page, struct wire_str body, enum apply_mark mark)
{
    if (!body.len)
        return;
    putc('\n', page->to);
    while (body.len) {
        const char *newline = memchr(body.data, '\n', body.len);
        uint32_t len = newline ? (uint32_t)(newline - body.data) : body.len;

        begin_line(page, mark);
        put_text(page, (struct wire_str){.data = body.data, .len = len});
        end_line(page, mark);
        len += newline != NULL;
        body.data += len;
        body.len -= len;
    }
}

static void title(const struct page *page, const char *text)
{
    fprintf(page->to, page->colour ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

static void put_upstream(const struct page *page, const struct apply_request *request,
                         const struct apply_message *message)
{
    title(page, "To the upstream:");
    begin_line(page, message->start);
    fprintf(page->to, "%s ", method_name(request->method));
    put_text(page, message->target);
    fputs(" HTTP/1.1", page->to);
    if (message->start == APPLY_CHANGED) {
        fputs("    (was: ", page->to);
        put_text(page, message->target_before);
        putc(')', page->to);
    }
    end_line(page, message->start);
    put_fields(page, &message->headers);
    put_body(page, message->body, message->body_mark);
}

static void put_client(const struct page *page, const struct apply_message *message)
{
    title(page,
          message->status ? "To the client:" : "To the client, with the upstream's response:");
    if (message->status) {
        begin_line(page, message->start);
        fprintf(page->to, "HTTP/1.1 %u %s", message->status, reason_of(message->status));
        if (message->start == APPLY_CHANGED)
            fprintf(page->to, "    (was: %u)", message->status_before);
        end_line(page, message->start);
    }
    put_fields(page, &message->headers);
    put_body(page, message->body, message->body_mark);
}

void http_text_print(FILE *to, const struct apply_request *request,
                     const struct apply_outcome *outcome, bool colour)
{
    struct page page = {.to = to, .colour = colour};

    if (outcome->upstream.present)
        put_upstream(&page, request, &outcome->upstream);
    if (outcome->upstream.present && outcome->client.present)
        putc('\n', to);
    if (outcome->client.present)
        put_client(&page, &outcome->client);
    for (uint32_t i = 0; i < outcome->note_count; i++)
        fprintf(to, "%sNote: %s.\n", i ? "" : "\n", outcome->notes[i]);
}
