/* SPDX-License-Identifier: Apache-2.0 */
#include "support/server_plugins.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct server_plugins_seen server_plugins_seen;

static _Atomic(a6_pending *) pending;
static a6_call *_Atomic suspended;

static int parse(a6_env *env, a6_str text, void **conf)
{
    int error = 0;

    atomic_fetch_add(&server_plugins_seen.parsed, 1);
    if (text.len && memchr(text.data, '!', text.len))
        return a6_env_error(env, "it says no");
    char *copy = malloc(text.len + 1);
    if (!copy)
        return -ENOMEM;
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (strchr(copy, 'v'))
        error = a6_env_need_var(env, A6_STR("declared"));
    if (!error && strchr(copy, 'b'))
        error = a6_env_need(env, A6_NEED_REQUEST_BODY | A6_NEED_RESPONSE_BODY);
    if (error) {
        free(copy);
        return error;
    }
    *conf = copy;
    return 0;
}

static void drop(void *conf)
{
    atomic_fetch_add(&server_plugins_seen.freed, 1);
    free(conf);
}

int server_plugins_resume(int ask)
{
    a6_pending *one = atomic_exchange(&pending, NULL);
    a6_str value;

    if (!one)
        return 0;
    if (ask)
        (void)a6_var(atomic_load(&suspended), A6_STR("late"), &value);
    (void)a6_resume(one, A6_OK);
    return 1;
}

static a6_result suspend(a6_call *call)
{
    a6_pending *one = a6_suspend(call);

    if (!one)
        return a6_error(call, "cannot be suspended");
    atomic_store(&suspended, call);
    one = atomic_exchange(&pending, one);
    if (one)
        (void)a6_resume(one, A6_ERROR);
    return A6_PENDING;
}

static void nap(unsigned ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* The news of it are there before the thread is back. */
static a6_result resume_early(a6_call *call)
{
    a6_pending *one = a6_suspend(call);

    if (!one || a6_resume(one, A6_OK) < 0)
        return a6_error(call, "cannot be suspended");
    nap(20);
    return A6_PENDING;
}

/* What both phases can do. 1: go on with the next letter. */
static int do_common(a6_call *call, char what, a6_result *result)
{
    a6_str value;
    int error = 0;

    *result = A6_ERROR;
    switch (what) {
    case 'e':
        *result = a6_error(call, "as the conf says");
        return 0;
    case 'v':
        error = a6_var(call, A6_STR("declared"), &value);
        break;
    case 'u':
        error = a6_var(call, A6_STR("undeclared"), &value);
        break;
    case 'd':
        *result = a6_delay(call, 20);
        return 0;
    case 'z':
        *result = suspend(call);
        return 0;
    case 'n':
        nap(SERVER_NAP_MS);
        break;
    case 'r':
        *result = resume_early(call);
        return 0;
    default:
        break;
    }
    return !error;
}

static int answer_large(a6_request *req)
{
    static char large[SERVER_LARGE];
    int error = a6_answer(req, 200);

    return error ? error : a6_answer_write(req, a6_str_make(large, sizeof(large)));
}

static int answer_with(a6_request *req, a6_str text)
{
    int error = a6_answer(req, 200);

    return error ? error : a6_answer_write(req, text);
}

static a6_result filter_request(a6_request *req, void *conf)
{
    a6_result result;
    a6_str body;
    int error = 0;

    atomic_fetch_add(&server_plugins_seen.filters, 1);
    for (const char *what = conf; *what && !error; what++) {
        switch (*what) {
        case 's':
            error = answer_with(req, a6_request_path(req));
            break;
        case 'S':
            error = answer_large(req);
            break;
        case 'h':
            error = a6_request_set_header(req, A6_STR("x-one"), A6_STR("1"));
            break;
        case 'b':
            error = a6_request_body(&req->call, &body);
            break;
        case 'B':
            error = a6_request_body(&req->call, &body);
            if (!error)
                error = answer_with(req, body);
            break;
        default:
            if (!do_common(&req->call, *what, &result))
                return result;
        }
    }
    return error ? a6_error(&req->call, "it failed: %d", error) : A6_OK;
}

static a6_result filter_response(a6_response *res, void *conf)
{
    a6_result result;
    a6_str body;
    int error = 0;

    atomic_fetch_add(&server_plugins_seen.filters, 1);
    for (const char *what = conf; *what && !error; what++) {
        switch (*what) {
        case 's':
            error = a6_response_set_status(res, 201);
            break;
        case 'h':
            error = a6_response_set_header(res, A6_STR("x-one"), A6_STR("1"));
            break;
        case 'b':
        case 'B':
            error = a6_response_body(res, &body);
            if (!error && body.len)
                error = a6_response_set_body(res, body);
            break;
        default:
            if (!do_common(&res->call, *what, &result))
                return result;
        }
    }
    return error ? a6_error(&res->call, "it failed: %d", error) : A6_OK;
}

#define DESCRIPTION                                                                                \
    A6_PLUGIN_HEADER, .parse_conf = parse, .free_conf = drop, .request_filter = filter_request,    \
                      .response_filter = filter_response

static const a6_plugin test = {DESCRIPTION, .name = "test"};
static const a6_plugin block = {DESCRIPTION, .name = "block", .flags = A6_BLOCKING};
A6_REGISTER(test)
A6_REGISTER(block)
