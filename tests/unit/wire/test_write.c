/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a writer writes, a reader reads; how that looks to Google's implementation is
 * tested in tests/wire_google.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

#define TEXT(literal) ((struct wire_str){literal, sizeof(literal) - 1})
#define ABSENT ((struct wire_str){NULL, 0})
#define PAIRS(array) ((struct wire_pairs){array, sizeof(array) / sizeof((array)[0])})

#define assert_text(str, text)                                                                     \
    do {                                                                                           \
        assert_non_null((str).data);                                                               \
        assert_int_equal((str).len, strlen(text));                                                 \
        assert_memory_equal((str).data, text, strlen(text));                                       \
    } while (0)

static uint8_t memory[4096];
static struct wire_out out;

/* An output that has something in it, so that a frame begins at an odd place. */
static int before_each(void **state)
{
    (void)state;
    memset(memory, 0xaa, sizeof(memory));
    out = (struct wire_out){
        .data = memory, .len = 3, .capacity = sizeof(memory), .tail_from = SIZE_MAX};
    return 0;
}

/* The one frame that has been written behind the three bytes. */
static struct frame written(uint8_t type)
{
    struct frame frame;
    assert_int_equal(memory[2], 0xaa);
    assert_int_equal(frame_parse(memory + 3, out.len - 3, &frame), 0);
    assert_int_equal(3 + FRAME_HEADER_SIZE + frame.size, out.len);
    assert_int_equal(frame.type, type);
    assert_null(out.tail);
    return frame;
}

static void error_frames(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 3; code++) {
        uint8_t read = 99;
        before_each(NULL);
        assert_int_equal(message_write_error(&out, (enum message_error)code), 0);
        struct frame frame = written(FRAME_ERROR);
        assert_int_equal(message_read_error(frame.payload, frame.size, &read), 0);
        assert_int_equal(read, code);
    }
}

static void prepare_conf_and_its_reply(void **state)
{
    const struct wire_pair conf[] = {{TEXT("say"), TEXT("{}")}, {TEXT("limit"), ABSENT}};
    struct message_prepare_conf read;
    uint32_t token;

    (void)state;
    assert_int_equal(message_write_prepare_conf(&out, TEXT("route#1"), PAIRS(conf)), 0);
    struct frame frame = written(FRAME_PREPARE_CONF);
    assert_int_equal(message_read_prepare_conf(frame.payload, frame.size, &read), 0);
    assert_text(read.key, "route#1");
    assert_int_equal(read.conf.count, 2);
    assert_text(message_pair_at(read.conf, 0).name, "say");
    assert_text(message_pair_at(read.conf, 0).value, "{}");
    assert_text(message_pair_at(read.conf, 1).name, "limit");
    assert_null(message_pair_at(read.conf, 1).value.data);

    before_each(NULL);
    assert_int_equal(message_write_prepare_conf_reply(&out, 0xfedcba98), 0);
    frame = written(FRAME_PREPARE_CONF);
    assert_int_equal(message_read_prepare_conf_reply(frame.payload, frame.size, &token), 0);
    assert_int_equal(token, 0xfedcba98);
}

static void prepare_conf_of_nothing(void **state)
{
    struct message_prepare_conf read;

    (void)state;
    assert_int_equal(message_write_prepare_conf(&out, ABSENT, (struct wire_pairs){NULL, 0}), 0);
    struct frame frame = written(FRAME_PREPARE_CONF);
    assert_int_equal(message_read_prepare_conf(frame.payload, frame.size, &read), 0);
    assert_null(read.key.data);
    assert_null(read.conf.first);
}

static void http_req_call(void **state)
{
    const struct wire_pair args[] = {{TEXT("a"), TEXT("")}, {ABSENT, TEXT("v")}};
    const struct wire_pair headers[] = {{TEXT("host"), TEXT("example.org")}};
    const struct message_http_req_call_write call = {
        .id = 1u << 22,
        .conf_token = 5,
        .method = 14,
        .source = TEXT("\x7f\0\0\1"),
        .path = TEXT("/p"),
        .args = PAIRS(args),
        .headers = PAIRS(headers),
    };
    struct message_http_req_call read;

    (void)state;
    assert_int_equal(message_write_http_req_call(&out, &call), 0);
    struct frame frame = written(FRAME_HTTP_REQ_CALL);
    assert_int_equal(message_read_http_req_call(frame.payload, frame.size, &read), 0);
    assert_int_equal(read.id, 1u << 22);
    assert_int_equal(read.conf_token, 5);
    assert_int_equal(read.method, 14);
    assert_int_equal(read.source.len, 4);
    assert_memory_equal(read.source.data, "\x7f\0\0\1", 4);
    assert_text(read.path, "/p");
    assert_int_equal(read.args.count, 2);
    assert_text(message_pair_at(read.args, 0).value, "");
    assert_text(message_pair_at(read.args, 1).name, "");
    assert_int_equal(read.headers.count, 1);
    assert_text(message_pair_at(read.headers, 0).value, "example.org");
}

static void http_req_reply_without_action(void **state)
{
    /* What belongs to no action is not written. */
    const struct message_http_req_reply reply = {.id = 3, .status = 500, .body = TEXT("no")};
    struct message_http_req_reply_view read;

    (void)state;
    out.tail_from = 1;
    assert_int_equal(message_write_http_req_reply(&out, &reply), 0);
    struct frame frame = written(FRAME_HTTP_REQ_CALL);
    assert_int_equal(message_read_http_req_reply(frame.payload, frame.size, &read), 0);
    assert_int_equal(read.id, 3);
    assert_int_equal(read.action, MESSAGE_ACTION_NONE);
    assert_int_equal(read.status, 0);
    assert_null(read.body.data);
}

static void stop(void **state)
{
    const struct wire_pair headers[] = {{TEXT("a"), TEXT("1")}, {TEXT("a"), TEXT("2")}};
    const struct message_http_req_reply reply = {
        .id = 3,
        .action = MESSAGE_ACTION_STOP,
        .status = 404,
        .headers = PAIRS(headers),
        .body = TEXT("hello"),
    };
    struct message_http_req_reply_view read;

    (void)state;
    assert_int_equal(message_write_http_req_reply(&out, &reply), 0);
    struct frame frame = written(FRAME_HTTP_REQ_CALL);
    assert_int_equal(message_read_http_req_reply(frame.payload, frame.size, &read), 0);
    assert_int_equal(read.action, MESSAGE_ACTION_STOP);
    assert_int_equal(read.status, 404);
    assert_int_equal(read.headers.count, 2);
    assert_text(message_pair_at(read.headers, 1).value, "2");
    assert_text(read.body, "hello");
}

static void rewrite(void **state)
{
    const struct wire_pair headers[] = {{TEXT("gone"), ABSENT}, {TEXT("set"), TEXT("1")}};
    const struct wire_pair args[] = {{TEXT("gone"), ABSENT}};
    const struct wire_pair resp_headers[] = {{TEXT("x"), TEXT("y")}};
    const struct message_http_req_reply reply = {
        .id = 3,
        .action = MESSAGE_ACTION_REWRITE,
        .path = TEXT("/new"),
        .headers = PAIRS(headers),
        .args = PAIRS(args),
        .resp_headers = PAIRS(resp_headers),
        .body = TEXT(""),
    };
    struct message_http_req_reply_view read;

    (void)state;
    assert_int_equal(message_write_http_req_reply(&out, &reply), 0);
    struct frame frame = written(FRAME_HTTP_REQ_CALL);
    assert_int_equal(message_read_http_req_reply(frame.payload, frame.size, &read), 0);
    assert_int_equal(read.action, MESSAGE_ACTION_REWRITE);
    assert_text(read.path, "/new");
    assert_null(message_pair_at(read.headers, 0).value.data);
    assert_text(message_pair_at(read.headers, 1).value, "1");
    assert_null(message_pair_at(read.args, 0).value.data);
    assert_text(message_pair_at(read.resp_headers, 0).value, "y");
    assert_text(read.body, "");
}

static void extra_info_and_its_reply(void **state)
{
    struct message_extra_info question;
    struct message_extra_info_reply answer;

    (void)state;
    for (unsigned type = MESSAGE_INFO_VAR; type <= MESSAGE_INFO_RESP_BODY; type++) {
        before_each(NULL);
        assert_int_equal(message_write_extra_info(&out, (enum message_info)type, TEXT("uri")), 0);
        struct frame frame = written(FRAME_EXTRA_INFO);
        assert_int_equal(message_read_extra_info(frame.payload, frame.size, &question), 0);
        assert_int_equal(question.type, type);
        if (type == MESSAGE_INFO_VAR)
            assert_text(question.name, "uri");
        else
            assert_null(question.name.data);
    }
    const struct wire_str results[] = {ABSENT, TEXT(""), TEXT("/p")};
    for (unsigned i = 0; i < 3; i++) {
        before_each(NULL);
        assert_int_equal(message_write_extra_info_reply(&out, results[i]), 0);
        struct frame frame = written(FRAME_EXTRA_INFO);
        assert_int_equal(message_read_extra_info_reply(frame.payload, frame.size, &answer), 0);
        assert_int_equal(!answer.result.data, !results[i].data);
        assert_int_equal(answer.result.len, results[i].len);
    }
}

static void http_resp_call_and_its_reply(void **state)
{
    const struct wire_pair headers[] = {{TEXT("Content-Type"), TEXT("text/plain")}};
    const struct message_http_resp_call_write call = {
        .id = 8, .conf_token = 9, .status = 502, .headers = PAIRS(headers)};
    const struct message_http_resp_reply reply = {
        .id = 8, .status = 201, .headers = PAIRS(headers), .body = TEXT("b")};
    struct message_http_resp_call call_read;
    struct message_http_resp_reply_view reply_read;

    (void)state;
    assert_int_equal(message_write_http_resp_call(&out, &call), 0);
    struct frame frame = written(FRAME_HTTP_RESP_CALL);
    assert_int_equal(message_read_http_resp_call(frame.payload, frame.size, &call_read), 0);
    assert_int_equal(call_read.id, 8);
    assert_int_equal(call_read.conf_token, 9);
    assert_int_equal(call_read.status, 502);
    assert_text(message_pair_at(call_read.headers, 0).name, "Content-Type");

    before_each(NULL);
    assert_int_equal(message_write_http_resp_reply(&out, &reply), 0);
    frame = written(FRAME_HTTP_RESP_CALL);
    assert_int_equal(message_read_http_resp_reply(frame.payload, frame.size, &reply_read), 0);
    assert_int_equal(reply_read.id, 8);
    assert_int_equal(reply_read.status, 201);
    assert_text(message_pair_at(reply_read.headers, 0).value, "text/plain");
    assert_text(reply_read.body, "b");
}

static void frames_follow_each_other(void **state)
{
    struct frame frame;
    uint32_t token;

    (void)state;
    assert_int_equal(message_write_error(&out, MESSAGE_BAD_REQUEST), 0);
    assert_int_equal(message_write_prepare_conf_reply(&out, 77), 0);
    assert_int_equal(frame_parse(memory + 3, out.len - 3, &frame), 0);
    const uint8_t *second = frame.payload + frame.size;
    assert_int_equal(frame_parse(second, out.len - (size_t)(second - memory), &frame), 0);
    assert_int_equal(message_read_prepare_conf_reply(frame.payload, frame.size, &token), 0);
    assert_int_equal(token, 77);
    assert_ptr_equal(frame.payload + frame.size, memory + out.len);
}

/* Every byte of a frame is written: nothing that was in memory leaves with it. */
static void leaves_no_byte_as_it_was(void **state)
{
    static uint8_t other[sizeof(memory)];
    const struct wire_pair pairs[] = {{TEXT("a"), TEXT("")}, {TEXT("abc"), ABSENT}};
    const struct message_http_req_reply rewrite_reply = {
        .action = MESSAGE_ACTION_REWRITE,
        .path = TEXT("/"),
        .headers = PAIRS(pairs),
        .args = PAIRS(pairs),
        .body = TEXT("b"),
    };
    const struct message_http_req_call_write call = {
        .source = TEXT("abcde"), .path = TEXT("abcd"), .args = PAIRS(pairs)};

    (void)state;
    for (unsigned fill = 0; fill < 2; fill++) {
        before_each(NULL);
        memset(memory, fill ? 0x55 : 0xaa, sizeof(memory));
        assert_int_equal(message_write_http_req_reply(&out, &rewrite_reply), 0);
        assert_int_equal(message_write_http_req_call(&out, &call), 0);
        assert_int_equal(message_write_error(&out, MESSAGE_BAD_REQUEST), 0);
        assert_int_equal(message_write_extra_info(&out, MESSAGE_INFO_VAR, TEXT("abc")), 0);
        if (!fill)
            memcpy(other, memory, sizeof(memory));
    }
    assert_memory_equal(memory + 3, other + 3, out.len - 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, before_each)
    const struct CMUnitTest tests[] = {
        TEST(error_frames),
        TEST(prepare_conf_and_its_reply),
        TEST(prepare_conf_of_nothing),
        TEST(http_req_call),
        TEST(http_req_reply_without_action),
        TEST(stop),
        TEST(rewrite),
        TEST(extra_info_and_its_reply),
        TEST(http_resp_call_and_its_reply),
        TEST(frames_follow_each_other),
        TEST(leaves_no_byte_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
