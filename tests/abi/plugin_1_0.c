/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin as somebody built it with the header of ABI 1.0, which is kept in tests/abi.
 * It uses every part of the ABI, so that it notices when one moves.
 */
#include <a6/plugin.h>

static int made;

static int start(a6_env *env, void **state)
{
    a6_cell *cell;

    *state = &made;
    a6_env_log(env, A6_LOG_DEBUG, "started");
    return a6_env_cell(env, A6_STR("calls"), &cell);
}

static void stop(void *state)
{
    (void)state;
}

static int parse(a6_env *env, a6_str text, void **conf)
{
    if (text.len > 0 && text.data[0] == '!')
        return a6_env_error(env, "a conf may not begin with '!'");
    if (text.len > 0 && text.data[0] == '$')
        a6_env_need_var(env, A6_STR("remote_addr"));
    *conf = a6_env_state(env);
    return 0;
}

static void forget(void *conf)
{
    (void)conf;
}

static a6_result request(a6_request *req, void *conf)
{
    a6_str address;
    a6_pair header;
    size_t index = 0;
    int result;

    if (conf != a6_state(&req->call))
        return a6_error(&req->call, "the conf is not what parse_conf made");
    result = a6_var(&req->call, A6_STR("remote_addr"), &address);
    if (result < 0)
        return a6_error(&req->call, "remote_addr: %d", result);
    a6_request_set_arg(req, A6_STR("abi"), A6_STR("1.0"));
    a6_request_set_header(req, A6_STR("X-Abi"), A6_STR("1.0"));
    if (a6_request_find_header(req, A6_STR("x-stop"), &index) == 0 &&
        a6_request_header_at(req, index, &header) == 0) {
        a6_answer(req, 200);
        a6_answer_header(req, A6_STR("X-Abi"), A6_STR("1.0"));
        a6_answer_write(req, header.value);
    }
    return A6_OK;
}

static a6_result response(a6_response *res, void *conf)
{
    (void)conf;
    if (a6_response_status(res) == 200)
        a6_response_set_header(res, A6_STR("X-Abi"), A6_STR("1.0"));
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "abi-1.0",
    .version = "1.0.0",
    .summary = "built with the header of ABI 1.0",
    .init = start,
    .shutdown = stop,
    .parse_conf = parse,
    .free_conf = forget,
    .request_filter = request,
    .response_filter = response,
};
A6_REGISTER(plugin)
