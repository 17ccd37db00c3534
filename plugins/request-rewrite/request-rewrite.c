/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every change of a request that the SDK has, straight from the conf:
 *
 *     {"path": "/new",
 *      "args":    {"delete": ["a"], "set": {"b": "1"}, "add": {"c": "2"}},
 *      "headers": {"delete": ["x"], "set": {"host": "other"}, "add": {"via": "me"}},
 *      "response_headers": {"X-Seen": "yes"},
 *      "body": "..."}
 */
#include <stdlib.h>
#include <strings.h>

#include <a6/json.h>
#include <a6/plugin.h>

typedef int read_function(a6_env *env, json_t *object, const char *place, const char *key,
                          json_t **pairs);
typedef int change_function(a6_request *req, a6_str name, a6_str value);
typedef int delete_function(a6_request *req, a6_str name);

struct changes {
    json_t *drop;
    json_t *set;
    json_t *add;
};

struct conf {
    json_t *root; /* owns all that follows */
    a6_str path;
    a6_str body;
    struct changes args;
    struct changes headers;
    json_t *response_headers;
};

/* ---- the conf ---- */

/* {"name": "value"}; the counterpart for headers is a6_json_headers. */
static int read_args(a6_env *env, json_t *object, const char *place, const char *key,
                     json_t **pairs)
{
    const char *name;
    json_t *value;

    *pairs = json_object_get(object, key);
    if (*pairs && !json_is_object(*pairs))
        return a6_env_error(env, "\"%s.%s\" must be an object of names and values", place, key);
    json_object_foreach(*pairs, name, value)
    {
        if (*name == '\0')
            return a6_env_error(env, "\"%s.%s\" has an empty name", place, key);
        if (!json_is_string(value))
            return a6_env_error(env, "\"%s.%s.%s\" must be a string", place, key, name);
    }
    return 0;
}

/* A gateway believes a wrong length, and the upstream takes the rest of the body, or what
 * comes behind it, for another request. */
static int check_framing(a6_env *env, const char *place, const char *name)
{
    if (strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0)
        return a6_env_error(env, "\"%s\" has %s, which goes with the body; use \"body\"", place,
                            name);
    return 0;
}

static int read_headers(a6_env *env, json_t *object, const char *place, const char *key,
                        json_t **pairs)
{
    const char *name;
    json_t *value;

    if (a6_json_headers(env, object, place, key, pairs) < 0)
        return -EINVAL;
    json_object_foreach(*pairs, name, value)
    {
        if (check_framing(env, place, name) < 0)
            return -EINVAL;
    }
    return 0;
}

static int check_names(a6_env *env, json_t *names, const char *place, int headers)
{
    json_t *name;
    size_t i;

    if (names && !json_is_array(names))
        return a6_env_error(env, "\"%s.delete\" must be a list of names", place);
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name) || json_string_length(name) == 0)
            return a6_env_error(env, "\"%s.delete[%zu]\" must be a name", place, i);
        if (headers && !a6_json_is_header_name(json_string_value(name)))
            return a6_env_error(env, "\"%s.delete[%zu]\" is no name for a header", place, i);
        if (headers && check_framing(env, place, json_string_value(name)) < 0)
            return -EINVAL;
    }
    return 0;
}

static int read_changes(a6_env *env, json_t *root, const char *key, read_function *read_pairs,
                        struct changes *changes)
{
    json_t *from = json_object_get(root, key);

    if (!from)
        return 0;
    if (!json_is_object(from))
        return a6_env_error(env, "\"%s\" must be an object with delete, set and add", key);
    changes->drop = json_object_get(from, "delete");
    if (a6_json_only_in(env, from, key, "delete", "set", "add", NULL) < 0 ||
        check_names(env, changes->drop, key, read_pairs == read_headers) < 0 ||
        read_pairs(env, from, key, "set", &changes->set) < 0 ||
        read_pairs(env, from, key, "add", &changes->add) < 0)
        return -EINVAL;
    return 0;
}

static int read_conf(a6_env *env, a6_str text, struct conf *conf)
{
    json_t *root = conf->root = a6_json_load(env, text);

    if (!root ||
        a6_json_only(env, root, "path", "args", "headers", "response_headers", "body", NULL) < 0 ||
        a6_json_get(env, root, "path", "s%", &conf->path.data, &conf->path.len) < 0 ||
        a6_json_get(env, root, "body", "s%", &conf->body.data, &conf->body.len) < 0 ||
        read_changes(env, root, "args", read_args, &conf->args) < 0 ||
        read_changes(env, root, "headers", read_headers, &conf->headers) < 0 ||
        a6_json_headers(env, root, NULL, "response_headers", &conf->response_headers) < 0)
        return -EINVAL;
    if (conf->path.data && conf->path.data[0] != '/')
        return a6_env_error(env, "\"path\" is \"%s\"; it must begin with /", conf->path.data);
    return 0;
}

static void free_conf(void *data)
{
    struct conf *conf = data;

    json_decref(conf->root);
    free(conf);
}

static int parse_conf(a6_env *env, a6_str text, void **out)
{
    struct conf *conf = calloc(1, sizeof(*conf));

    if (!conf)
        return -ENOMEM;
    if (read_conf(env, text, conf) < 0) {
        free_conf(conf);
        return -EINVAL;
    }
    *out = conf;
    return 0;
}

/* ---- the filter ---- */

static a6_str str_of(const json_t *string)
{
    return a6_str_make(json_string_value(string), json_string_length(string));
}

/* Gives the error back, after a6_error. */
static int told(a6_request *req, const char *name, int error)
{
    if (error)
        (void)a6_error(&req->call, "\"%s\" cannot be changed: %s", name, strerror(-error));
    return error;
}

static int change_pairs(a6_request *req, json_t *pairs, change_function *change)
{
    const char *name;
    json_t *value;
    int error = 0;

    json_object_foreach(pairs, name, value)
    {
        error = told(req, name, change(req, a6_str_from(name), str_of(value)));
        if (error)
            break;
    }
    return error;
}

static int change_all(a6_request *req, const struct changes *changes, delete_function *drop,
                      change_function *set, change_function *add)
{
    json_t *name;
    size_t i;
    int error = 0;

    json_array_foreach(changes->drop, i, name)
    {
        error = told(req, json_string_value(name), drop(req, str_of(name)));
        if (error)
            return error;
    }
    error = change_pairs(req, changes->set, set);
    return error ? error : change_pairs(req, changes->add, add);
}

/* The upstream would decompress what is not compressed. A conf that brings its body in
 * another encoding sets the header after this. */
static int set_body(a6_request *req, a6_str body)
{
    a6_str encoding = A6_STR("content-encoding");
    int error = told(req, "body", a6_request_set_body(req, body));

    if (error || !a6_request_header(req, encoding.data).data)
        return error;
    return told(req, encoding.data, a6_request_delete_header(req, encoding));
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;

    if (conf->body.len > 0 && set_body(req, conf->body) < 0)
        return A6_ERROR; /* here and below: the reason has been told */
    if (conf->path.data && told(req, "path", a6_request_set_path(req, conf->path)) < 0)
        return A6_ERROR;
    if (change_all(req, &conf->args, a6_request_delete_arg, a6_request_set_arg,
                   a6_request_add_arg) < 0 ||
        change_all(req, &conf->headers, a6_request_delete_header, a6_request_set_header,
                   a6_request_add_header) < 0 ||
        change_pairs(req, conf->response_headers, a6_request_add_response_header) < 0)
        return A6_ERROR;
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "request-rewrite",
    .version = "1.0.0",
    .summary = "changes path, args, headers and body on the way to the upstream",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free_conf,
    .request_filter = request_filter,
};
A6_REGISTER(plugin)
