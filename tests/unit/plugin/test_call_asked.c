/* SPDX-License-Identifier: Apache-2.0 */
/* Variables and bodies: asked once, in advance or within a filter. */
#include <errno.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

static struct rig rig;
static int want; /* what the filter's ask has to give */
static const char *want_text;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    rig.vars[0] = (struct rig_answer){"uri", "/index"};
    rig.vars[1] = (struct rig_answer){"empty", ""};
    rig.vars[2] = (struct rig_answer){"absent", NULL};
    rig.request_body = (struct wire_str){"the request", 11};
    rig.response_body = (struct wire_str){"the response", 12};
    want = 0;
    want_text = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void run_request(struct wire_pairs headers)
{
    rig_request(&rig, &(struct rig_message){.id = 1, .path = "/", .headers = headers});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
}

static void run_response(struct wire_pairs headers)
{
    rig_response(&rig, &(struct rig_message){.id = 1, .status = 200, .headers = headers});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
}

#define NO_HEADERS ((struct wire_pairs){NULL, 0})

/* ---- variables ---- */

static void assert_var(a6_call *call, const char *name, const char *value)
{
    a6_str got;

    assert_int_equal(a6_var(call, a6_str_from(name), &got), 0);
    rig_assert_a6_str(got, value);
}

static a6_result ask_vars(a6_request *req, void *conf)
{
    static char name[257];
    a6_str value = A6_STR("old");
    (void)conf;

    assert_var(&req->call, "uri", "/index");
    assert_var(&req->call, "empty", "");
    assert_var(&req->call, "absent", NULL);
    assert_var(&req->call, "unknown", NULL);
    assert_var(&req->call, "uri", "/index");
    assert_int_equal(a6_var(&req->call, A6_STR(""), &value), -EINVAL);
    assert_null(value.data);
    assert_int_equal(a6_var(&req->call, a6_str_make(NULL, 0), &value), -EINVAL);
    assert_int_equal(a6_var(&req->call, A6_STR("a\0b"), &value), -EINVAL);
    memset(name, 'n', sizeof(name));
    assert_int_equal(a6_var(&req->call, a6_str_make(name, 257), &value), -EINVAL);
    assert_int_equal(a6_var(&req->call, a6_str_make(name, 256), &value), 0);
    assert_null(value.data);
    return A6_OK;
}

static void asks_for_a_variable_once(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", ask_vars, NULL);
    rig_chain(&rig, "a", "", "a", "", NULL);
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 5);
    assert_int_equal(rig.inside, 5);
    run_request(NO_HEADERS); /* another call, another time */
    assert_int_equal(rig.ask_count, 10);
}

static void looks_at_answers_that_stay(void **state)
{
    (void)state;
    rig.stays = true;
    rig_plugin(&rig, "a", ask_vars, NULL);
    rig_chain(&rig, "a", "", NULL);
    run_request(NO_HEADERS);
}

static const char *const needed[] = {"uri", "absent", NULL};

static a6_result need_vars(a6_request *req, void *conf)
{
    (void)conf;
    assert_var(&req->call, "uri", "/index");
    assert_var(&req->call, "absent", NULL);
    return A6_OK;
}

static void fetches_variables_in_advance(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", need_vars, NULL)->need_vars = needed;
    rig_plugin(&rig, "b", need_vars, NULL)->need_vars = needed;
    rig_chain(&rig, "a", "", "b", "", NULL);
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 2);
    assert_int_equal(rig.inside, 0);
    assert_string_equal(rig.asked[0], "uri");
    assert_string_equal(rig.asked[1], "absent");
}

static void asks_nothing_for_a_filter_of_the_other_phase(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", need_vars, NULL)->need_vars = needed;
    rig_chain(&rig, "a", "", NULL);
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 0);
}

/* ---- bodies ---- */

static a6_result ask_request_body(a6_request *req, void *conf)
{
    a6_str body = A6_STR("old");
    (void)conf;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(a6_request_body(&req->call, &body), want);
        rig_assert_a6_str(body, want_text);
    }
    return A6_OK;
}

static a6_result ask_both(a6_response *res, void *conf)
{
    a6_str body = A6_STR("old");
    (void)conf;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(a6_response_body(res, &body), want);
        rig_assert_a6_str(body, want_text);
    }
    return A6_OK;
}

static a6_plugin *body_plugin(void)
{
    return rig_plugin(&rig, "a", ask_request_body, ask_both);
}

static void reads_the_request_body_once(void **state)
{
    (void)state;
    body_plugin();
    rig_chain(&rig, "a", "", "a", "", NULL);
    want_text = "the request";
    run_request(NO_HEADERS);
    run_request(RIG_PAIRS(rig_pair("content-length", "11")));
    assert_int_equal(rig.ask_count, 2);
    assert_int_equal(rig.inside, 2);
}

static void has_no_body_when_it_is_empty(void **state)
{
    (void)state;
    body_plugin();
    rig_chain(&rig, "a", "", "a", "", NULL);
    run_request(RIG_PAIRS(rig_pair("content-length", "0")));
    assert_int_equal(rig.ask_count, 0);
    rig.request_body = (struct wire_str){"", 0};
    run_request(NO_HEADERS);
    rig.request_body = (struct wire_str){NULL, 0};
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 2);
}

static void reads_the_response_body_once(void **state)
{
    (void)state;
    body_plugin();
    rig_chain(&rig, "a", "", "a", "", NULL);
    want_text = "the response";
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 1);
    want_text = "";
    run_response(RIG_PAIRS(rig_pair("Content-Length", "0")));
    assert_int_equal(rig.ask_count, 1);
    rig.response_body = (struct wire_str){"", 0};
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 2);
}

static void does_not_ask_for_what_is_too_large(void **state)
{
    static const char *const lengths[] = {"16777189", "20000000", "9999999999999999999999999"};
    (void)state;
    rig.limits.max_body = 0;
    rig_plugin(&rig, "a", ask_request_body, NULL)->flags = A6_NEED_REQUEST_BODY;
    rig_plugin(&rig, "b", NULL, ask_both)->flags = A6_NEED_RESPONSE_BODY;
    rig_chain(&rig, "a", "", "b", "", NULL);
    want = -EMSGSIZE;
    for (unsigned i = 0; i < 3; i++) {
        run_request(RIG_PAIRS(rig_pair("content-length", lengths[i])));
        run_response(RIG_PAIRS(rig_pair("Content-Length", lengths[i])));
    }
    assert_int_equal(rig.ask_count, 0);
    want = 0;
    want_text = "the request"; /* the length was a lie */
    run_request(RIG_PAIRS(rig_pair("content-length", "16777188")));
    run_request(RIG_PAIRS(rig_pair("content-length", "12x")));
    run_request(RIG_PAIRS(rig_pair("content-length", "")));
    run_request(RIG_PAIRS(rig_pair("content-length", "-1")));
    assert_int_equal(rig.ask_count, 4);
    assert_int_equal(rig.inside, 0);
}

static void keeps_to_the_plugins_limit(void **state)
{
    a6_plugin *plugin = body_plugin();
    (void)state;
    plugin->max_body = 11;
    rig_plugin(&rig, "b", ask_request_body, ask_both)->max_body = 10;
    rig_chain(&rig, "a", "", NULL);
    want_text = "the request";
    run_request(RIG_PAIRS(rig_pair("content-length", "11")));
    assert_int_equal(rig.ask_count, 1);
    want = -EMSGSIZE;
    want_text = NULL;
    run_response(NO_HEADERS); /* it is too large only when it has come */
    assert_int_equal(rig.ask_count, 2);
    rig_chain(&rig, "b", "", NULL);
    run_request(RIG_PAIRS(rig_pair("content-length", "11")));
    assert_int_equal(rig.ask_count, 2);
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 3);
}

static a6_result shrink(a6_request *req, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_request_body(&req->call, &body), -EMSGSIZE);
    assert_int_equal(a6_request_set_body(req, A6_STR("small")), 0);
    assert_int_equal(a6_request_body(&req->call, &body), 0);
    assert_int_equal(a6_request_set_body(req, A6_STR("not so small")), 0);
    assert_int_equal(a6_request_body(&req->call, &body), -EMSGSIZE);
    return A6_OK;
}

static void measures_a_changed_body_too(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", shrink, NULL)->max_body = 5;
    rig_chain(&rig, "a", "", NULL);
    run_request(NO_HEADERS);
}

static void keeps_to_the_runners_limit(void **state)
{
    (void)state;
    body_plugin();
    rig_chain(&rig, "a", "", NULL);
    rig.limits.max_body = 10;
    want = -EMSGSIZE;
    run_request(RIG_PAIRS(rig_pair("content-length", "11")));
    assert_int_equal(rig.ask_count, 0);
    run_request(NO_HEADERS);
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 2);
}

static a6_result ask_request_in_response(a6_response *res, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_request_body(&res->call, &body), want);
    rig_assert_a6_str(body, want_text);
    return A6_OK;
}

/* The response phase does not have the request's headers. */
static void asks_how_long_the_request_was(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", NULL, ask_request_in_response);
    rig_chain(&rig, "a", "", NULL);
    want_text = "the request";
    run_response(RIG_PAIRS(rig_pair("content-length", "99999999")));
    assert_int_equal(rig.ask_count, 2);
    assert_string_equal(rig.asked[0], "content_length");
    assert_string_equal(rig.asked[1], "<request>");
    want = -EMSGSIZE;
    want_text = NULL;
    rig.vars[0] = (struct rig_answer){"content_length", "30000000"};
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 3);
}

static void fetches_bodies_in_advance(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", ask_request_body, ask_request_in_response)->flags = A6_NEED_REQUEST_BODY;
    rig_plugin(&rig, "b", NULL, ask_both)->flags = A6_NEED_RESPONSE_BODY;
    rig_chain(&rig, "a", "", NULL);
    want_text = "the request";
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 1);
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 3);
    rig_chain(&rig, "b", "", NULL);
    want_text = "the response";
    run_response(NO_HEADERS);
    assert_int_equal(rig.ask_count, 4);
    run_request(NO_HEADERS); /* there is no response body then */
    assert_int_equal(rig.ask_count, 4);
    assert_int_equal(rig.inside, 0);
}

static a6_result set_request_body(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_body(req, A6_STR("new")), 0);
    return A6_OK;
}

static void does_not_fetch_what_was_replaced(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", set_request_body, NULL);
    rig_plugin(&rig, "b", ask_request_body, NULL)->flags = A6_NEED_REQUEST_BODY;
    rig_chain(&rig, "a", "", "b", "", NULL);
    want_text = "new";
    run_request(NO_HEADERS);
    assert_int_equal(rig.ask_count, 0);
}

/* ---- a gateway that fails ---- */

static a6_result ask_in_vain(a6_request *req, void *conf)
{
    a6_str value;
    (void)conf;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(a6_var(&req->call, A6_STR("uri"), &value), -ECANCELED);
        assert_null(value.data);
        assert_int_equal(a6_request_body(&req->call, &value), -ECANCELED);
        assert_null(value.data);
    }
    return a6_error(&req->call, "the gateway is gone");
}

static void tells_that_the_gateway_is_gone(void **state)
{
    (void)state;
    rig_plugin(&rig, "a", ask_in_vain, NULL);
    rig_chain(&rig, "a", "", NULL);
    for (unsigned i = 0; i < 2; i++) {
        rig.gone = i == 0;
        rig.garbage = i == 1;
        rig_request(&rig, &(struct rig_message){.id = 1, .path = "/"});
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
    }
    assert_int_equal(rig.inside, 4);
}

static void knows_an_answer_that_is_none(void **state)
{
    const struct call_question *question = &rig.call.question;
    (void)state;
    rig_plugin(&rig, "a", ask_in_vain, NULL)->need_vars = needed;
    rig_chain(&rig, "a", "", NULL);
    rig_request(&rig, &(struct rig_message){.id = 1});
    assert_int_equal(call_run(&rig.call, false), CALL_ASK);
    assert_int_equal(call_answer(&rig.call, question, (const uint8_t *)"xxxx", 4, false), -EBADMSG);
    assert_int_equal(call_answer(&rig.call, question, NULL, 0, true), -EBADMSG);
    /* the owner gave up on both; the filter learns it */
    rig.gone = true;
    assert_int_equal(call_run(&rig.call, false), CALL_ASK);
    assert_int_equal(call_run(&rig.call, false), CALL_DONE);
    rig_reply_error(&rig);
}

static char *large;

static a6_result ask_for_much(a6_request *req, void *conf)
{
    a6_str value;
    (void)conf;
    want = a6_var(&req->call, A6_STR("large"), &value);
    assert_true(want == 0 || want == -ENOMEM);
    if (!want)
        assert_int_equal(value.len, 100000);
    if (!want) {
        want = a6_request_body(&req->call, &value);
        assert_true(want == 0 || want == -ENOMEM);
        if (!want)
            assert_int_equal(value.len, 100000);
    }
    return want ? a6_error(&req->call, "no memory") : A6_OK;
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    large = malloc(100001);
    assert_non_null(large);
    memset(large, 'l', 100000);
    large[100000] = '\0';
    rig.vars[0] = (struct rig_answer){"large", large};
    rig.request_body = (struct wire_str){large, 100000};
    rig_plugin(&rig, "a", ask_for_much, NULL);
    rig_chain(&rig, "a", "", NULL);
    rig_request(&rig, &(struct rig_message){.id = 1});
    for (unsigned n = 1; n < 100; n++) {
        bool hit;

        call_end(&rig.call);
        call_free(&rig.call);
        fail_alloc_after(n); /* 0 would be the call itself */
        assert_int_equal(call_begin(&rig.call, FRAME_HTTP_REQ_CALL, rig.frame, rig.frame_size), 0);
        call_start(&rig.call, rig.chain);
        assert_int_equal(rig_run(&rig), CALL_DONE);
        fail_alloc_off();
        hit = fail_alloc_hit();
        assert_int_equal(rig.call.failed, hit);
        if (!hit) {
            free(large);
            return;
        }
    }
    fail_msg("it never ends");
}

static a6_result ask_for_too_large_var(a6_request *req, void *conf)
{
    a6_str value;
    (void)conf;
    assert_int_equal(a6_var(&req->call, A6_STR("large"), &value), -ENOMEM);
    return A6_OK;
}

static void limits_variables(void **state)
{
    (void)state;
    large = malloc(10001);
    assert_non_null(large);
    memset(large, 'l', 10000);
    large[10000] = '\0';
    rig.vars[0] = (struct rig_answer){"large", large};
    rig.limits.max_memory = 9999;
    rig_plugin(&rig, "a", ask_for_too_large_var, NULL);
    rig_chain(&rig, "a", "", NULL);
    run_request(NO_HEADERS);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_for_a_variable_once, setup, teardown),
        cmocka_unit_test_setup_teardown(looks_at_answers_that_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(fetches_variables_in_advance, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_nothing_for_a_filter_of_the_other_phase, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reads_the_request_body_once, setup, teardown),
        cmocka_unit_test_setup_teardown(has_no_body_when_it_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_the_response_body_once, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_ask_for_what_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_to_the_plugins_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(measures_a_changed_body_too, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_to_the_runners_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_how_long_the_request_was, setup, teardown),
        cmocka_unit_test_setup_teardown(fetches_bodies_in_advance, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_fetch_what_was_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_that_the_gateway_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(knows_an_answer_that_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_cleanly_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_variables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
