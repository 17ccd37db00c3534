/* SPDX-License-Identifier: Apache-2.0 */
/* Changes what the client gets: status, headers, and the body as a whole or by regular
 * expressions. */
#include <stdlib.h>
#include <strings.h>

#include <a6/json.h>
#include <a6/plugin.h>

#include "substitute.h"

struct conf {
    json_t *root; /* owns all texts */
    int status;   /* 0: as it is */
    json_t *headers;
    a6_str body;
    size_t filter_count;
    struct substitute *filters;
};

/* ---- the conf ---- */

static int read_filter(a6_env *env, json_t *from, size_t number, struct substitute *filter)
{
    struct substitute_conf conf = {.scope = "once", .options = "jo"};
    char place[40];

    (void)snprintf(place, sizeof(place), "filters[%zu]", number);
    if (!json_is_object(from))
        return a6_env_error(env, "\"%s\" must be an object", place);
    if (a6_json_only_in(env, from, place, "regex", "scope", "replace", "options", NULL) < 0 ||
        a6_json_need_in(env, from, place, "regex", "s%", &conf.regex.data, &conf.regex.len) < 0 ||
        a6_json_need_in(env, from, place, "replace", "s%", &conf.replace.data, &conf.replace.len) <
            0 ||
        a6_json_get_in(env, from, place, "scope", "s", &conf.scope) < 0 ||
        a6_json_get_in(env, from, place, "options", "s", &conf.options) < 0)
        return -EINVAL;
    return substitute_compile(env, number, &conf, filter);
}

static int read_filters(a6_env *env, json_t *root, struct conf *conf)
{
    json_t *filters = json_object_get(root, "filters");
    json_t *from;
    size_t i;

    if (filters && !json_is_array(filters))
        return a6_env_error(env, "\"filters\" must be a list");
    if (json_array_size(filters) == 0)
        return 0;
    conf->filters = calloc(json_array_size(filters), sizeof(*conf->filters));
    if (!conf->filters)
        return -ENOMEM;
    json_array_foreach(filters, i, from)
    {
        int error;

        conf->filter_count = i + 1;
        error = read_filter(env, from, i, &conf->filters[i]);
        if (error)
            return error;
    }
    return a6_env_need(env, A6_NEED_RESPONSE_BODY);
}

/* What the gateway writes itself: the runner leaves these out, so they would do nothing. */
static int check_headers(a6_env *env, json_t *headers)
{
    static const char *const own[] = {"connection",      "content-length", "keep-alive",
                                      "trailer",         "upgrade",        "transfer-encoding",
                                      "proxy-connection"};
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach(headers, name, value)
    {
        for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
            if (strcasecmp(name, own[i]) == 0)
                return a6_env_error(env,
                                    "\"headers.%s\" goes with the connection or the body, and is "
                                    "the gateway's own",
                                    name);
        }
    }
    return 0;
}

static int read_conf(a6_env *env, a6_str text, struct conf *conf)
{
    json_t *root = conf->root = a6_json_load(env, text);
    int no_status;

    if (!root || a6_json_only(env, root, "status", "headers", "body", "filters", NULL) < 0 ||
        (no_status = a6_json_get(env, root, "status", "i", &conf->status)) < 0 ||
        a6_json_get(env, root, "body", "s%", &conf->body.data, &conf->body.len) < 0 ||
        a6_json_headers(env, root, NULL, "headers", &conf->headers) < 0 ||
        check_headers(env, conf->headers) < 0)
        return -EINVAL;
    if (!no_status && (conf->status < 200 || conf->status > 599))
        return a6_env_error(env, "\"status\" is %d; it must be 200 to 599", conf->status);
    return read_filters(env, root, conf);
}

static void free_conf(void *data)
{
    struct conf *conf = data;
    size_t i;

    for (i = 0; i < conf->filter_count; i++)
        substitute_free(&conf->filters[i]);
    free(conf->filters);
    json_decref(conf->root);
    free(conf);
}

static int parse_conf(a6_env *env, a6_str text, void **out)
{
    struct conf *conf = calloc(1, sizeof(*conf));
    int error;

    if (!conf)
        return -ENOMEM;
    error = read_conf(env, text, conf);
    if (error) {
        free_conf(conf);
        return error;
    }
    *out = conf;
    return 0;
}

/* ---- the filter ---- */

/* An empty value removes the header, as in the gateway's own plugin. */
static a6_result set_headers(a6_response *res, json_t *headers)
{
    const char *name;
    json_t *value;

    json_object_foreach(headers, name, value)
    {
        a6_str text = a6_str_make(json_string_value(value), json_string_length(value));
        int error = text.len > 0 ? a6_response_set_header(res, a6_str_from(name), text)
                                 : a6_response_delete_header(res, a6_str_from(name));

        if (error)
            return a6_error(&res->call, "header \"%s\" cannot be set: %s", name, strerror(-error));
    }
    return A6_OK;
}

/* What described the old body. Headers of the conf are set after this. */
static a6_result new_body(a6_response *res, a6_str body)
{
    static const char *const stale[] = {"etag", "last-modified", "accept-ranges", "content-range",
                                        "content-encoding"};
    size_t i;

    if (a6_response_set_body(res, body) < 0)
        return a6_error(&res->call, "the new body of %zu bytes cannot be set", body.len);
    for (i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        if (a6_response_delete_header(res, a6_str_from(stale[i])) < 0)
            return a6_error(&res->call, "header \"%s\" cannot be removed", stale[i]);
    }
    return A6_OK;
}

/* A client says by Accept-Encoding and Range what the upstream sends, and must not get
 * past the filters by that. */
static a6_result check_body(a6_response *res)
{
    a6_str name = A6_STR("content-encoding");
    a6_pair header;
    size_t i;

    for (i = 0; a6_response_find_header(res, name, &i) == 0; i++) {
        if (a6_response_header_at(res, i, &header) == 0 && header.value.len > 0 &&
            !a6_str_equal(header.value, A6_STR("identity")))
            return a6_error(&res->call, "the body is compressed (%.*s), no filter can read it",
                            (int)header.value.len, header.value.data);
    }
    if (a6_response_status(res) == 206)
        return a6_error(&res->call, "the body is a part of one (206), filters need all of it");
    return A6_OK;
}

/* Runs the filters one after the other; text->data is NULL when none of them matched. */
static a6_result run_filters(a6_response *res, const struct conf *conf,
                             struct substitute_text *text)
{
    a6_str body;
    char why[256];
    size_t i;
    int error = a6_response_body(res, &body);

    if (error)
        return a6_error(&res->call, "the body cannot be had: %s", strerror(-error));
    if (body.len > 0 && check_body(res) != A6_OK)
        return A6_ERROR;
    for (i = 0; i < conf->filter_count; i++) {
        a6_str now = text->data ? a6_str_make(text->data, text->len) : body;
        struct substitute_text next;
        int changed = substitute_run(&conf->filters[i], now, &next, why, sizeof(why));

        if (changed < 0)
            return a6_error(&res->call, "filters[%zu] failed: %s", i, why);
        if (changed) {
            free(text->data);
            *text = next;
        }
    }
    return A6_OK;
}

/* The protocol has no way to say "an empty body": the upstream's would be sent, with all
 * that the filters were to remove. */
static a6_result filter_body(a6_response *res, const struct conf *conf)
{
    struct substitute_text text = {NULL, 0};
    a6_result result = run_filters(res, conf, &text);

    if (result == A6_OK && text.data && text.len == 0)
        result = a6_error(&res->call, "the filters leave an empty body, which cannot be sent");
    else if (result == A6_OK && text.data)
        result = new_body(res, a6_str_make(text.data, text.len));
    free(text.data);
    return result;
}

static a6_result change_body(a6_response *res, const struct conf *conf)
{
    if (conf->filter_count > 0)
        return filter_body(res, conf);
    if (conf->body.len == 0)
        return A6_OK;
    /* It is not a part of anything. */
    if (a6_response_status(res) == 206 && a6_response_set_status(res, 200) < 0)
        return a6_error(&res->call, "the status cannot be set");
    return new_body(res, conf->body);
}

static a6_result response_filter(a6_response *res, void *data)
{
    struct conf *conf = data;

    if (change_body(res, conf) != A6_OK)
        return A6_ERROR;
    if (conf->status && a6_response_set_status(res, (unsigned)conf->status) < 0)
        return a6_error(&res->call, "the status cannot be set");
    if (a6_response_set_header(res, A6_STR("X-Resp-A6-Runner"), A6_STR("C")) < 0 ||
        set_headers(res, conf->headers) != A6_OK)
        return A6_ERROR;
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "response-rewrite",
    .version = "1.0.0",
    .summary =
        "changes the response's status, headers and body, parts of it by regular expressions",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free_conf,
    .response_filter = response_filter,
};
A6_REGISTER(plugin)
