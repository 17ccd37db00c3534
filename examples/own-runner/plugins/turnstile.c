/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the calls of all workers together, and says the count in the header X-Count of
 * the final response. Needs no conf. */
#include <a6/plugin.h>

static int init(a6_env *env, void **state)
{
    a6_cell *count;
    int error = a6_env_cell(env, A6_STR("count"), &count);

    if (error)
        return a6_env_error(env, "no room for the counter in the shared memory");
    *state = count;
    return 0;
}

static a6_result request_filter(a6_request *req, void *conf)
{
    a6_cell *count = a6_state(&req->call);
    a6_str text = a6_format(&req->call, "%lld", (long long)a6_cell_add(count, 0, 1));

    (void)conf;
    if (!text.data || a6_request_add_response_header(req, A6_STR("X-Count"), text) < 0)
        return a6_error(&req->call, "no memory for the count");
    return A6_OK;
}

static const a6_plugin turnstile = {
    A6_PLUGIN_HEADER,
    .name = "turnstile",
    .version = "1.0.0",
    .summary = "counts calls",
    .flags = A6_NONBLOCKING,
    .init = init,
    .request_filter = request_filter,
};
A6_REGISTER(turnstile)
