/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/admin_patch.h"
#include "dev/match.h"
#include "dev/model.h"
#include "support/fail_alloc.h"

static struct error error;

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (!value)
        fail_msg("%s", text);
    return value;
}

static struct model *read_model(const char *text)
{
    json_t *tree = parse(text);
    struct model *model = NULL;

    memset(&error, 0, sizeof(error));
    if (model_read(tree, &model, &error) < 0)
        fail_msg("%s", error.text);
    json_decref(tree);
    return model;
}

#define P "\"plugins\": {}"
#define NODES(port) "\"nodes\": {\"127.0.0.1:" port "\": 1}"
#define CHAIN(name) "{\"conf\": [{\"name\": \"" name "\", \"value\": \"\"}]}"

static const char whole[] =
    "{\"upstreams\": [{\"id\": 1, " NODES("1") "}, {\"id\": \"two\", " NODES(
        "2") "}],"
             " \"services\": [{\"id\": \"s\", \"upstream_id\": 1, \"hosts\": [\"s.example\"],"
             "   \"plugins\": {\"ext-plugin-pre-req\": " CHAIN(
                 "sp") ","
                       "                 \"ext-plugin-post-req\": " CHAIN(
                           "sq") "}}],"
                                 " \"routes\": [{\"uri\": \"/a\", \"service_id\": \"s\"},"
                                 "   {\"id\": 7, \"uri\": \"/b\", \"service_id\": \"s\", "
                                 "\"hosts\": [\"r.example\"],"
                                 "    \"upstream\": {" NODES(
                                     "3") "},"
                                          "    \"plugins\": {\"ext-plugin-pre-req\": " CHAIN(
                                              "rp") "}},"
                                                    "   {\"id\": \"c\", \"uri\": \"/c\", "
                                                    "\"upstream\": {" NODES(
                                                        "4") "},"
                                                             "    \"upstream_id\": \"two\"}]}";

static const char *plugin(const struct model_chain *chain)
{
    return json_string_value(json_object_get(json_array_get(chain->conf, 0), "name"));
}

static void joins_services_and_upstreams(void **state)
{
    struct model *model = read_model(whole);
    struct model_route *route = model->routes;

    (void)state;
    assert_int_equal(model->route_count, 3);
    assert_string_equal(route[0].id, "1");
    assert_int_equal(route[0].upstream->nodes[0].port, 1);
    assert_string_equal(route[0].hosts.items[0], "s.example");
    assert_string_equal(plugin(&route[0].chains[PHASE_PRE_REQ]), "sp");
    /* The route's own parts win, and the others stay the service's. */
    assert_string_equal(route[1].id, "7");
    assert_int_equal(route[1].upstream->nodes[0].port, 3);
    assert_string_equal(route[1].hosts.items[0], "r.example");
    assert_string_equal(plugin(&route[1].chains[PHASE_PRE_REQ]), "rp");
    assert_string_equal(plugin(&route[1].chains[PHASE_POST_REQ]), "sq");
    assert_null(route[1].chains[PHASE_POST_RESP].conf);
    /* Of both, the id wins. */
    assert_int_equal(route[2].upstream->nodes[0].port, 2);
    model_free(model);
}

static void survives_want_of_memory(void **state)
{
    json_t *tree = parse(whole);

    (void)state;
    for (long n = 0; n < 50; n++) {
        struct model *model = NULL;
        int result;

        fail_alloc_after(n);
        result = model_read(tree, &model, &error);
        fail_alloc_off();
        model_free(model);
        if (result == 0)
            break;
        assert_string_equal(error.text + strlen(error.text) - 13, "out of memory");
    }
    json_decref(tree);
}

/* The keys of the map, in their order, as "route-1,route-2". */
static void order_of(const char *routes, char *order, size_t size)
{
    struct model *model = read_model(routes);
    char *text = NULL, *at;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    assert_int_equal(match_write(file, model, &error), 0);
    fclose(file);
    *order = '\0';
    for (at = text; (at = strstr(at, " route-")); at++)
        snprintf(order + strlen(order), size - strlen(order), "%.*s,", (int)strcspn(at + 7, ";"),
                 at + 7);
    free(text);
    model_free(model);
}

static void keeps_the_order_of_apisix(void **state)
{
    char order[256];

    (void)state;
    order_of("{\"routes\": ["
             "{\"id\": \"low\", \"uri\": \"/a\", " P ", \"priority\": -1},"
             "{\"id\": \"short\", \"uri\": \"/a*\", " P ", \"priority\": 99},"
             "{\"id\": \"long\", \"uri\": \"/ab*\", " P "},"
             "{\"id\": \"wild\", \"uri\": \"/*\", " P ", \"host\": \"*.b.c\"},"
             "{\"id\": \"wilder\", \"uri\": \"/*\", " P ", \"host\": \"*.a.b.c\"},"
             "{\"id\": \"host\", \"uri\": \"/*\", " P ", \"host\": \"x.b.c\"},"
             "{\"id\": \"off\", \"uri\": \"/*\", " P ", \"status\": 0},"
             "{\"id\": \"high\", \"uri\": \"/a\", " P "},"
             "{\"id\": \"last\", \"uri\": \"/a\", " P "}]}",
             order, sizeof(order));
    assert_string_equal(order, "host,wilder,wild,high,last,low,long,short,");
}

static void refuses_what_nginx_has_no_room_for(void **state)
{
    json_t *tree = parse("{\"routes\": []}"), *list = json_object_get(tree, "routes");
    struct model *model = NULL;
    FILE *nowhere = fopen("/dev/null", "w");

    (void)state;
    for (int i = 0; i < 401; i++)
        json_array_append_new(
            list, parse("{\"uri\": \"/\", " P ", \"vars\": [[\"arg_a\", \"==\", \"1\"]]}"));
    assert_int_equal(model_read(tree, &model, &error), 0);
    assert_true(match_write(nowhere, model, &error) < 0);
    assert_non_null(strstr(error.text, "more than 400 conditions"));
    fclose(nowhere);
    model_free(model);
    json_decref(tree);
}

static void patches(void **state)
{
    static const char *const cases[][4] = {
        {"{\"a\": {\"b\": 1, \"c\": 2}}", "", "{\"a\": {\"b\": 3, \"c\": null}, \"d\": [1]}",
         "{\"a\": {\"b\": 3}, \"d\": [1]}"},
        {"{\"a\": [1, 2]}", "", "{\"a\": [3]}", "{\"a\": [3]}"},
        {"{\"a\": {\"b\": 1}}", "a", "{\"c\": 1}", "{\"a\": {\"c\": 1}}"},
        {"{\"a\": {\"b\": 1}}", "a/b", "null", "{\"a\": {}}"},
        {"{\"a\": [1, 2]}", "a/0", "5", "{\"a\": [5, 2]}"},
        {"{\"a\": [1, 2]}", "a/2", "5", "{\"a\": [1, 2, 5]}"},
        {"{\"a\": [1, 2]}", "a/1", "null", "{\"a\": [1]}"},
        {"{\"a\": [1, 2]}", "a/4", "5", NULL},
        {"{\"a\": [1, 2]}", "a/x", "5", NULL},
        {"{\"a\": [1, 2]}", "b/c", "5", "{\"a\": [1, 2], \"b\": {\"c\": 5}}"},
        {"{\"a\": [1, 2]}", "a/1/c", "5", NULL},
        {"{\"a\": 1}", "a/b", "5", NULL},
        {"{\"a\": 1}", "a//b", "5", NULL},
        {"{\"a\": 1}", "", "5", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *object = parse(cases[i][0]), *by = parse(cases[i][2]);
        json_t *result = admin_patch(object, cases[i][1], by, &error);
        json_t *wanted = cases[i][3] ? parse(cases[i][3]) : NULL;

        if (!wanted != !result || (wanted && !json_equal(wanted, result)))
            fail_msg("case %zu", i);
        json_decref(object);
        json_decref(by);
        json_decref(result);
        json_decref(wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_services_and_upstreams),
        cmocka_unit_test(survives_want_of_memory),
        cmocka_unit_test(keeps_the_order_of_apisix),
        cmocka_unit_test(refuses_what_nginx_has_no_room_for),
        cmocka_unit_test(patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
