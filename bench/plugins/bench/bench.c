/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins of the benchmark's rows (docs/performance.md): each does one thing that
 * plugins often do, and nothing else. They take no conf.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <time.h>

#include <a6/plugin.h>

static const a6_str hello = {"hello", 5};

static a6_result answer_hello(a6_request *req)
{
    if (a6_answer(req, 200) < 0 ||
        a6_answer_header(req, A6_STR("X-Resp-A6-Runner"), A6_STR("C")) < 0 ||
        a6_answer_write(req, hello) < 0)
        return A6_ERROR;
    return A6_OK;
}

/* Reads three headers, sets one. */
static a6_result headers_filter(a6_request *req, void *conf)
{
    size_t read = a6_request_header(req, "host").len + a6_request_header(req, "user-agent").len +
                  a6_request_header(req, "x-request-id").len;

    (void)conf;
    if (read == 0)
        return a6_error(&req->call, "the request lacks its headers");
    return a6_request_set_header(req, A6_STR("x-bench"), A6_STR("set")) < 0 ? A6_ERROR : A6_OK;
}

/* Uses one variable: asked for in the filter, or fetched before it. */
static a6_result variable_filter(a6_request *req, void *conf)
{
    a6_str address;

    (void)conf;
    if (a6_var(&req->call, A6_STR("remote_addr"), &address) < 0 || address.len == 0)
        return a6_error(&req->call, "remote_addr is missing");
    return answer_hello(req);
}

/* Reads the body and rewrites it to the same bytes. */
static a6_result body_filter(a6_request *req, void *conf)
{
    a6_str body;

    (void)conf;
    if (a6_request_body(&req->call, &body) < 0 || body.len == 0)
        return a6_error(&req->call, "the body is missing");
    return a6_request_set_body(req, body) < 0 ? A6_ERROR : A6_OK;
}

/* Looks at the response and leaves it as it is. */
static a6_result unchanged_filter(a6_response *res, void *conf)
{
    (void)conf;
    return a6_response_status(res) == 0 ? A6_ERROR : A6_OK;
}

/* Blocks for 50 ms. */
static a6_result sleep_filter(a6_request *req, void *conf)
{
    const struct timespec nap = {0, 50000000};

    (void)req;
    (void)conf;
    nanosleep(&nap, NULL);
    return A6_OK;
}

static const char *const needed[] = {"remote_addr", NULL};

static const a6_plugin headers = {
    A6_PLUGIN_HEADER,        .name = "bench-headers",          .version = "1.0.0",
    .flags = A6_NONBLOCKING, .request_filter = headers_filter,
};
A6_REGISTER(headers)

static const a6_plugin variable = {
    A6_PLUGIN_HEADER,        .name = "bench-variable", .version = "1.0.0",
    .flags = A6_NONBLOCKING, .need_vars = needed,      .request_filter = variable_filter,
};
A6_REGISTER(variable)

static const a6_plugin asked = {
    A6_PLUGIN_HEADER,
    .name = "bench-variable-asked",
    .version = "1.0.0",
    .request_filter = variable_filter,
};
A6_REGISTER(asked)

static const a6_plugin body = {
    A6_PLUGIN_HEADER,
    .name = "bench-body",
    .version = "1.0.0",
    .flags = A6_NONBLOCKING | A6_NEED_REQUEST_BODY,
    .request_filter = body_filter,
};
A6_REGISTER(body)

static const a6_plugin unchanged = {
    A6_PLUGIN_HEADER,        .name = "bench-unchanged",           .version = "1.0.0",
    .flags = A6_NONBLOCKING, .response_filter = unchanged_filter,
};
A6_REGISTER(unchanged)

static const a6_plugin sleep_undeclared = {
    A6_PLUGIN_HEADER,
    .name = "bench-sleep",
    .version = "1.0.0",
    .request_filter = sleep_filter,
};
A6_REGISTER(sleep_undeclared)

static const a6_plugin sleep_declared = {
    A6_PLUGIN_HEADER,     .name = "bench-sleep-declared", .version = "1.0.0",
    .flags = A6_BLOCKING, .request_filter = sleep_filter,
};
A6_REGISTER(sleep_declared)
