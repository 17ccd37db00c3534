/* SPDX-License-Identifier: Apache-2.0 */
/* Answering a request instead of the upstream. */
#include <errno.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

static struct rig rig;
static struct message_http_req_reply_view view;
static char *large;
static unsigned after;

static int setup(void **state)
{
    (void)state;
    after = 0;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static a6_result count(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    after++;
    return A6_OK;
}

static void answer(a6_result (*filter)(a6_request *req, void *conf))
{
    rig_plugin(&rig, "answers", filter, NULL);
    rig_plugin(&rig, "after", count, NULL);
    rig_chain(&rig, "answers", "", "after", "", NULL);
    rig_request(&rig, &(struct rig_message){
                          .id = 5, .path = "/", .headers = RIG_PAIRS(rig_pair("host", "h"))});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
    rig_reply_request(&rig, &view);
    assert_int_equal(view.action, MESSAGE_ACTION_STOP);
    assert_int_equal(after, 0);
}

static a6_result full(a6_request *req, void *conf)
{
    char piece[] = "hello";
    (void)conf;
    assert_int_equal(a6_answer_header(req, A6_STR("X"), A6_STR("y")), -EPROTO);
    assert_int_equal(a6_answer_write(req, A6_STR("early")), -EPROTO);
    assert_int_equal(a6_request_set_header(req, A6_STR("x"), A6_STR("y")), 0);
    assert_int_equal(a6_answer(req, 99), -EINVAL);
    assert_int_equal(a6_answer(req, 600), -EINVAL);
    assert_int_equal(a6_answer(req, 0), -EINVAL);
    assert_int_equal(a6_answer_write(req, A6_STR("early")), -EPROTO);
    assert_int_equal(a6_answer(req, 100), 0);
    assert_int_equal(a6_answer_header(req, A6_STR("X-One"), a6_str_from(piece)), 0);
    assert_int_equal(a6_answer_write(req, a6_str_from(piece)), 0);
    memset(piece, 'x', 5);
    assert_int_equal(a6_answer_write(req, A6_STR("")), 0);
    assert_int_equal(a6_answer_write(req, a6_str_make(NULL, 0)), 0);
    assert_int_equal(a6_answer_write(req, a6_str_make(NULL, 1)), -EINVAL);
    assert_int_equal(a6_answer_write(req, A6_STR(", world\0")), 0);
    assert_int_equal(a6_answer_header(req, A6_STR("X-One"), A6_STR("")), 0);
    assert_int_equal(a6_answer_header(req, A6_STR("X One"), A6_STR("")), -EINVAL);
    assert_int_equal(a6_answer_header(req, A6_STR("X"), A6_STR("a\r\nb: c")), -EINVAL);
    assert_int_equal(a6_answer_header(req, A6_STR("X"), a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_answer(req, 700), -EINVAL);
    assert_int_equal(a6_answer(req, 599), 0);
    return A6_OK;
}

static void answers(void **state)
{
    (void)state;
    answer(full);
    assert_int_equal(view.status, 599);
    assert_int_equal(view.headers.count, 2);
    rig_assert_pair(view.headers, 0, "X-One", "hello");
    rig_assert_pair(view.headers, 1, "X-One", "");
    assert_int_equal(view.body.len, 13);
    assert_memory_equal(view.body.data, "hello, world\0", 13);
}

static a6_result bare(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_answer(req, 204), 0);
    assert_int_equal(a6_request_set_path(req, A6_STR("/")), -EALREADY);
    assert_int_equal(a6_request_set_arg(req, A6_STR("a"), A6_STR("")), -EALREADY);
    assert_int_equal(a6_request_add_arg(req, A6_STR("a"), A6_STR("")), -EALREADY);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("a")), -EALREADY);
    assert_int_equal(a6_request_set_header(req, A6_STR("a"), A6_STR("")), -EALREADY);
    assert_int_equal(a6_request_add_header(req, A6_STR("a"), A6_STR("")), -EALREADY);
    assert_int_equal(a6_request_delete_header(req, A6_STR("a")), -EALREADY);
    assert_int_equal(a6_request_set_body(req, A6_STR("a")), -EALREADY);
    assert_int_equal(a6_request_add_response_header(req, A6_STR("a"), A6_STR("")), -EALREADY);
    rig_assert_a6_str(a6_request_header(req, "host"), "h");
    return A6_OK;
}

static void ends_changes(void **state)
{
    (void)state;
    answer(bare);
    assert_int_equal(view.status, 204);
    assert_int_equal(view.headers.count, 0);
    assert_null(view.body.data);
}

static a6_result one_byte(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    assert_int_equal(a6_answer_write(req, A6_STR("1")), 0);
    return A6_OK;
}

static void answers_one_byte(void **state)
{
    (void)state;
    answer(one_byte);
    rig_assert_str(view.body, "1");
}

static a6_result pieces(a6_request *req, void *conf)
{
    char text[8];
    (void)conf;
    a6_answer(req, 200);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "%05u", i);
        assert_int_equal(a6_answer_write(req, a6_str_from(text)), 0);
        if (i == 500) /* what comes in between does not harm it */
            assert_int_equal(a6_answer_header(req, A6_STR("X-Between"), A6_STR("b")), 0);
    }
    return A6_OK;
}

static void appends_in_pieces(void **state)
{
    char text[8];
    (void)state;
    answer(pieces);
    assert_int_equal(view.body.len, 100000);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "%05u", i);
        assert_memory_equal(view.body.data + i * 5, text, 5);
    }
}

static a6_result many_headers(a6_request *req, void *conf)
{
    char name[16];
    (void)conf;
    a6_answer(req, 200);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "X-%u", i);
        assert_int_equal(a6_answer_header(req, a6_str_from(name), a6_str_from(name + 2)), 0);
    }
    return A6_OK;
}

static void answers_with_many_headers(void **state)
{
    char name[16];
    (void)state;
    answer(many_headers);
    assert_int_equal(view.headers.count, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "X-%u", i);
        rig_assert_pair(view.headers, i, name, name + 2);
    }
}

static a6_result lengths(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    assert_int_equal(a6_answer_header(req, A6_STR("Content-Length"), A6_STR("3")), 0);
    assert_int_equal(a6_answer_header(req, A6_STR("content-length"), A6_STR("5")), 0);
    assert_int_equal(a6_answer_header(req, A6_STR("X-After"), A6_STR("3")), 0);
    assert_int_equal(a6_answer_write(req, A6_STR("12345")), 0);
    return A6_OK;
}

static a6_result head(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    assert_int_equal(a6_answer_header(req, A6_STR("Content-Length"), A6_STR("3")), 0);
    return A6_OK;
}

static void leaves_out_a_wrong_content_length(void **state)
{
    (void)state;
    answer(lengths);
    assert_int_equal(view.headers.count, 2);
    rig_assert_pair(view.headers, 0, "content-length", "5");
    rig_assert_pair(view.headers, 1, "X-After", "3");
    rig_close(&rig);
    rig_open(&rig);
    answer(head); /* there is no such body */
    assert_int_equal(view.headers.count, 0);
    rig_request(&rig, &(struct rig_message){.id = 5, .method = A6_HEAD});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_request(&rig, &view); /* but HEAD is told of it */
    rig_assert_pair(view.headers, 0, "Content-Length", "3");
}

/* Fills the answer up to what a frame takes, and not a byte more. */
static a6_result fill(a6_request *req, void *conf)
{
    size_t left = FRAME_PAYLOAD_MAX;
    (void)conf;
    a6_answer(req, 200);
    assert_int_equal(a6_answer_header(req, A6_STR("X-One"), A6_STR("1")), 0);
    assert_int_equal(a6_answer_write(req, a6_str_make(large, FRAME_PAYLOAD_MAX)), -EMSGSIZE);
    assert_int_equal(a6_answer_write(req, a6_str_make(large, FRAME_PAYLOAD_MAX + 1ul)), -EMSGSIZE);
    for (size_t piece = 1u << 23; piece > 0; piece /= 2) {
        int failed = a6_answer_write(req, a6_str_make(large, piece));
        assert_true(failed == 0 || failed == -EMSGSIZE);
        if (!failed)
            left -= piece;
    }
    assert_int_equal(a6_answer_write(req, A6_STR("x")), -EMSGSIZE);
    assert_int_equal(a6_answer_header(req, A6_STR("y"), A6_STR("z")), -EMSGSIZE);
    assert_in_range(left, 1, 200);
    return A6_OK;
}

static void fills_a_frame_to_the_last_byte(void **state)
{
    (void)state;
    large = calloc(1, 1u << 24);
    assert_non_null(large);
    answer(fill);
    assert_int_equal(rig.reply.size, FRAME_PAYLOAD_MAX);
    free(large);
}

static a6_result answer_large(a6_request *req, void *conf)
{
    (void)conf;
    a6_answer(req, 200);
    assert_int_equal(a6_answer_write(req, a6_str_make(large, 100000)), 0);
    return A6_OK;
}

static void does_not_copy_a_large_body_twice(void **state)
{
    struct wire_out out;
    (void)state;
    large = calloc(1, 100000);
    assert_non_null(large);
    rig_plugin(&rig, "answers", answer_large, NULL);
    rig_chain(&rig, "answers", "", NULL);
    rig_request(&rig, &(struct rig_message){.id = 5});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig.out.tail_from = 16384;
    assert_int_equal(call_write_reply(&rig.call, &rig.out), 0);
    out = rig.out;
    assert_int_equal(out.tail_len, 100000);
    assert_true(out.len < 200);
    assert_memory_equal(out.tail, large, 100000);
    free(large);
}

static a6_result set_too_much(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_body(req, a6_str_make(large, FRAME_PAYLOAD_MAX)), 0);
    return A6_OK;
}

static void says_that_a_reply_is_too_large(void **state)
{
    (void)state;
    large = calloc(1, FRAME_PAYLOAD_MAX);
    assert_non_null(large);
    rig_plugin(&rig, "grows", set_too_much, NULL);
    rig_plugin(&rig, "after", count, NULL);
    rig_chain(&rig, "grows", "", "after", "", NULL);
    for (unsigned i = 0; i < 2; i++) {
        rig_request(&rig, &(struct rig_message){.id = 5});
        assert_int_equal(rig_run(&rig), CALL_DONE);
        rig_reply_error(&rig);
    }
    assert_int_equal(rig_logged(&rig, "plugin grows (linked in): the reply does not fit"), 1);
    assert_int_equal(rig_logged(&rig, "route#1#ext-plugin-pre-req#42"), 1);
    free(large);
}

/* ---- every allocation fails once ---- */

static a6_result try_to_answer(a6_request *req, void *conf)
{
    (void)conf;
    for (unsigned i = 0; i < 200; i++) {
        int failed = a6_request_set_header(req, A6_STR("x"), A6_STR("y"));
        if (failed)
            return a6_error(&req->call, "cannot set: %d", failed);
    }
    if (a6_answer(req, 200) || a6_answer_header(req, A6_STR("X"), A6_STR("y")) ||
        a6_answer_write(req, A6_STR("start")) || a6_answer_write(req, a6_str_make(large, 3000)) ||
        a6_answer_write(req, a6_str_make(large, 90000)))
        return a6_error(&req->call, "cannot answer");
    return A6_OK;
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    large = calloc(1, 90000);
    assert_non_null(large);
    rig_plugin(&rig, "answers", try_to_answer, NULL);
    rig_chain(&rig, "answers", "", NULL);
    rig_request(&rig, &(struct rig_message){.id = 5}); /* the frame is made */
    for (unsigned n = 0; n < 100; n++) {
        bool hit;

        call_end(&rig.call);
        call_free(&rig.call);
        fail_alloc_after(n);
        if (call_begin(&rig.call, FRAME_HTTP_REQ_CALL, rig.frame, rig.frame_size) == -ENOMEM) {
            fail_alloc_off();
            assert_int_equal(n, 0);
            continue;
        }
        call_start(&rig.call, rig.chain);
        assert_int_equal(call_run(&rig.call, false), CALL_DONE);
        fail_alloc_off();
        hit = fail_alloc_hit();
        assert_int_equal(rig.call.failed, hit);
        if (hit) {
            rig_reply_error(&rig);
            continue;
        }
        rig_reply_request(&rig, &view);
        assert_int_equal(view.body.len, 93005);
        free(large);
        return;
    }
    fail_msg("it never ends");
}

static a6_result plain(a6_request *req, void *conf)
{
    (void)conf;
    assert_null(a6_get(&req->call, A6_STR("k")));
    a6_set(&req->call, A6_STR("k"), req);
    a6_answer(req, 200);
    a6_answer_header(req, A6_STR("X-Resp-A6-Runner"), A6_STR("C"));
    a6_answer_write(req, A6_STR("hello"));
    return A6_OK;
}

static void takes_no_memory_for_the_next_call(void **state)
{
    (void)state;
    rig_plugin(&rig, "answers", plain, NULL);
    rig_chain(&rig, "answers", "", NULL);
    rig_request(&rig, &(struct rig_message){.id = 5, .path = "/"});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_request(&rig, &view);
    fail_alloc_after(1000);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(call_begin(&rig.call, FRAME_HTTP_REQ_CALL, rig.frame, rig.frame_size), 0);
        call_start(&rig.call, rig.chain);
        assert_int_equal(call_run(&rig.call, false), CALL_DONE);
        rig_reply_request(&rig, &view);
    }
    fail_alloc_off();
    assert_int_equal(fail_alloc_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_one_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(appends_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_with_many_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_out_a_wrong_content_length, setup, teardown),
        cmocka_unit_test_setup_teardown(fills_a_frame_to_the_last_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_copy_a_large_body_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(says_that_a_reply_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_cleanly_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_no_memory_for_the_next_call, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
