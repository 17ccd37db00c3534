/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway answers when a runner asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/answers.h"
#include "support/fail_alloc.h"

#define TEXT(literal) ((struct wire_str){.data = "" literal, .len = sizeof(literal) - 1})
#define ABSENT ((struct wire_str){0})

static struct wire_str ask(const struct answers *answers, struct answers_turn *turn,
                           enum message_info type, struct wire_str name)
{
    const struct message_extra_info question = {.type = type, .name = name};
    struct answers_frame found = answers_find(answers, turn, &question);
    struct message_extra_info_reply reply;
    struct frame frame;

    assert_int_equal(frame_parse(found.data, found.len, &frame), 0);
    assert_int_equal(found.len, FRAME_HEADER_SIZE + frame.size);
    assert_int_equal(frame.type, FRAME_EXTRA_INFO);
    assert_int_equal(message_read_extra_info_reply(frame.payload, frame.size, &reply), 0);
    return reply.result;
}

static void assert_text(struct wire_str text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void variables(void **state)
{
    struct answers_turn turn = {0};
    struct answers answers;

    (void)state;
    assert_int_equal(answers_init(&answers), 0);
    assert_int_equal(answers_add_variable(&answers, TEXT("uri"), TEXT("/x")), 0);
    assert_int_equal(answers_add_variable(&answers, TEXT("empty"), TEXT("")), 0);
    assert_int_equal(answers_add_variable(&answers, TEXT("uri"), TEXT("/later")), 0);
    assert_text(ask(&answers, &turn, MESSAGE_INFO_VAR, TEXT("uri")), "/x");
    assert_text(ask(&answers, &turn, MESSAGE_INFO_VAR, TEXT("empty")), "");
    assert_null(ask(&answers, &turn, MESSAGE_INFO_VAR, TEXT("ur")).data);
    assert_null(ask(&answers, &turn, MESSAGE_INFO_VAR, ABSENT).data);
    assert_null(ask(&answers, &turn, (enum message_info)9, ABSENT).data);
    assert_int_equal(turn.asked, 5);
    answers_free(&answers);
}

static void bodies(void **state)
{
    struct answers_turn request = {0}, response = {.response_phase = true};
    struct answers answers;

    (void)state;
    assert_int_equal(answers_init(&answers), 0);
    assert_null(ask(&answers, &request, MESSAGE_INFO_REQ_BODY, ABSENT).data);
    assert_int_equal(answers_set_request_body(&answers, TEXT("")), 0);
    assert_null(ask(&answers, &request, MESSAGE_INFO_REQ_BODY, ABSENT).data);
    assert_int_equal(answers_set_request_body(&answers, TEXT("body")), 0);
    assert_int_equal(answers_set_response_body(&answers, TEXT("")), 0);
    /* as often as it is asked for, in both phases */
    assert_text(ask(&answers, &request, MESSAGE_INFO_REQ_BODY, ABSENT), "body");
    assert_text(ask(&answers, &request, MESSAGE_INFO_REQ_BODY, ABSENT), "body");
    assert_text(ask(&answers, &response, MESSAGE_INFO_REQ_BODY, ABSENT), "body");
    /* only in its phase, and once; an empty one is there */
    assert_null(ask(&answers, &request, MESSAGE_INFO_RESP_BODY, ABSENT).data);
    assert_text(ask(&answers, &response, MESSAGE_INFO_RESP_BODY, ABSENT), "");
    assert_null(ask(&answers, &response, MESSAGE_INFO_RESP_BODY, ABSENT).data);
    answers_free(&answers);
}

static void a_body_that_no_frame_takes(void **state)
{
    static char large[FRAME_PAYLOAD_MAX];
    struct answers answers;

    (void)state;
    assert_int_equal(answers_init(&answers), 0);
    assert_int_equal(
        answers_set_request_body(&answers, (struct wire_str){.data = large, .len = sizeof(large)}),
        -EMSGSIZE);
    assert_int_equal(answers_set_request_body(
                         &answers, (struct wire_str){.data = large, .len = sizeof(large) - 64}),
                     0);
    answers_free(&answers);
}

static int fill(struct answers *answers)
{
    int status = answers_init(answers);

    if (status == 0)
        status = answers_add_variable(answers, TEXT("a"), TEXT("1"));
    if (status == 0)
        status = answers_add_variable(answers, TEXT("b"), TEXT("2"));
    if (status == 0)
        status = answers_set_request_body(answers, TEXT("body"));
    return status;
}

static void every_allocation_can_fail(void **state)
{
    struct answers answers;

    (void)state;
    for (unsigned n = 0;; n++) {
        int status;

        fail_alloc_after(n);
        status = fill(&answers);
        fail_alloc_off();
        answers_free(&answers);
        if (fail_alloc_count() <= n) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(status, -ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables),
        cmocka_unit_test(bodies),
        cmocka_unit_test(a_body_that_no_frame_takes),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
