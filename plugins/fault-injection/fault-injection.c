/* SPDX-License-Identifier: Apache-2.0 */
/* Answers a share of the requests with a status and a body, to see how clients take it. */
#include <stdlib.h>
#include <time.h>

#include <a6/json.h>
#include <a6/plugin.h>

struct conf {
    json_t *root; /* owns the text of body */
    int status;
    a6_str body;
    double percentage;
};

static void free_conf(void *data)
{
    struct conf *conf = data;

    json_decref(conf->root);
    free(conf);
}

static int read_conf(a6_env *env, a6_str text, struct conf *conf)
{
    json_t *root = conf->root = a6_json_load(env, text);

    if (!root || a6_json_only(env, root, "http_status", "body", "percentage", NULL) < 0 ||
        a6_json_need(env, root, "http_status", "i", &conf->status) < 0 ||
        a6_json_get(env, root, "body", "s%", &conf->body.data, &conf->body.len) < 0 ||
        a6_json_get(env, root, "percentage", "F", &conf->percentage) < 0)
        return -EINVAL;
    if (conf->status < 200 || conf->status > 599)
        return a6_env_error(env, "\"http_status\" is %d; it must be 200 to 599", conf->status);
    if (!(conf->percentage >= 0 && conf->percentage <= 100))
        return a6_env_error(env, "\"percentage\" is %g; it must be 0 to 100", conf->percentage);
    return 0;
}

static int parse_conf(a6_env *env, a6_str text, void **out)
{
    struct conf *conf = calloc(1, sizeof(*conf));

    if (!conf)
        return -ENOMEM;
    conf->percentage = 100;
    if (read_conf(env, text, conf) < 0) {
        free_conf(conf);
        return -EINVAL;
    }
    *out = conf;
    return 0;
}

/* At least 0 and below 100. Each thread has its own sequence (xorshift), so none waits. */
static double roll(void)
{
    static _Thread_local uint64_t state;

    if (state == 0) {
        struct timespec now;

        (void)timespec_get(&now, TIME_UTC);
        state = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uintptr_t)&state) | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 100 / (double)(UINT64_C(1) << 53);
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;

    if (roll() >= conf->percentage)
        return A6_OK;
    if (a6_answer(req, (unsigned)conf->status) < 0 ||
        (conf->body.len > 0 && a6_answer_write(req, conf->body) < 0))
        return a6_error(&req->call, "the body does not fit an answer");
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "fault-injection",
    .version = "1.0.0",
    .summary = "answers a share of the requests with a status of your choice",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free_conf,
    .request_filter = request_filter,
};
A6_REGISTER(plugin)
