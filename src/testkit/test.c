/* SPDX-License-Identifier: Apache-2.0 */
#include "testkit/test.h"

#include <stdlib.h>

#include "testkit/kit.h"
#include "wire/frame.h"

#define OUTCOME_MEMORY_MAX ((size_t)64 << 20)

static void broken(a6_test *test, const char *what, const char *why)
{
    if (!test->broken)
        fprintf(stderr, "a6 test: %s: %s\n", what, why);
    test->broken = true;
}

/* NULL when memory is out. */
static char *keep(a6_test *test, const char *data, size_t len)
{
    char *copy = len > FRAME_PAYLOAD_MAX ? NULL : arena_copy(&test->http.arena, data, len);

    if (!copy)
        broken(test, "no memory to keep", len < 40 ? data : "a long text");
    return copy;
}

static struct wire_str keep_str(a6_test *test, const char *data, size_t len)
{
    return (struct wire_str){.data = keep(test, data, len), .len = (uint32_t)len};
}

/* Whether the message may still be changed. */
static bool open_for(a6_test *test, const char *function)
{
    if (test && test->finished)
        broken(test, function, "the message cannot be changed after a6_test_run");
    return test && !test->broken;
}

/* ---- the message ---- */

static a6_test *make(int option, const char *line)
{
    a6_test *test = calloc(1, sizeof(*test));
    const char *copy;

    if (!test)
        return NULL;
    arena_init(&test->arena, OUTCOME_MEMORY_MAX);
    if (http_args_init(&test->http) < 0 || stage_init(&test->stage, &test->http.answers) < 0) {
        broken(test, line, "no memory");
        return test;
    }
    copy = keep(test, line, strlen(line));
    if (copy && http_args_take(&test->http, option, copy) < 0)
        broken(test, line, test->http.error);
    return test;
}

a6_test *a6_test_request(const char *line)
{
    return make(HTTP_ARGS_REQUEST, line);
}

a6_test *a6_test_response(const char *line)
{
    return make(HTTP_ARGS_RESPONSE, line);
}

void a6_test_free(a6_test *test)
{
    if (!test)
        return;
    if (test->chain)
        chain_drop(test->chain);
    stage_free(&test->stage);
    http_args_free(&test->http);
    arena_free(&test->arena);
    free(test->log);
    free(test);
}

void a6_test_header(a6_test *test, const char *name, const char *value)
{
    struct http_args *http;
    uint32_t *count;

    if (!open_for(test, "a6_test_header"))
        return;
    http = &test->http;
    count = http->has_response ? &http->response_header_count : &http->header_count;
    if (*count == HTTP_ARGS_PAIRS_MAX) {
        broken(test, name, "too many headers");
        return;
    }
    (http->has_response ? http->response_headers : http->headers)[(*count)++] = (struct wire_pair){
        keep_str(test, name, strlen(name)), keep_str(test, value, strlen(value))};
}

void a6_test_body(a6_test *test, a6_str body)
{
    if (!open_for(test, "a6_test_body"))
        return;
    if (test->http.has_response)
        test->http.response.body = keep_str(test, body.data, body.len);
    else
        test->http.request.body = keep_str(test, body.data, body.len);
}

void a6_test_request_body(a6_test *test, a6_str body)
{
    if (open_for(test, "a6_test_request_body"))
        test->http.request.body = keep_str(test, body.data, body.len);
}

void a6_test_var(a6_test *test, const char *name, const char *value)
{
    if (!open_for(test, "a6_test_var"))
        return;
    if (test->http.variable_count == HTTP_ARGS_PAIRS_MAX) {
        broken(test, name, "too many variables");
        return;
    }
    test->http.variables[test->http.variable_count++] = (struct wire_pair){
        keep_str(test, name, strlen(name)), keep_str(test, value, strlen(value))};
}

void a6_test_source(a6_test *test, const char *address)
{
    if (open_for(test, "a6_test_source") && http_args_take(&test->http, HTTP_ARGS_SRC, address) < 0)
        broken(test, "a6_test_source", test->http.error);
}

/* ---- failures to order ---- */

void a6_test_gateway_gone(a6_test *test, unsigned answers)
{
    if (test)
        test->stage.gone_after = answers;
}

void a6_test_memory(a6_test *test, size_t bytes)
{
    if (test)
        test->stage.limits.max_memory = bytes;
}

void a6_test_max_body(a6_test *test, size_t bytes)
{
    if (test)
        test->stage.limits.max_body = bytes;
}

void a6_test_deadline(a6_test *test, uint32_t ms)
{
    if (test)
        test->stage.limits.deadline_ms = ms;
}

/* ---- plugins ---- */

int a6_test_add(const a6_plugin *plugin)
{
    return kit_add(plugin);
}

int a6_test_load(const char *file)
{
    return kit_load(file);
}

void a6_test_restart(void)
{
    kit_stop();
}

void a6_test_use(a6_test *test, const char *plugin, const char *conf)
{
    const struct kit *kit = kit_get();

    if (!open_for(test, "a6_test_use"))
        return;
    if (!kit || !registry_find(&kit->registry, plugin, strlen(plugin)))
        broken(test, plugin, "there is no plugin of this name in the program");
    else if (test->conf_count == TEST_PLUGINS_MAX)
        broken(test, plugin, "too many plugins");
    else
        test->confs[test->conf_count++] = (struct chain_conf){
            .name = keep_str(test, plugin, strlen(plugin)),
            .value = conf ? keep_str(test, conf, strlen(conf)) : (struct wire_str){0}};
}

void a6_test_use_plugin(a6_test *test, const a6_plugin *plugin, const char *conf)
{
    const struct kit *kit = kit_get();

    if (kit && !registry_find(&kit->registry, plugin->name, strlen(plugin->name)) &&
        kit_add(plugin) < 0 && test)
        broken(test, plugin->name, "the plugin cannot be added");
    a6_test_use(test, plugin->name, conf);
}

/* ---- running ---- */

/* Once: the message as the gateway sends it. */
static void finish_message(a6_test *test)
{
    if (test->finished || test->broken)
        return;
    test->finished = true;
    if (http_args_finish(&test->http) < 0)
        broken(test, "the message", test->http.error);
}

/* Makes the chain of plugins, unless an earlier run did. -ENOMEM: it is to be tried
 * again, as the runner does with the next call. */
static int make_chain(a6_test *test)
{
    static const struct wire_str key = {.data = "test#1", .len = 6};
    const struct kit *kit = kit_get();
    struct chain_options options;

    if (test->chain)
        return 0;
    if (!kit) {
        broken(test, "the plugins", "they cannot be started");
        return 0;
    }
    options = (struct chain_options){.registry = &kit->registry, .cells = kit->cells};
    return chain_parse(&options, 1, key, test->confs, test->conf_count, &test->chain);
}

static a6_test_result play(a6_test *test)
{
    int status =
        stage_http_play(&test->stage, test->chain, &test->http, &test->arena, &test->outcome);

    if (status == STAGE_LOST)
        return A6_TEST_LOST;
    if (status == STAGE_ERROR)
        return test->chain->refused ? A6_TEST_REFUSED : A6_TEST_FAILED;
    if (status < 0) {
        broken(test, "the call", stage_why(status));
        return A6_TEST_BROKEN;
    }
    if (test->outcome.stopped)
        return A6_TEST_ANSWERED;
    return a6_test_changes(test) > 0 ? A6_TEST_CHANGED : A6_TEST_UNCHANGED;
}

static void keep_log(a6_test *test)
{
    free(test->log);
    test->log = strdup(kit_log());
}

a6_test_result a6_test_run(a6_test *test)
{
    a6_test_result result = A6_TEST_BROKEN;

    if (!test)
        return A6_TEST_BROKEN;
    kit_log_clear();
    arena_reset(&test->arena);
    test->outcome = (struct apply_outcome){0};
    finish_message(test);
    if (!test->broken && make_chain(test) < 0) {
        result = A6_TEST_REFUSED;
    } else if (!test->broken) {
        for (size_t i = 0; i < CHAIN_COMPLAINTS; i++) /* each run tells its complaints anew */
            test->chain->complaints[i] = 0;
        result = play(test);
    }
    keep_log(test);
    return result;
}
