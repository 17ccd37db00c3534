/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: the order of plugins, failures, deadlines, what blocks. */
#include <errno.h>

#include "base/clock.h"
#include "support/call_rig.h"

static struct rig rig;
static char order[64];
static a6_result result;
static const char *reason;

static int setup(void **state)
{
    (void)state;
    order[0] = '\0';
    result = A6_OK;
    reason = NULL;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void note(const char *text)
{
    strncat(order, text, sizeof(order) - strlen(order) - 1);
}

static int parse(a6_env *env, a6_str text, void **conf)
{
    (void)env;
    if (text.len == 0)
        return -EINVAL;
    *conf = strndup(text.data, text.len);
    return *conf ? 0 : -ENOMEM;
}

static a6_result note_request(a6_request *req, void *conf)
{
    (void)req;
    note(conf);
    return A6_OK;
}

static a6_result note_response(a6_response *res, void *conf)
{
    (void)res;
    note("r");
    note(conf);
    return A6_OK;
}

static a6_result give(a6_request *req, void *conf)
{
    (void)conf;
    if (reason)
        (void)a6_error(&req->call, "%s", reason);
    return result;
}

static a6_plugin *add(const char *name, a6_result (*request)(a6_request *req, void *conf),
                      a6_result (*response)(a6_response *res, void *conf))
{
    a6_plugin *plugin = rig_plugin(&rig, name, request, response);

    plugin->parse_conf = parse;
    plugin->free_conf = free;
    return plugin;
}

static void request(void)
{
    rig_request(&rig, &(struct rig_message){.id = 8, .path = "/"});
}

static void runs_the_filters_of_the_phase_in_order(void **state)
{
    (void)state;
    add("both", note_request, note_response);
    add("request", note_request, NULL);
    add("response", NULL, note_response);
    rig_chain(&rig, "request", "1", "response", "2", "both", "3", "request", "4", NULL);
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_string_equal(order, "134");
    order[0] = '\0';
    rig_response(&rig, &(struct rig_message){.id = 8});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_string_equal(order, "r2r3");
    assert_int_equal(rig.enter_count, 5);
    assert_int_equal(rig.leave_count, 5);
    assert_null(rig.call.current);
}

static void tells_once_that_a_plugin_has_no_filter_for_the_phase(void **state)
{
    (void)state;
    add("late", NULL, note_response);
    add("early", note_request, NULL);
    rig_chain(&rig, "late", "1", "early", "2", NULL);
    for (int call = 0; call < 2; call++) {
        request();
        assert_int_equal(rig_run(&rig), CALL_DONE);
        assert_int_equal(rig_reply(&rig), 0);
    }
    assert_string_equal(order, "22");
    assert_int_equal(rig_logged(&rig, "plugin late (linked in) does nothing in conf"), 1);
    assert_int_equal(rig_logged(&rig, "it has no request filter"), 1);
    assert_int_equal(rig_logged(&rig, "plugin early (linked in) does nothing"), 0);

    rig_response(&rig, &(struct rig_message){.status = 200});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_string_equal(order, "22r1");
    assert_int_equal(rig_logged(&rig, "it has no response filter"), 1);
}

static void passes_everything_without_plugins(void **state)
{
    struct message_http_req_reply_view view;
    struct message_http_resp_reply_view response;
    (void)state;
    rig_chain(&rig, NULL);
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_request(&rig, &view);
    assert_int_equal(view.action, MESSAGE_ACTION_NONE);
    rig_response(&rig, &(struct rig_message){.id = 8});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_response(&rig, &response);
    assert_int_equal(response.headers.count, 0);
}

static void refuses_every_call_of_a_refused_chain(void **state)
{
    (void)state;
    add("a", note_request, note_response);
    rig_chain(&rig, "a", "1", "unknown", "2", NULL);
    for (unsigned i = 0; i < 3; i++) {
        request();
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
        rig_response(&rig, &(struct rig_message){.id = 8});
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
    }
    assert_string_equal(order, "");
    assert_int_equal(rig_logged(&rig, "unknown"), 1);
}

static void stops_at_an_error(void **state)
{
    (void)state;
    add("fails", give, NULL);
    add("after", note_request, NULL);
    rig_chain(&rig, "fails", "1", "after", "2", NULL);
    result = A6_ERROR;
    reason = "no \"key\"";
    for (unsigned i = 0; i < 5; i++) {
        request();
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
    }
    assert_string_equal(order, "");
    /* once for a conf */
    assert_int_equal(rig_logged(&rig,
                                "plugin fails (linked in): request_filter failed: no \"key\"; "
                                "call 8, conf route#1#ext-plugin-pre-req#42"),
                     1);
    reason = "another reason";
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "request_filter failed: another reason"), 1);
    reason = NULL;
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "a6_error"), 1);
}

static void does_not_take_any_result(void **state)
{
    static const int results[] = {2, -2, 77, INT32_MIN};
    (void)state;
    add("odd", give, NULL);
    rig_chain(&rig, "odd", "1", NULL);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(&result, &results[i], sizeof(result));
        request();
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
    }
    assert_int_equal(rig_logged(&rig, "is no a6_result"), 4);
    result = A6_OK;
    reason = "said, but not meant";
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
}

static a6_result answer_and_fail(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    return a6_error(&req->call, "after all");
}

static void an_error_wins_over_an_answer(void **state)
{
    (void)state;
    add("a", answer_and_fail, NULL);
    rig_chain(&rig, "a", "1", NULL);
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
}

static void can_be_failed_from_outside(void **state)
{
    (void)state;
    add("a", note_request, NULL);
    rig_chain(&rig, "a", "1", NULL);
    request();
    call_fail(&rig.call);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_string_equal(order, "");
    rig_request(&rig, &(struct rig_message){.id = 8});
    call_end(&rig.call);
    assert_int_equal(call_begin(&rig.call, FRAME_HTTP_REQ_CALL, rig.frame, rig.frame_size), 0);
    call_fail(&rig.call); /* no chain was found */
    rig_reply_error(&rig);
}

/* ---- blocking ---- */

static void leaves_the_thread_before_what_blocks(void **state)
{
    (void)state;
    add("quick", note_request, NULL);
    add("slow", note_request, NULL)->flags = A6_BLOCKING;
    rig_chain(&rig, "quick", "1", "slow", "2", "quick", "3", "slow", "4", NULL);
    request();
    assert_int_equal(call_run(&rig.call, false), CALL_BLOCKING);
    assert_string_equal(order, "1");
    assert_int_equal(call_run(&rig.call, false), CALL_BLOCKING);
    assert_string_equal(order, "1");
    assert_int_equal(call_run(&rig.call, true), CALL_DONE);
    assert_string_equal(order, "1234");
    registry_find(&rig.registry, "quick", 5)->seen_blocking = 1;
    request();
    assert_int_equal(call_run(&rig.call, false), CALL_BLOCKING);
    assert_string_equal(order, "1234");
}

static void fetches_before_it_leaves_the_thread(void **state)
{
    static const char *const vars[] = {"uri", NULL};
    a6_plugin *plugin = add("slow", note_request, NULL);
    (void)state;
    plugin->flags = A6_BLOCKING;
    plugin->need_vars = vars;
    rig_chain(&rig, "slow", "1", NULL);
    request();
    assert_int_equal(call_run(&rig.call, false), CALL_ASK);
    assert_int_equal(rig.call.question.type, MESSAGE_INFO_VAR);
    rig_assert_str(rig.call.question.name, "uri");
    assert_int_equal(call_run(&rig.call, false), CALL_BLOCKING);
    assert_int_equal(call_run(&rig.call, true), CALL_DONE);
}

/* ---- deadlines ---- */

static int64_t left[8];
static unsigned left_count;

static a6_result note_time(a6_request *req, void *conf)
{
    (void)conf;
    left[left_count++] = a6_time_left(&req->call);
    return A6_OK;
}

static void counts_down_to_the_deadline(void **state)
{
    (void)state;
    left_count = 0;
    add("plain", note_time, NULL);
    add("short", note_time, NULL)->deadline_ms = 1000;
    add("long", note_time, NULL)->deadline_ms = 59000;
    rig_chain(&rig, "plain", "1", "short", "1", "long", "1", "plain", "1", NULL);
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_in_range(left[0], 50000, 56000);
    assert_in_range(left[1], 100, 1000);
    assert_in_range(left[2], 53000, 59000);
    assert_in_range(left[3], 50000, 56000);
}

static void takes_the_owners_time(void **state)
{
    (void)state;
    left_count = 0;
    add("plain", note_time, NULL);
    add("short", note_time, NULL)->deadline_ms = 1000;
    rig_chain(&rig, "plain", "1", "short", "1", NULL);
    request();
    rig.call.now_ms = clock_ms() - 100000; /* it came long ago */
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_true(left[0] < 0);
    assert_true(left[1] < 0); /* the whole call's time is over, too */
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_in_range(left[2], 50000, 56000);
}

static int state_of_one;

static int init_one(a6_env *env, void **state)
{
    (void)env;
    *state = &state_of_one;
    return 0;
}

static a6_result see_state(a6_request *req, void *conf)
{
    (void)conf;
    note(a6_state(&req->call) == &state_of_one ? "s" : "n");
    return A6_OK;
}

static void gives_each_plugin_its_state(void **state)
{
    (void)state;
    add("one", see_state, NULL)->init = init_one;
    add("two", see_state, NULL);
    rig_chain(&rig, "one", "1", "two", "2", "one", "3", NULL);
    request();
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_string_equal(order, "sns");
}

static void tells_the_host_by_its_table(void **state)
{
    const a6_host *host = rig.call.handle.base.host;
    (void)state;
    assert_ptr_equal(host, &call_host);
    assert_int_equal(host->abi_major, A6_ABI_MAJOR);
    assert_int_equal(host->abi_minor, A6_ABI_MINOR);
    assert_int_equal(host->size, sizeof(a6_host));
    for (size_t at = offsetof(a6_host, log_enabled); at < sizeof(a6_host); at += sizeof(void *))
        assert_memory_not_equal((const char *)host + at, &(void *){NULL}, sizeof(void *));
    assert_true(host->log_enabled(host, A6_LOG_INFO));
    assert_false(host->log_enabled(host, A6_LOG_DEBUG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_the_filters_of_the_phase_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_once_that_a_plugin_has_no_filter_for_the_phase, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(passes_everything_without_plugins, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_every_call_of_a_refused_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_at_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_take_any_result, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_wins_over_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(can_be_failed_from_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_the_thread_before_what_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(fetches_before_it_leaves_the_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_down_to_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_the_owners_time, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_each_plugin_its_state, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_the_host_by_its_table, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
