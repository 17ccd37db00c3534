/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leaky bucket for each conf: requests beyond `rate` a second wait their turn, and
 * those beyond `burst` waiting ones are refused with 503. The bucket is a cell, so all
 * threads and workers fill the same one, and a crash or a reload does not empty it.
 */
#include <stdlib.h>

#include <a6/json.h>
#include <a6/plugin.h>

struct conf {
    double rate; /* requests per second */
    double burst;
    a6_cell *bucket;
};

static int read_conf(a6_env *env, a6_str text, struct conf *conf)
{
    json_t *root = a6_json_load(env, text);
    int wrong = !root || a6_json_only(env, root, "rate", "burst", NULL) < 0 ||
                a6_json_need(env, root, "rate", "F", &conf->rate) < 0 ||
                a6_json_get(env, root, "burst", "F", &conf->burst) < 0;

    json_decref(root);
    if (wrong)
        return -EINVAL;
    if (!(conf->rate > 0))
        return a6_env_error(env, "\"rate\" is %g; it must be more than 0 requests per second",
                            conf->rate);
    if (!(conf->burst >= 0))
        return a6_env_error(env, "\"burst\" is %g; it must not be negative", conf->burst);
    return 0;
}

static int parse_conf(a6_env *env, a6_str text, void **out)
{
    struct conf *conf = calloc(1, sizeof(*conf));
    int error;

    if (!conf)
        return -ENOMEM;
    error = read_conf(env, text, conf);
    if (!error) {
        error = a6_env_cell(env, A6_STR("bucket"), &conf->bucket);
        if (error)
            (void)a6_env_error(env, "no room for one more bucket in the shared memory");
    }
    if (error) {
        free(conf);
        return error;
    }
    *out = conf;
    return 0;
}

/* Whoever cannot be let through before the call is given up does not get into the bucket:
 * a rate of one in ten minutes would otherwise be taken up by requests that nobody waits
 * for any more. A little less than can be reached, because waits are rounded up. */
static double room(const struct conf *conf, int64_t left_ms)
{
    double reachable = conf->rate * (double)(left_ms - 1) / 1000 - 0.001;

    return conf->burst < reachable ? conf->burst : reachable;
}

static a6_result request_filter(a6_request *req, void *data)
{
    struct conf *conf = data;
    int64_t left = a6_time_left(&req->call);
    int64_t wait = a6_cell_take(conf->bucket, conf->rate, room(conf, left));

    if (wait == 0)
        return A6_OK;
    if (wait < 0 || wait >= left) {
        a6_log(&req->call, A6_LOG_DEBUG, "refused: more than %g a second with a burst of %g",
               conf->rate, conf->burst);
        return a6_answer(req, 503) < 0 ? A6_ERROR : A6_OK;
    }
    return a6_delay(&req->call, (uint32_t)wait);
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "limit-req",
    .version = "1.0.0",
    .summary = "delays requests beyond a rate and refuses those beyond a burst",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free,
    .request_filter = request_filter,
};
A6_REGISTER(plugin)
