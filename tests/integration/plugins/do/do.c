/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scripted runner did when the golden frames were recorded, as far as a
 * plugin can do it: the conf says in JSON what to answer, rewrite or ask.
 *
 *     {"stop": {"status": 403, "headers": [["X-A", "1"]], "body": "no"}}
 *     {"rewrite": {"path": "/new", "headers": [["X-A", null]], "args": [], "body": ""}}
 *     {"resp": {"status": 203, "headers": [], "body": "new"}}
 *     {"vars": ["host"], "req_body": true, "resp_body": true, "err": 1}
 *
 * A change that is refused goes to the log and no further. Any conf that is not an
 * object is taken as an empty one.
 */
#include <jansson.h>

#include <a6/plugin.h>

static a6_str text_of(const json_t *value)
{
    return a6_str_make(json_string_value(value), json_string_length(value));
}

static void note(a6_call *call, const char *what, a6_str value, int rc)
{
    if (rc < 0)
        a6_log(call, A6_LOG_WARN, "refused: %s %.*s: %s", what, (int)value.len,
               value.data ? value.data : "", strerror(-rc));
}

/* True for the first pair of its name, which sets; the others of the name add. */
static int is_first(const json_t *pairs, size_t index)
{
    const char *name = json_string_value(json_array_get(json_array_get(pairs, index), 0));
    size_t i;

    for (i = 0; i < index; i++) {
        const json_t *other = json_array_get(json_array_get(pairs, i), 0);

        if (strcasecmp(json_string_value(other), name) == 0)
            return 0;
    }
    return 1;
}

typedef int (*change)(void *message, a6_str name, a6_str value);
typedef int (*deletion)(void *message, a6_str name);

static int set_header(void *req, a6_str name, a6_str value)
{
    return a6_request_set_header(req, name, value);
}

static int add_header(void *req, a6_str name, a6_str value)
{
    return a6_request_add_header(req, name, value);
}

static int delete_header(void *req, a6_str name)
{
    return a6_request_delete_header(req, name);
}

static int set_arg(void *req, a6_str name, a6_str value)
{
    return a6_request_set_arg(req, name, value);
}

static int add_arg(void *req, a6_str name, a6_str value)
{
    return a6_request_add_arg(req, name, value);
}

static int delete_arg(void *req, a6_str name)
{
    return a6_request_delete_arg(req, name);
}

static int add_response_header(void *req, a6_str name, a6_str value)
{
    return a6_request_add_response_header(req, name, value);
}

static int answer_header(void *req, a6_str name, a6_str value)
{
    return a6_answer_header(req, name, value);
}

static int set_response_header(void *res, a6_str name, a6_str value)
{
    return a6_response_set_header(res, name, value);
}

static int add_of_response(void *res, a6_str name, a6_str value)
{
    return a6_response_add_header(res, name, value);
}

static void apply(a6_call *call, const char *what, const json_t *pairs, change set, change add,
                  deletion remove)
{
    size_t i;

    for (i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        const json_t *value = json_array_get(pair, 1);
        a6_str name = text_of(json_array_get(pair, 0));

        if (json_is_null(value))
            note(call, what, name, remove(call, name));
        else
            note(call, what, name, (is_first(pairs, i) ? set : add)(call, name, text_of(value)));
    }
}

static void ask(a6_call *call, const json_t *conf)
{
    const json_t *vars = json_object_get(conf, "vars");
    a6_str value;
    size_t i;

    for (i = 0; i < json_array_size(vars); i++) {
        a6_str name = text_of(json_array_get(vars, i));

        note(call, "var", name, a6_var(call, name, &value));
        a6_log(call, A6_LOG_INFO, "var %s is %.*s", name.data, (int)value.len,
               value.data ? value.data : "(absent)");
    }
    if (json_is_true(json_object_get(conf, "req_body"))) {
        note(call, "req_body", A6_STR(""), a6_request_body(call, &value));
        a6_log(call, A6_LOG_INFO, "the request's body has %zu bytes", value.len);
    }
}

static a6_result on_request(a6_request *req, void *data)
{
    const json_t *conf = data, *stop = json_object_get(conf, "stop");
    const json_t *rewrite = json_object_get(conf, "rewrite"), *value;
    a6_call *call = &req->call;

    ask(call, conf);
    if (json_object_get(conf, "err"))
        return a6_error(call, "the conf says so");
    if (stop) {
        value = json_object_get(stop, "status");
        note(call, "status", A6_STR(""),
             a6_answer(req, value ? (unsigned)json_integer_value(value) : 200));
        apply(call, "header", json_object_get(stop, "headers"), answer_header, answer_header, NULL);
        value = json_object_get(stop, "body");
        if (value)
            note(call, "body", A6_STR(""), a6_answer_write(req, text_of(value)));
    }
    if (rewrite) {
        value = json_object_get(rewrite, "path");
        if (value)
            note(call, "path", text_of(value), a6_request_set_path(req, text_of(value)));
        value = json_object_get(rewrite, "body");
        if (value)
            note(call, "body", text_of(value), a6_request_set_body(req, text_of(value)));
        apply(call, "header", json_object_get(rewrite, "headers"), set_header, add_header,
              delete_header);
        apply(call, "arg", json_object_get(rewrite, "args"), set_arg, add_arg, delete_arg);
        apply(call, "response header", json_object_get(rewrite, "resp_headers"),
              add_response_header, add_response_header, NULL);
    }
    return A6_OK;
}

static a6_result on_response(a6_response *res, void *data)
{
    const json_t *conf = data, *resp = json_object_get(conf, "resp"), *value;
    a6_call *call = &res->call;
    a6_str body = {NULL, 0};

    ask(call, conf);
    if (json_is_true(json_object_get(conf, "resp_body"))) {
        note(call, "resp_body", A6_STR(""), a6_response_body(res, &body));
        a6_log(call, A6_LOG_INFO, "the response's body has %zu bytes", body.len);
    }
    value = json_object_get(resp, "status");
    if (value)
        note(call, "status", A6_STR(""),
             a6_response_set_status(res, (unsigned)json_integer_value(value)));
    apply(call, "header", json_object_get(resp, "headers"), set_response_header, add_of_response,
          NULL);
    value = json_object_get(resp, "body");
    if (value)
        note(call, "body", text_of(value), a6_response_set_body(res, text_of(value)));
    return A6_OK;
}

static int parse_conf(a6_env *env, a6_str text, void **conf)
{
    (void)env;
    *conf = json_loadb(text.data ? text.data : "", text.len, JSON_ALLOW_NUL, NULL);
    if (!*conf)
        *conf = json_object();
    return *conf ? 0 : -ENOMEM;
}

static void free_conf(void *conf)
{
    json_decref(conf);
}

#define LIKE_DO(identifier, text)                                                                  \
    static const a6_plugin identifier = {A6_PLUGIN_HEADER,                                         \
                                         .name = text,                                             \
                                         .parse_conf = parse_conf,                                 \
                                         .free_conf = free_conf,                                   \
                                         .request_filter = on_request,                             \
                                         .response_filter = on_response};                          \
    A6_REGISTER(identifier)

/* The names that the recorded routes use. */
LIKE_DO(plain, "do")
LIKE_DO(conf_test, "conf")
LIKE_DO(name_a, "a")
LIKE_DO(name_b, "b")
