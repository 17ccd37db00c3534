/* SPDX-License-Identifier: Apache-2.0 */
/* The response phase. */
#include <errno.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

static struct rig rig;
static struct message_http_resp_reply_view view;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

typedef a6_result (*filter)(a6_response *res, void *conf);

static void run_with(filter first, filter second, struct wire_pairs headers)
{
    rig_plugin(&rig, "first", NULL, first);
    rig_plugin(&rig, "second", NULL, second);
    rig_chain(&rig, "first", "", "second", "", NULL);
    rig_response(&rig, &(struct rig_message){.id = 12, .status = 201, .headers = headers});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
    rig_reply_response(&rig, &view);
}

#define SOME_HEADERS                                                                               \
    RIG_PAIRS(rig_pair("X-One", "1"), rig_pair("Content-Type", "text/plain"),                      \
              rig_pair("Set-Cookie", "a=1"), rig_pair("Set-Cookie", "b=2"),                        \
              rig_pair("X-MiXeD", "yes"), rig_pair("Content-Length", "12"))

static void run(filter first, filter second)
{
    run_with(first, second, SOME_HEADERS);
}

static a6_result pass(a6_response *res, void *conf)
{
    (void)res;
    (void)conf;
    return A6_OK;
}

static a6_result see_all(a6_response *res, void *conf)
{
    a6_pair pair;
    size_t index = 0;
    (void)conf;

    assert_int_equal(a6_call_id(&res->call), 12);
    assert_int_equal(a6_response_status(res), 201);
    assert_int_equal(a6_response_header_count(res), 6);
    rig_assert_a6_str(a6_response_header(res, "content-type"), "text/plain");
    assert_null(a6_response_header(res, "x-none").data);
    assert_int_equal(a6_response_find_header(res, A6_STR("SET-COOKIE"), &index), 0);
    index++;
    assert_int_equal(a6_response_find_header(res, A6_STR("SET-COOKIE"), &index), 0);
    assert_int_equal(a6_response_header_at(res, index, &pair), 0);
    rig_assert_a6_str(pair.name, "Set-Cookie");
    rig_assert_a6_str(pair.value, "b=2");
    assert_int_equal(a6_response_header_at(res, 6, &pair), -ENOENT);
    return A6_OK;
}

static void reads_everything(void **state)
{
    (void)state;
    run(see_all, pass);
    assert_int_equal(view.status, 0);
    assert_null(view.body.data);
}

/* The gateway leaves some headers out of those that it copies itself. */
static void keeps_the_content_type_after_any_filter(void **state)
{
    (void)state;
    run(pass, pass);
    assert_int_equal(view.headers.count, 6);
    rig_assert_pair(view.headers, 1, "Content-Type", "text/plain");
}

static void tells_what_the_gateway_would_lose(void **state)
{
    static const char *const lost[] = {"Location",         "WWW-Authenticate", "content-encoding",
                                       "Content-Location", "CONTENT-LANGUAGE", "content-type"};
    static const char *const kept[] = {"Server", "Connection", "Transfer-Encoding", "Allocation",
                                       "X-Authenticates-"};

    for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        run_with(pass, pass, RIG_PAIRS(rig_pair("X-One", "1"), rig_pair(lost[i], "it")));
        assert_int_equal(view.headers.count, 2);
        rig_assert_pair(view.headers, 0, "X-One", "1");
        rig_assert_pair(view.headers, 1, lost[i], "it");
        teardown(state);
        setup(state);
    }
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        run_with(pass, pass, RIG_PAIRS(rig_pair("X-One", "1"), rig_pair(kept[i], "it")));
        assert_int_equal(view.headers.count, 0);
        teardown(state);
        setup(state);
    }
}

static void says_nothing_when_nothing_is_lost(void **state)
{
    (void)state;
    run_with(pass, pass, RIG_PAIRS(rig_pair("X-One", "1"), rig_pair("Content-Length", "5")));
    assert_int_equal(view.headers.count, 0);
}

static void says_nothing_when_no_plugin_looks(void **state)
{
    (void)state;
    run(NULL, NULL);
    assert_int_equal(view.headers.count, 0);
    assert_int_equal(rig.enter_count, 0);
}

static a6_result set_status(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_set_status(res, 99), -EINVAL);
    assert_int_equal(a6_response_set_status(res, 600), -EINVAL);
    assert_int_equal(a6_response_set_status(res, 0), -EINVAL);
    assert_int_equal(a6_response_status(res), 201);
    assert_int_equal(a6_response_set_status(res, 404), 0);
    return A6_OK;
}

static a6_result see_status(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_status(res), 404);
    return A6_OK;
}

static void sets_the_status(void **state)
{
    (void)state;
    run(set_status, see_status);
    assert_int_equal(view.status, 404);
    assert_int_equal(view.headers.count, 6);
    assert_null(view.body.data);
}

static a6_result edit_headers(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_set_header(res, A6_STR("x-one"), A6_STR("new")), 0);
    assert_int_equal(a6_response_add_header(res, A6_STR("Set-Cookie"), A6_STR("c=3")), 0);
    assert_int_equal(a6_response_delete_header(res, A6_STR("x-mixed")), 0);
    assert_int_equal(a6_response_delete_header(res, A6_STR("x-none")), 0);
    assert_int_equal(a6_response_set_header(res, A6_STR("bad name"), A6_STR("x")), -EINVAL);
    assert_int_equal(a6_response_set_header(res, A6_STR("x"), A6_STR("a\nb")), -EINVAL);
    assert_int_equal(a6_response_add_header(res, A6_STR(""), A6_STR("x")), -EINVAL);
    assert_int_equal(a6_response_add_header(res, A6_STR("x"), a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_response_delete_header(res, A6_STR("a\r\n")), -EINVAL);
    return A6_OK;
}

static a6_result see_headers(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_header_count(res), 6);
    rig_assert_a6_str(a6_response_header(res, "X-ONE"), "new");
    assert_null(a6_response_header(res, "x-mixed").data);
    return A6_OK;
}

static void sends_all_headers_when_one_changed(void **state)
{
    (void)state;
    run(edit_headers, see_headers);
    assert_int_equal(view.status, 0);
    assert_int_equal(view.headers.count, 6);
    rig_assert_pair(view.headers, 0, "x-one", "new");
    rig_assert_pair(view.headers, 1, "Content-Type", "text/plain");
    rig_assert_pair(view.headers, 2, "Set-Cookie", "a=1");
    rig_assert_pair(view.headers, 3, "Set-Cookie", "b=2");
    rig_assert_pair(view.headers, 4, "Content-Length", "12");
    rig_assert_pair(view.headers, 5, "Set-Cookie", "c=3");
}

static void leaves_out_what_is_the_connections(void **state)
{
    (void)state;
    run_with(edit_headers, pass,
             RIG_PAIRS(rig_pair("Connection", "keep-alive"), rig_pair("Keep-Alive", "timeout=5"),
                       rig_pair("Transfer-Encoding", "chunked"), rig_pair("Trailer", "x"),
                       rig_pair("Upgrade", "x"), rig_pair("Proxy-Connection", "x"),
                       rig_pair("Server", "upstream"), rig_pair("ETag", "\"1\"")));
    assert_int_equal(view.headers.count, 4);
    rig_assert_pair(view.headers, 0, "Server", "upstream");
    rig_assert_pair(view.headers, 1, "ETag", "\"1\"");
    rig_assert_pair(view.headers, 2, "x-one", "new");
    rig_assert_pair(view.headers, 3, "Set-Cookie", "c=3");
}

static a6_result delete_all(a6_response *res, void *conf)
{
    a6_pair pair;
    (void)conf;
    while (a6_response_header_at(res, 0, &pair) == 0)
        assert_int_equal(a6_response_delete_header(res, pair.name), 0);
    assert_int_equal(a6_response_header_count(res), 0);
    return A6_OK;
}

static void can_delete_all_headers(void **state)
{
    (void)state;
    run(delete_all, pass);
    /* none at all would bring the upstream's back */
    assert_int_equal(view.headers.count, 1);
    rig_assert_str(message_pair_at(view.headers, 0).name, "server");
}

static a6_result set_body(a6_response *res, void *conf)
{
    char text[] = "the new body";
    a6_str body;
    (void)conf;
    assert_int_equal(a6_response_set_body(res, A6_STR("")), -EINVAL);
    assert_int_equal(a6_response_set_body(res, a6_str_make(NULL, 5)), -EINVAL);
    assert_int_equal(a6_response_set_body(res, a6_str_make(text, 1u << 24)), -EMSGSIZE);
    assert_int_equal(a6_response_body(res, &body), 0);
    rig_assert_a6_str(body, "old");
    assert_int_equal(a6_response_set_body(res, a6_str_from(text)), 0);
    text[0] = 'x';
    rig_assert_a6_str(body, "old");
    return A6_OK;
}

static a6_result see_body(a6_response *res, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_response_body(res, &body), 0);
    rig_assert_a6_str(body, "the new body");
    return A6_OK;
}

static void sets_the_body(void **state)
{
    (void)state;
    rig.response_body = (struct wire_str){"old", 3};
    run_with(set_body, see_body,
             RIG_PAIRS(rig_pair("Content-Type", "x"), rig_pair("content-length", "3")));
    rig_assert_str(view.body, "the new body");
    assert_int_equal(view.headers.count, 1); /* the length was of another body */
    rig_assert_pair(view.headers, 0, "Content-Type", "x");
    assert_int_equal(rig.ask_count, 1);
}

static a6_result set_lengths(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_set_body(res, A6_STR("12345")), 0);
    assert_int_equal(a6_response_set_header(res, A6_STR("Content-Length"), A6_STR("3")), 0);
    assert_int_equal(a6_response_add_header(res, A6_STR("Content-Length"), A6_STR("5")), 0);
    return A6_OK;
}

static void sends_only_a_right_length(void **state)
{
    (void)state;
    run_with(set_lengths, pass, RIG_PAIRS(rig_pair("Content-Length", "3")));
    assert_int_equal(view.headers.count, 1);
    rig_assert_pair(view.headers, 0, "Content-Length", "5");
}

static a6_result set_length_alone(a6_response *res, void *conf)
{
    (void)conf;
    assert_int_equal(a6_response_set_header(res, A6_STR("Content-Length"), A6_STR("3")), 0);
    return A6_OK;
}

static void does_not_cut_the_upstreams_body(void **state)
{
    (void)state;
    run_with(set_length_alone, pass,
             RIG_PAIRS(rig_pair("X", "1"), rig_pair("Content-Length", "30")));
    assert_int_equal(view.headers.count, 1);
    rig_assert_pair(view.headers, 0, "X", "1");
}

static a6_result see_defaults(a6_response *res, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_response_status(res), 201);
    assert_int_equal(a6_response_header_count(res), 0);
    assert_int_equal(a6_response_body(res, &body), 0);
    rig_assert_a6_str(body, ""); /* present and empty */
    return A6_OK;
}

static void reads_a_bare_response(void **state)
{
    (void)state;
    rig.response_body = (struct wire_str){"", 0};
    run_with(see_defaults, pass, (struct wire_pairs){NULL, 0});
    assert_int_equal(view.headers.count, 0);
}

static a6_result set_too_much(a6_response *res, void *conf)
{
    char *large = calloc(1, FRAME_PAYLOAD_MAX);
    (void)conf;
    assert_non_null(large);
    assert_int_equal(a6_response_set_body(res, a6_str_make(large, FRAME_PAYLOAD_MAX)), 0);
    free(large);
    return A6_OK;
}

static void says_that_a_reply_is_too_large(void **state)
{
    (void)state;
    rig_plugin(&rig, "grows", NULL, set_too_much);
    rig_chain(&rig, "grows", "", NULL);
    rig_response(&rig, &(struct rig_message){.id = 1});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "plugin grows (linked in): the reply does not fit"), 1);
}

static a6_result change_or_fail(a6_response *res, void *conf)
{
    static char large[3000];
    (void)conf;
    memset(large, 'x', sizeof(large));
    for (unsigned i = 0; i < 100; i++) {
        if (a6_response_add_header(res, A6_STR("X-Many"), A6_STR("value")))
            return a6_error(&res->call, "cannot add");
    }
    if (a6_response_set_body(res, a6_str_make(large, sizeof(large))))
        return a6_error(&res->call, "cannot set");
    return A6_OK;
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    rig_plugin(&rig, "changes", NULL, change_or_fail);
    rig_chain(&rig, "changes", "", NULL);
    rig_response(&rig, &(struct rig_message){.id = 1, .headers = SOME_HEADERS});
    for (unsigned n = 0; n < 100; n++) {
        enum call_next next = CALL_WAITING;
        int failed;
        bool hit;

        call_end(&rig.call);
        call_free(&rig.call);
        fail_alloc_after(n);
        failed = call_begin(&rig.call, FRAME_HTTP_RESP_CALL, rig.frame, rig.frame_size);
        if (!failed) {
            call_start(&rig.call, rig.chain);
            next = call_run(&rig.call, false);
            rig.out.len = 0;
            failed = call_write_reply(&rig.call, &rig.out);
        }
        fail_alloc_off();
        hit = fail_alloc_hit();
        if (failed) {
            assert_int_equal(failed, -ENOMEM);
            assert_true(hit);
            assert_int_equal(rig.out.len, 0);
            continue;
        }
        assert_int_equal(next, CALL_DONE);
        assert_int_equal(frame_parse(rig.out.data, rig.out.len, &rig.reply), 0);
        assert_int_equal(rig.reply.type, hit ? FRAME_ERROR : FRAME_HTTP_RESP_CALL);
        if (!hit)
            return;
    }
    fail_msg("it never ends");
}

static void refuses_frames_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(call_begin(&rig.call, FRAME_HTTP_RESP_CALL, (const uint8_t *)"abcd", 4),
                     -EBADMSG);
    call_end(&rig.call);
    assert_int_equal(call_begin(&rig.call, FRAME_HTTP_REQ_CALL, NULL, 0), -EBADMSG);
    call_end(&rig.call);
    assert_int_equal(call_begin(&rig.call, FRAME_PREPARE_CONF, (const uint8_t *)"abcd", 4),
                     -EBADMSG);
    call_end(&rig.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_the_content_type_after_any_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_what_the_gateway_would_lose, setup, teardown),
        cmocka_unit_test_setup_teardown(says_nothing_when_nothing_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(says_nothing_when_no_plugin_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_the_status, setup, teardown),
        cmocka_unit_test_setup_teardown(sends_all_headers_when_one_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_out_what_is_the_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(can_delete_all_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(sends_only_a_right_length, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_cut_the_upstreams_body, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_a_bare_response, setup, teardown),
        cmocka_unit_test_setup_teardown(says_that_a_reply_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_cleanly_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_frames_that_are_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
