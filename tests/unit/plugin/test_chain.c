/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

static struct rig rig;
static int parsed, freed;
static a6_cell *last_cell;

static int setup(void **state)
{
    (void)state;
    parsed = freed = 0;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    assert_int_equal(freed, parsed);
    return 0;
}

/* "bad" is rejected with a reason, "mute" without; for "large" there is no memory; "vars"
 * needs some, "cell" has one. */
static int parse(a6_env *env, a6_str text, void **conf)
{
    if (a6_str_equal(text, A6_STR("bad")))
        return a6_env_error(env, "\"bad\" is bad, write \"good\"");
    if (a6_str_equal(text, A6_STR("mute")))
        return -ENOENT;
    if (a6_str_equal(text, A6_STR("large"))) {
        a6_env_error(env, "it takes too much");
        return -ENOMEM;
    }
    if (a6_str_equal(text, A6_STR("vars"))) {
        if (a6_env_need_var(env, A6_STR("uri")) || a6_env_need_var(env, A6_STR("uri")) ||
            a6_env_need_var(env, A6_STR("host")) || a6_env_need(env, A6_NEED_RESPONSE_BODY))
            return -ENOMEM;
        assert_int_equal(a6_env_need_var(env, A6_STR("")), -EINVAL);
        assert_int_equal(a6_env_need_var(env, a6_str_make("a\0b", 3)), -EINVAL);
        assert_int_equal(a6_env_need_var(env, a6_str_make(NULL, 0)), -EINVAL);
        assert_int_equal(a6_env_need(env, A6_BLOCKING), -EINVAL);
    }
    if (a6_str_equal(text, A6_STR("cell")) || a6_str_equal(text, A6_STR("cell2"))) {
        int failed = a6_env_cell(env, A6_STR("bucket"), &last_cell);
        if (failed)
            return failed;
    }
    a6_env_log(env, A6_LOG_INFO, "conf of %zu bytes", text.len);
    *conf = malloc(text.len + 1);
    if (!*conf)
        return -ENOMEM;
    memcpy(*conf, text.data, text.len);
    ((char *)*conf)[text.len] = '\0';
    parsed++;
    return 0;
}

static void free_conf(void *conf)
{
    free(conf);
    freed++;
}

static void add_plugin(const char *name)
{
    a6_plugin *plugin = rig_plugin(&rig, name, NULL, NULL);

    plugin->parse_conf = parse;
    plugin->free_conf = free_conf;
}

static void parses_in_order(void **state)
{
    (void)state;
    add_plugin("a");
    add_plugin("b");
    rig_plugin(&rig, "plain", NULL, NULL);
    rig_chain(&rig, "b", "one", "plain", "two", "a", NULL, "b", "three", NULL);
    assert_false(rig.chain->refused);
    assert_int_equal(rig.chain->count, 4);
    assert_int_equal(rig.chain->token, 77);
    assert_string_equal(rig.chain->key, "route#1#ext-plugin-pre-req#42");
    assert_string_equal(rig.chain->steps[0].conf, "one");
    assert_null(rig.chain->steps[1].conf);
    assert_string_equal(rig.chain->steps[2].conf, "");
    assert_string_equal(rig.chain->steps[3].conf, "three");
    assert_string_equal(rig.chain->steps[3].plugin->about.name, "b");
    assert_int_equal(rig_logged(&rig, "plugin b, conf route#1#ext-plugin-pre-req#42: conf of"), 2);
}

static void is_empty_without_confs(void **state)
{
    (void)state;
    rig_chain(&rig, NULL);
    assert_int_equal(rig.chain->count, 0);
    assert_false(rig.chain->refused);
}

static void takes_needs_of_plugin_and_conf(void **state)
{
    static const char *const vars[] = {"host", "scheme", NULL};
    const struct chain_step *step;
    a6_plugin *plugin;
    (void)state;

    add_plugin("a");
    plugin = &rig.plugins[0];
    plugin->need_vars = vars;
    plugin->flags = A6_NEED_REQUEST_BODY | A6_BLOCKING;
    rig_chain(&rig, "a", "vars", "a", "none", NULL);
    step = &rig.chain->steps[0];
    assert_int_equal(step->need_var_count, 3);
    rig_assert_str(step->need_vars[0], "host");
    rig_assert_str(step->need_vars[1], "scheme");
    rig_assert_str(step->need_vars[2], "uri");
    assert_int_equal(step->need, A6_NEED_REQUEST_BODY | A6_NEED_RESPONSE_BODY);
    assert_true(step->blocking);
    assert_int_equal(rig.chain->steps[1].need_var_count, 2);
    assert_int_equal(rig.chain->steps[1].need, A6_NEED_REQUEST_BODY);
}

static void refuses_an_unknown_plugin(void **state)
{
    (void)state;
    add_plugin("limit");
    rig_chain(&rig, "limit", "x", "lmiit", "{}", NULL);
    assert_true(rig.chain->refused);
    assert_int_equal(rig_logged(&rig, "no plugin is named \"lmiit\""), 1);
    assert_int_equal(rig_logged(&rig, "loaded are: limit"), 1);
    assert_int_equal(rig_logged(&rig, "route#1#ext-plugin-pre-req#42"), 2);
}

static void refuses_a_rejected_conf(void **state)
{
    (void)state;
    add_plugin("a");
    rig_chain(&rig, "a", "bad", "a", "mute", "a", "fine", NULL);
    assert_true(rig.chain->refused);
    assert_int_equal(rig_logged(&rig, "\"bad\" is bad, write \"good\""), 1);
    assert_int_equal(rig_logged(&rig, "No such file or directory"), 1);
    assert_int_equal(rig_logged(&rig, "plugin a (linked in) rejects conf"), 2);
    assert_int_equal(rig_logged(&rig, "SERVICE_UNAVAILABLE"), 2);
}

static void skips_when_it_is_told_to(void **state)
{
    (void)state;
    add_plugin("a");
    rig.skip_unknown = true;
    rig_chain(&rig, "nobody", "x", "a", "bad", "a", "fine", NULL);
    assert_false(rig.chain->refused);
    assert_int_equal(rig.chain->count, 1);
    assert_string_equal(rig.chain->steps[0].conf, "fine");
    assert_int_equal(rig_logged(&rig, "WARN"), 2);
    assert_int_equal(rig_logged(&rig, "go on without it"), 2);
}

static void leaves_nothing_out_for_want_of_memory(void **state)
{
    struct chain_options options = {
        .registry = &rig.registry, .cells = rig.cells, .skip_unknown = true};
    struct chain_conf confs[] = {{{"a", 1}, {"fine", 4}}, {{"a", 1}, {"large", 5}}};
    struct chain *chain = NULL;
    (void)state;

    add_plugin("a");
    rig_chain(&rig, NULL);
    assert_int_equal(chain_parse(&options, 1, (struct wire_str){"k", 1}, confs, 2, &chain),
                     -ENOMEM);
    assert_null(chain);
    assert_int_equal(rig_logged(&rig, "ERROR"), 1);
    assert_int_equal(rig_logged(&rig, "plugin a (linked in) could not parse conf k: it takes too "
                                      "much; this call gets SERVICE_UNAVAILABLE"),
                     1);
}

static void parse_key(const char *key, uint32_t len, const char *text, const char *name)
{
    struct chain_options options = {
        .registry = &rig.registry, .cells = rig.cells, .skip_unknown = false};
    struct chain_conf conf = {rig_pair(name, NULL).name, rig_pair(text, NULL).name};

    chain_drop(rig.chain);
    assert_int_equal(chain_parse(&options, 5, (struct wire_str){key, len}, &conf, 1, &rig.chain),
                     0);
}

static a6_cell *cell_of(const char *key, const char *text, const char *name)
{
    last_cell = NULL;
    parse_key(key, (uint32_t)strlen(key), text, name);
    assert_false(rig.chain->refused);
    assert_non_null(last_cell);
    return last_cell;
}

static void gives_each_conf_its_cells(void **state)
{
    a6_cell *cell;
    (void)state;

    add_plugin("a");
    add_plugin("b");
    rig_chain(&rig, "a", "cell", "a", "cell", NULL);
    assert_ptr_not_equal(rig.chain->steps[0].cells[0], rig.chain->steps[1].cells[0]);
    cell = cell_of("route#1#pre#100", "cell", "a");
    a6_cell_add(cell, 0, 8);
    /* the same again, also after another part of the route was changed */
    assert_ptr_equal(cell_of("route#1#pre#100", "cell", "a"), cell);
    assert_ptr_equal(cell_of("route#1#pre#101", "cell", "a"), cell);
    assert_int_equal(a6_cell_get(cell, 0), 8);
    /* another route, text, plugin */
    assert_ptr_not_equal(cell_of("route#2#pre#100", "cell", "a"), cell);
    assert_ptr_not_equal(cell_of("route#1#pre#100", "cell2", "a"), cell);
    assert_ptr_not_equal(cell_of("route#1#pre#100", "cell", "b"), cell);
    assert_int_equal(a6_cell_get(cell, 0), 8);
}

static void gives_cells_back(void **state)
{
    char key[32];
    (void)state;

    add_plugin("a");
    rig_chain(&rig, NULL);
    for (unsigned i = 0; i < 1000; i++) { /* there is room for 64 */
        snprintf(key, sizeof(key), "route#%u#pre#1", i);
        cell_of(key, "cell", "a");
    }
}

static void makes_a_key_safe_for_the_log(void **state)
{
    char text[300];
    (void)state;

    add_plugin("a");
    rig_chain(&rig, NULL);
    parse_key("a\nb\x80 c\0d", 8, "x", "a");
    assert_string_equal(rig.chain->key, "a?b??c?d");
    memset(text, 'k', sizeof(text));
    parse_key(text, sizeof(text), "x", "a");
    assert_int_equal(strlen(rig.chain->key), sizeof(rig.chain->key) - 1);
    assert_string_equal(rig.chain->key + sizeof(rig.chain->key) - 4, "...");
    parse_key(NULL, 0, "x", "a");
    assert_string_equal(rig.chain->key, "(no key, token 5)");
    parse_key("", 0, "x", "");
    assert_true(rig.chain->refused);
}

static void refuses_too_many_plugins(void **state)
{
    static struct chain_conf confs[CHAIN_STEPS_MAX + 1];
    struct chain_options options = {
        .registry = &rig.registry, .cells = rig.cells, .skip_unknown = true};
    (void)state;

    rig_plugin(&rig, "a", NULL, NULL);
    rig_chain(&rig, NULL);
    for (uint32_t i = 0; i <= CHAIN_STEPS_MAX; i++)
        confs[i].name = (struct wire_str){"a", 1};
    for (uint32_t more = 0; more < 2; more++) {
        chain_drop(rig.chain);
        assert_int_equal(chain_parse(&options, 5, (struct wire_str){"k", 1}, confs,
                                     CHAIN_STEPS_MAX + more, &rig.chain),
                         0);
        assert_int_equal(rig.chain->refused, more);
        assert_int_equal(rig.chain->count, more ? 0 : CHAIN_STEPS_MAX);
    }
    assert_int_equal(rig_logged(&rig, "conf k names more than 1024 plugins"), 1);
}

static void says_a_thing_once(void **state)
{
    char text[16];
    (void)state;

    rig_chain(&rig, NULL);
    assert_true(chain_complain_once(rig.chain, "one"));
    assert_false(chain_complain_once(rig.chain, "one"));
    assert_true(chain_complain_once(rig.chain, "two"));
    assert_false(chain_complain_once(rig.chain, "two"));
    assert_false(chain_complain_once(rig.chain, "one"));
    for (unsigned i = 0; i < CHAIN_COMPLAINTS - 2; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_true(chain_complain_once(rig.chain, text));
    }
    assert_false(chain_complain_once(rig.chain, "too many"));
}

static void gives_everything_back_without_memory(void **state)
{
    struct chain_options options = {
        .registry = &rig.registry, .cells = rig.cells, .skip_unknown = false};
    struct chain_conf confs[] = {
        {{"a", 1}, {"vars", 4}}, {{"a", 1}, {"cell", 4}}, {{"b", 1}, {NULL, 0}}};
    static const char *const vars[] = {"host", "scheme", NULL};
    (void)state;

    add_plugin("a");
    rig_plugin(&rig, "b", NULL, NULL)->need_vars = vars;
    rig_chain(&rig, NULL);
    for (unsigned n = 0; n < 100; n++) {
        struct chain *chain = NULL;
        int failed;

        rig.log_len = 0;
        fail_alloc_after(n);
        failed = chain_parse(&options, 1, (struct wire_str){"k", 1}, confs, 3, &chain);
        fail_alloc_off();
        /* Within the plugin's own parse_conf, it is its own matter. */
        assert_true(failed == -ENOMEM || (failed == 0 && chain));
        assert_int_equal(rig_logged(&rig, "this call gets SERVICE_UNAVAILABLE"), failed ? 1 : 0);
        if (!failed) {
            assert_int_equal(chain->refused, fail_alloc_hit());
            chain_drop(chain);
        }
        if (!fail_alloc_hit())
            return;
    }
    fail_msg("it never ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parses_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(is_empty_without_confs, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_needs_of_plugin_and_conf, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_an_unknown_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_rejected_conf, setup, teardown),
        cmocka_unit_test_setup_teardown(skips_when_it_is_told_to, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_nothing_out_for_want_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_each_conf_its_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_cells_back, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_a_key_safe_for_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_too_many_plugins, setup, teardown),
        cmocka_unit_test_setup_teardown(says_a_thing_once, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_everything_back_without_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
