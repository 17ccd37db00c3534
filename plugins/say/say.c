/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with the conf's body: {"body": "hello"}. Without a body the request goes on. */
#include <a6/json.h>
#include <a6/plugin.h>
#include <stdlib.h>

struct conf {
    json_t *root; /* owns the text of body */
    a6_str body;
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
    if (!conf->root || a6_json_only(env, conf->root, "body", NULL) < 0 ||
        a6_json_get(env, conf->root, "body", "s%", &conf->body.data, &conf->body.len) < 0) {
        free_conf(conf);
        return -EINVAL;
    }
    *out = conf;
    return 0;
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;

    if (conf->body.len == 0)
        return A6_OK;
    if (a6_answer(req, 200) < 0 ||
        a6_answer_header(req, A6_STR("X-Resp-A6-Runner"), A6_STR("C")) < 0 ||
        a6_answer_write(req, conf->body) < 0)
        return a6_error(&req->call, "the body does not fit an answer");
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "say",
    .version = "1.0.0",
    .summary = "answers with the body of its conf, and goes on when there is none",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free_conf,
    .request_filter = request_filter,
};
A6_REGISTER(plugin)
