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

#include <a6/json.h>
#include <a6/plugin.h>

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

/* {"name": "value"} */
static int check_pairs(a6_env *env, json_t *pairs, const char *where)
{
    const char *name;
    json_t *value;

    if (pairs && !json_is_object(pairs))
        return a6_env_error(env, "\"%s\" must be an object of names and values", where);
    json_object_foreach(pairs, name, value)
    {
        if (*name == '\0')
            return a6_env_error(env, "\"%s\" has an empty name", where);
        if (!json_is_string(value))
            return a6_env_error(env, "\"%s\": the value of \"%s\" must be a string", where, name);
    }
    return 0;
}

static int check_names(a6_env *env, json_t *names, const char *where)
{
    json_t *name;
    size_t i;

    if (names && !json_is_array(names))
        return a6_env_error(env, "\"%s\" must be a list of names", where);
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name) || json_string_length(name) == 0)
            return a6_env_error(env, "\"%s\": item %zu must be a name", where, i);
    }
    return 0;
}

static int read_changes(a6_env *env, json_t *root, const char *key, struct changes *changes)
{
    json_t *from = json_object_get(root, key);
    char where[64];

    if (!from)
        return 0;
    if (!json_is_object(from))
        return a6_env_error(env, "\"%s\" must be an object with delete, set and add", key);
    if (a6_json_only(env, from, "delete", "set", "add", NULL) < 0)
        return -EINVAL;
    changes->drop = json_object_get(from, "delete");
    changes->set = json_object_get(from, "set");
    changes->add = json_object_get(from, "add");
    (void)snprintf(where, sizeof(where), "%s.delete", key);
    if (check_names(env, changes->drop, where) < 0)
        return -EINVAL;
    (void)snprintf(where, sizeof(where), "%s.set", key);
    if (check_pairs(env, changes->set, where) < 0)
        return -EINVAL;
    (void)snprintf(where, sizeof(where), "%s.add", key);
    return check_pairs(env, changes->add, where);
}

static int read_conf(a6_env *env, a6_str text, struct conf *conf)
{
    json_t *root = conf->root = a6_json_load(env, text);

    if (!root ||
        a6_json_only(env, root, "path", "args", "headers", "response_headers", "body", NULL) < 0 ||
        a6_json_get(env, root, "path", "s%", &conf->path.data, &conf->path.len) < 0 ||
        a6_json_get(env, root, "body", "s%", &conf->body.data, &conf->body.len) < 0 ||
        read_changes(env, root, "args", &conf->args) < 0 ||
        read_changes(env, root, "headers", &conf->headers) < 0)
        return -EINVAL;
    if (conf->path.data && (conf->path.len == 0 || conf->path.data[0] != '/'))
        return a6_env_error(env, "\"path\" must begin with \"/\"");
    conf->response_headers = json_object_get(root, "response_headers");
    return check_pairs(env, conf->response_headers, "response_headers");
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

static int change_pairs(a6_request *req, json_t *pairs, change_function *change)
{
    const char *name;
    json_t *value;

    json_object_foreach(pairs, name, value)
    {
        int error = change(req, a6_str_from(name), str_of(value));

        if (error) {
            (void)a6_error(&req->call, "\"%s\" cannot be changed: %s", name, strerror(-error));
            return error;
        }
    }
    return 0;
}

static int change_all(a6_request *req, const struct changes *changes, delete_function *drop,
                      change_function *set, change_function *add)
{
    json_t *name;
    size_t i;

    json_array_foreach(changes->drop, i, name)
    {
        int error = drop(req, str_of(name));

        if (error)
            return error;
    }
    if (change_pairs(req, changes->set, set) < 0)
        return -EINVAL;
    return change_pairs(req, changes->add, add);
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;

    if (conf->path.data && a6_request_set_path(req, conf->path) < 0)
        return a6_error(&req->call, "the path cannot be set");
    if (change_all(req, &conf->args, a6_request_delete_arg, a6_request_set_arg,
                   a6_request_add_arg) < 0 ||
        change_all(req, &conf->headers, a6_request_delete_header, a6_request_set_header,
                   a6_request_add_header) < 0 ||
        change_pairs(req, conf->response_headers, a6_request_add_response_header) < 0)
        return A6_ERROR; /* the reason has been told */
    if (conf->body.len > 0 && a6_request_set_body(req, conf->body) < 0)
        return a6_error(&req->call, "the body cannot be set");
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
