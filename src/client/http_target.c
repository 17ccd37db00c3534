/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/method.h"

static struct wire_str text_of(const char *text)
{
    return (struct wire_str){.data = text, .len = (uint32_t)strlen(text)};
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Percent-decoding; in args '+' is a space. data NULL: no memory. */
static struct wire_str decode(struct arena *arena, const char *data, size_t len, bool plus)
{
    char *copy = arena_copy(arena, data, len);
    struct wire_str decoded = {.data = copy};

    for (size_t i = 0; copy && i < len; i++) {
        char c = data[i];
        int high = c == '%' && i + 2 < len ? hex(data[i + 1]) : -1;
        int low = high >= 0 ? hex(data[i + 2]) : -1;

        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        copy[decoded.len++] = c;
    }
    return decoded;
}

static int split_args(struct http_args *http, const char *at, const char *end)
{
    struct wire_pair *args = arena_alloc(&http->arena, HTTP_ARGS_PAIRS_MAX * sizeof(*args));
    uint32_t count = 0;

    if (!args)
        return -ENOMEM;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        const char *equals;

        stop = stop ? stop : end;
        equals = memchr(at, '=', (size_t)(stop - at));
        if (count == HTTP_ARGS_PAIRS_MAX)
            return -E2BIG;
        if (stop > at && equals != at) {
            struct wire_pair *arg = &args[count++];

            *arg = (struct wire_pair){0};
            arg->name = decode(&http->arena, at, (size_t)((equals ? equals : stop) - at), true);
            if (equals)
                arg->value = decode(&http->arena, equals + 1, (size_t)(stop - equals - 1), true);
            if (!arg->name.data || (equals && !arg->value.data))
                return -ENOMEM;
        }
        at = stop + 1;
    }
    http->request.args = (struct wire_pairs){.first = args, .count = count};
    return 0;
}

static int split_target(struct http_args *http)
{
    struct wire_str target = http->request.target;
    const char *end = target.data + target.len;
    const char *question = memchr(target.data, '?', target.len);
    const char *path_end = question ? question : end;

    http->request.path = decode(&http->arena, target.data, (size_t)(path_end - target.data), false);
    if (!http->request.path.data)
        return -ENOMEM;
    return split_args(http, question ? question + 1 : end, end);
}

static bool has_header(const struct http_args *http, const char *name)
{
    for (uint32_t i = 0; i < http->header_count; i++)
        if (http->headers[i].name.len == strlen(name) &&
            memcmp(http->headers[i].name.data, name, strlen(name)) == 0)
            return true;
    return false;
}

static int add_header(struct http_args *http, const char *name, const char *value)
{
    char *copy;

    if (has_header(http, name))
        return 0;
    if (http->header_count == HTTP_ARGS_PAIRS_MAX)
        return -E2BIG;
    copy = arena_copy(&http->arena, value, strlen(value));
    if (!copy)
        return -ENOMEM;
    http->headers[http->header_count++] =
        (struct wire_pair){.name = text_of(name), .value = text_of(copy)};
    return 0;
}

static int finish_headers(struct http_args *http)
{
    char length[16];
    int status;

    for (uint32_t i = 0; i < http->header_count; i++) {
        struct wire_str *name = &http->headers[i].name;
        char *lower = arena_copy(&http->arena, name->data, name->len);

        if (!lower)
            return -ENOMEM;
        for (uint32_t k = 0; k < name->len; k++)
            if (lower[k] >= 'A' && lower[k] <= 'Z')
                lower[k] = (char)(lower[k] - 'A' + 'a');
        name->data = lower;
    }
    status = add_header(http, "host", "localhost");
    if (status == 0 && http->request.body.len) {
        snprintf(length, sizeof(length), "%u", http->request.body.len);
        status = add_header(http, "content-length", length);
    }
    http->request.headers =
        (struct wire_pairs){.first = http->headers, .count = http->header_count};
    http->response.headers =
        (struct wire_pairs){.first = http->response_headers, .count = http->response_header_count};
    return status;
}

/* name is cut to what a variable's name may be long. */
static int add_prefixed(struct http_args *http, const char *prefix, struct wire_str name,
                        struct wire_str value)
{
    char full[256];
    size_t len = strlen(prefix);

    if (name.len > sizeof(full) - len)
        return 0;
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a length goes with it */
    memcpy(full, prefix, len);
    for (uint32_t i = 0; i < name.len; i++)
        full[len++] = name.data[i] == '-' ? '_' : name.data[i];
    return answers_add_variable(&http->answers,
                                (struct wire_str){.data = full, .len = (uint32_t)len}, value);
}

struct variable {
    const char *name;
    struct wire_str value;
};

static int add_all(struct http_args *http, const struct variable *variables, size_t count)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < count; i++)
        status =
            answers_add_variable(&http->answers, text_of(variables[i].name), variables[i].value);
    return status;
}

/* $http_..., $host and $arg_... */
static int add_variables_of_fields(struct http_args *http)
{
    struct wire_pairs headers = http->request.headers, args = http->request.args;
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < headers.count; i++) {
        struct wire_pair header = headers.first[i];

        status = add_prefixed(http, "http_", header.name, header.value);
        if (status == 0 && header.name.len == 4 && memcmp(header.name.data, "host", 4) == 0)
            status = answers_add_variable(&http->answers, header.name, header.value);
    }
    for (uint32_t i = 0; status == 0 && i < args.count; i++)
        if (args.first[i].value.data)
            status = add_prefixed(http, "arg_", args.first[i].name, args.first[i].value);
    return status;
}

static int add_variables_of_request(struct http_args *http)
{
    const struct apply_request *request = &http->request;
    const char *question = memchr(request->target.data, '?', request->target.len);
    struct wire_str query = text_of("");
    char address[INET6_ADDRSTRLEN] = "";

    if (question) {
        query.data = question + 1;
        query.len = (uint32_t)(request->target.data + request->target.len - query.data);
    }
    inet_ntop(http->source.len == 4 ? AF_INET : AF_INET6, http->source.data, address,
              sizeof(address));
    const struct variable variables[] = {
        {"remote_addr", text_of(address)},
        {"scheme", text_of("http")},
        {"uri", request->path},
        {"request_uri", request->target},
        {"args", query},
        {"request_method", text_of(method_name(request->method))},
    };
    return add_all(http, variables, sizeof(variables) / sizeof(variables[0]));
}

static int add_variables_of_response(struct http_args *http)
{
    char status[8];

    snprintf(status, sizeof(status), "%u", http->response.status);
    const struct variable variables[] = {
        {"status", text_of(status)},
        {"upstream_status", text_of(status)},
    };
    return add_all(http, variables, sizeof(variables) / sizeof(variables[0]));
}

/* What the user named comes first and wins. */
static int add_variables(struct http_args *http)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < http->variable_count; i++)
        status =
            answers_add_variable(&http->answers, http->variables[i].name, http->variables[i].value);
    if (status == 0)
        status = add_variables_of_fields(http);
    if (status == 0)
        status = add_variables_of_request(http);
    if (status == 0 && http->has_response)
        status = add_variables_of_response(http);
    return status;
}

int http_target_finish(struct http_args *http)
{
    int status = split_target(http);

    if (status == 0)
        status = finish_headers(http);
    if (status == 0)
        status = answers_set_request_body(&http->answers, http->request.body);
    if (status == 0 && http->has_response) {
        if (!http->response.body.data)
            http->response.body = text_of("");
        status = answers_set_response_body(&http->answers, http->response.body);
    }
    return status ? status : add_variables(http);
}
