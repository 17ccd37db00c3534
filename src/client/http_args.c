/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_args.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "client/http_target.h"
#include "client/method.h"
#include "wire/frame.h"

#define MEMORY_MAX ((size_t)256 << 20)

__attribute__((format(printf, 3, 4))) static int fail(struct http_args *http, int status,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(http->error, sizeof(http->error), format, args);
    va_end(args);
    return status;
}

static int no_memory(struct http_args *http)
{
    return fail(http, -ENOMEM, "out of memory");
}

static struct wire_str text_of(const char *text)
{
    return (struct wire_str){.data = text, .len = (uint32_t)strlen(text)};
}

int http_args_init(struct http_args *http)
{
    *http = (struct http_args){0};
    arena_init(&http->arena, MEMORY_MAX);
    http->request.target = text_of("/");
    return answers_init(&http->answers);
}

void http_args_free(struct http_args *http)
{
    answers_free(&http->answers);
    arena_free(&http->arena);
}

static int read_file(struct http_args *http, const char *path, struct wire_str *bytes)
{
    struct buffer buffer;
    bool opened = strcmp(path, "-") != 0;
    FILE *file = opened ? fopen(path, "rb") : stdin;
    int status = 0;
    char *copy;

    if (!file)
        return fail(http, -errno, "%.150s: %s", path, strerror(errno));
    buffer_init(&buffer, FRAME_PAYLOAD_MAX);
    while (status == 0 && !feof(file) && !ferror(file)) {
        status = buffer_reserve(&buffer, 65536);
        if (status == 0)
            buffer.len += fread(buffer.data + buffer.len, 1, buffer.capacity - buffer.len, file);
    }
    if (ferror(file))
        status = -EIO;
    if (opened)
        fclose(file);
    copy = status == 0 ? arena_copy(&http->arena, buffer.data, buffer.len) : NULL;
    *bytes = (struct wire_str){.data = copy, .len = (uint32_t)buffer.len};
    buffer_free(&buffer);
    if (status == 0 && !copy)
        status = -ENOMEM;
    return status == 0 ? 0 : fail(http, status, "%.150s: %s", path, strerror(-status));
}

int http_args_load_text(struct http_args *http, const char *text, struct wire_str *bytes)
{
    if (text[0] == '@')
        return read_file(http, text + 1, bytes);
    *bytes = text_of(text);
    return 0;
}

/* FILE|TEXT, and @FILE. */
static int take_body(struct http_args *http, const char *text)
{
    struct stat about;

    if (strcmp(text, "-") == 0 || (stat(text, &about) == 0 && S_ISREG(about.st_mode)))
        return read_file(http, text, &http->request.body);
    return http_args_load_text(http, text, &http->request.body);
}

static int take_request(struct http_args *http, const char *line)
{
    const char *space = strchr(line, ' ');
    const char *target = line, *end;

    http->request.method = 0;
    if (*line != '/') {
        size_t len = space ? (size_t)(space - line) : strlen(line);

        if (method_find(line, len, &http->request.method) < 0)
            return fail(http, -EINVAL,
                        "--request \"%.100s\": want a method that the gateway passes on, in "
                        "capitals, and a path, as in 'POST /get?a=1'",
                        line);
        target = space ? space + 1 : "/";
    }
    end = strchr(target, ' '); /* HTTP/1.1 may follow */
    if (*target != '/')
        return fail(http, -EINVAL, "--request \"%.100s\": the path must begin with '/'", line);
    http->request.target = (struct wire_str){
        .data = target, .len = (uint32_t)(end ? (size_t)(end - target) : strlen(target))};
    return 0;
}

/* "Name: value" of len bytes. */
static int take_header(struct http_args *http, const char *option, struct wire_pair *to,
                       uint32_t *count, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    const char *value, *end = line + len;

    if (*count == HTTP_ARGS_PAIRS_MAX)
        return fail(http, -E2BIG, "%s: more than %u headers", option, HTTP_ARGS_PAIRS_MAX);
    if (!colon || colon == line)
        return fail(http, -EINVAL, "%s \"%.*s\": want 'Name: value'", option,
                    len > 100 ? 100 : (int)len, line);
    value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    to[(*count)++] = (struct wire_pair){
        .name = {.data = line, .len = (uint32_t)(colon - line)},
        .value = {.data = value, .len = (uint32_t)(end - value)},
    };
    return 0;
}

static int take_variable(struct http_args *http, const char *text)
{
    const char *equals = strchr(text, '=');

    if (http->variable_count == HTTP_ARGS_PAIRS_MAX)
        return fail(http, -E2BIG, "--var: more than %u variables", HTTP_ARGS_PAIRS_MAX);
    if (!equals || equals == text || *text == '$')
        return fail(http, -EINVAL, "--var \"%.100s\": want NAME=VALUE, the name without '$'", text);
    http->variables[http->variable_count++] = (struct wire_pair){
        .name = {.data = text, .len = (uint32_t)(equals - text)},
        .value = text_of(equals + 1),
    };
    return 0;
}

static int take_source(struct http_args *http, const char *text)
{
    char *raw = arena_alloc(&http->arena, sizeof(struct in6_addr));

    if (!raw)
        return no_memory(http);
    if (inet_pton(AF_INET, text, raw) == 1)
        http->source = (struct wire_str){.data = raw, .len = 4};
    else if (inet_pton(AF_INET6, text, raw) == 1)
        http->source = (struct wire_str){.data = raw, .len = 16};
    else
        return fail(http, -EINVAL, "--src \"%.100s\": want an IPv4 or IPv6 address", text);
    return 0;
}

static int take_status_line(struct http_args *http, const char *line, size_t len)
{
    const char *digits = line;
    char *end;
    unsigned long status;

    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        digits = memchr(line, ' ', len);
        digits = digits ? digits + 1 : line;
    }
    status = strtoul(digits, &end, 10);
    if (end == digits || status < 100 || status > 999)
        return fail(http, -EINVAL, "--response \"%.*s\": want a status line, as 'HTTP/1.1 200 OK'",
                    len > 100 ? 100 : (int)len, line);
    http->response.status = (uint16_t)status;
    http->has_response = true;
    return 0;
}

/* The status line comes first, in whichever option; then headers, then the body. */
static int take_response(struct http_args *http, const char *text)
{
    struct wire_str bytes = text_of(text);
    const char *at, *end;
    int status = *text == '@' ? read_file(http, text + 1, &bytes) : 0;

    if (status)
        return status;
    at = bytes.data;
    end = at + bytes.len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);

        if (len == 0 || (len == 1 && *at == '\r')) {
            at = newline ? newline + 1 : end;
            http->response.body = (struct wire_str){.data = at, .len = (uint32_t)(end - at)};
            return 0;
        }
        if (!http->has_response)
            status = take_status_line(http, at, len);
        else
            status = take_header(http, "--response", http->response_headers,
                                 &http->response_header_count, at, len);
        if (status < 0)
            return status;
        at += len + (newline != NULL);
    }
    return http->has_response ? 0 : take_status_line(http, "", 0);
}

int http_args_take(struct http_args *http, int option, const char *value)
{
    switch (option) {
    case HTTP_ARGS_REQUEST:
        return take_request(http, value);
    case HTTP_ARGS_HEADER:
        return take_header(http, "-H", http->headers, &http->header_count, value, strlen(value));
    case HTTP_ARGS_BODY:
        return take_body(http, value);
    case HTTP_ARGS_VAR:
        return take_variable(http, value);
    case HTTP_ARGS_SRC:
        return take_source(http, value);
    case HTTP_ARGS_RESPONSE:
        return take_response(http, value);
    }
    return fail(http, -EINVAL, "no such option");
}

int http_args_finish(struct http_args *http)
{
    int status;

    if (!http->source.data && take_source(http, "127.0.0.1") < 0)
        return no_memory(http);
    status = http_target_finish(http);
    if (status == -E2BIG)
        return fail(http, status, "more than %u headers or args", HTTP_ARGS_PAIRS_MAX);
    if (status == -EMSGSIZE)
        return fail(http, status, "a body or a variable is larger than a frame takes");
    return status < 0 ? no_memory(http) : 0;
}
