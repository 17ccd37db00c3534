/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the upstream another body: {"new_body": "..."}. An empty one changes nothing. */
#include <stdlib.h>

#include <a6/json.h>
#include <a6/plugin.h>

struct conf {
    json_t *root; /* owns the text of new_body */
    a6_str new_body;
};

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
    conf->root = a6_json_load(env, text);
    if (!conf->root || a6_json_only(env, conf->root, "new_body", NULL) < 0 ||
        a6_json_get(env, conf->root, "new_body", "s%", &conf->new_body.data, &conf->new_body.len) <
            0) {
        free_conf(conf);
        return -EINVAL;
    }
    *out = conf;
    return 0;
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;

    if (conf->new_body.len == 0)
        return A6_OK;
    if (a6_request_set_body(req, conf->new_body) < 0)
        return a6_error(&req->call, "the new body cannot be set");
    /* The upstream would decompress what is not compressed. */
    if (a6_request_header(req, "content-encoding").data &&
        a6_request_delete_header(req, A6_STR("content-encoding")) < 0)
        return a6_error(&req->call, "the header content-encoding cannot be removed");
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "request-body-rewrite",
    .version = "1.0.0",
    .summary = "replaces the body that the upstream gets by the one of its conf",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free_conf,
    .request_filter = request_filter,
};
A6_REGISTER(plugin)
