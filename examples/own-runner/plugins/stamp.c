/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the conf's text, as it is, into the header X-Stamp: on the way to the upstream, and
 * on the way back. */
#include <stdlib.h>

#include <a6/plugin.h>

struct conf {
    size_t len;
    char text[];
};

static int parse_conf(a6_env *env, a6_str text, void **out)
{
    struct conf *conf;

    if (text.len == 0 || text.len > 100)
        return a6_env_error(env, "the stamp must have 1 to 100 bytes, it has %zu", text.len);
    conf = malloc(sizeof(*conf) + text.len);
    if (!conf)
        return -ENOMEM;
    conf->len = text.len;
    memcpy(conf->text, text.data, text.len);
    *out = conf;
    return 0;
}

static a6_result request_filter(a6_request *req, void *data)
{
    const struct conf *conf = data;

    if (a6_request_set_header(req, A6_STR("X-Stamp"), a6_str_make(conf->text, conf->len)) < 0)
        return a6_error(&req->call, "the stamp is not fit for a header");
    return A6_OK;
}

static a6_result response_filter(a6_response *res, void *data)
{
    const struct conf *conf = data;

    if (a6_response_set_header(res, A6_STR("X-Stamp"), a6_str_make(conf->text, conf->len)) < 0)
        return a6_error(&res->call, "the stamp is not fit for a header");
    return A6_OK;
}

static const a6_plugin stamp = {
    A6_PLUGIN_HEADER,
    .name = "stamp",
    .version = "1.0.0",
    .summary = "marks requests and responses",
    .flags = A6_NONBLOCKING,
    .parse_conf = parse_conf,
    .free_conf = free,
    .request_filter = request_filter,
    .response_filter = response_filter,
};
A6_REGISTER(stamp)
