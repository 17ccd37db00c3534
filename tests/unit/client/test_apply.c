/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway makes of a reply, as it was seen to do it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/apply.h"
#include "client/heap_out.h"
#include "support/fail_alloc.h"

#define TEXT(literal) ((struct wire_str){.data = "" literal, .len = sizeof(literal) - 1})
#define ABSENT ((struct wire_str){0})
#define PAIRS(array) ((struct wire_pairs){.first = array, .count = sizeof(array) / sizeof(*array)})

static struct arena arena;
static struct wire_out out;
static struct apply_outcome outcome;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)1 << 20);
    heap_out_init(&out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    heap_out_free(&out);
    return 0;
}

/* The reply goes over the wire first, as the applied one always has. */
static void take_reply(const struct message_http_req_reply *reply,
                       struct message_http_req_reply_view *view)
{
    out.len = 0;
    assert_int_equal(message_write_http_req_reply(&out, reply), 0);
    assert_int_equal(message_read_http_req_reply(out.data + FRAME_HEADER_SIZE,
                                                 (uint32_t)(out.len - FRAME_HEADER_SIZE), view),
                     0);
}

static void apply(const struct apply_request *request, const struct message_http_req_reply *reply)
{
    struct message_http_req_reply_view view;

    take_reply(reply, &view);
    assert_int_equal(apply_req_reply(&arena, request, &view, &outcome), 0);
}

static void apply_response(const struct apply_response *response,
                           const struct message_http_resp_reply *reply)
{
    struct message_http_resp_reply_view view;

    out.len = 0;
    assert_int_equal(message_write_http_resp_reply(&out, reply), 0);
    assert_int_equal(message_read_http_resp_reply(out.data + FRAME_HEADER_SIZE,
                                                  (uint32_t)(out.len - FRAME_HEADER_SIZE), &view),
                     0);
    assert_int_equal(apply_resp_reply(&arena, response, &view, &outcome), 0);
}

/* "+x-new: 1|-x-old: 2|~x: 3<2|" */
static const char *shown(struct apply_fields fields)
{
    static char text[1024];
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < fields.count; i++) {
        const struct apply_field *field = &fields.first[i];

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%c%.*s%s%.*s", " +~-"[field->mark],
                               (int)field -> name.len, field->name.data,
                               field->value.data ? ": " : "", (int)field->value.len,
                               field->value.data ? field->value.data : "");
        if (field->mark == APPLY_CHANGED)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "<%.*s", (int)field->before.len,
                                   field->before.data);
        at += (size_t)snprintf(text + at, sizeof(text) - at, "|");
    }
    return text;
}

static void assert_text(struct wire_str text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static bool noted(const char *part)
{
    for (uint32_t i = 0; i < outcome.note_count; i++)
        if (strstr(outcome.notes[i], part))
            return true;
    return false;
}

static void no_action_changes_nothing(void **state)
{
    const struct wire_pair headers[] = {{TEXT("host"), TEXT("a")}};
    const struct apply_request request = {
        .target = TEXT("/p%20q?x=%26"), .path = TEXT("/p q"), .headers = PAIRS(headers)};

    (void)state;
    apply(&request, &(struct message_http_req_reply){0});
    assert_false(outcome.stopped);
    assert_false(outcome.client.present);
    assert_true(outcome.upstream.present);
    assert_int_equal(outcome.upstream.start, APPLY_SAME);
    assert_text(outcome.upstream.target, "/p%20q?x=%26");
    assert_string_equal(shown(outcome.upstream.headers), " host: a|");
    assert_int_equal(outcome.note_count, 0);
}

static void stop_answers_the_client(void **state)
{
    const struct wire_pair headers[] = {{TEXT("X-Stop"), TEXT("1")},
                                        {TEXT("Server"), TEXT("mine")},
                                        {TEXT("Set-Cookie"), TEXT("a=1")},
                                        {TEXT("set-cookie"), TEXT("b=2")}};
    const struct message_http_req_reply reply = {
        .action = MESSAGE_ACTION_STOP, .headers = PAIRS(headers), .body = TEXT("no status")};

    (void)state;
    apply(&(struct apply_request){.target = TEXT("/")}, &reply);
    assert_true(outcome.stopped);
    assert_false(outcome.upstream.present);
    assert_int_equal(outcome.client.status, 200); /* 0 counts as 200 */
    assert_string_equal(shown(outcome.client.headers), "+x-stop: 1|+set-cookie: a=1|"
                                                       "+set-cookie: b=2|");
    assert_text(outcome.client.body, "no status");
    assert_true(noted("Server"));
}

static void stop_with_odd_status(void **state)
{
    struct message_http_req_reply reply = {.action = MESSAGE_ACTION_STOP, .status = 401};
    const struct apply_request request = {.target = TEXT("/")};

    (void)state;
    apply(&request, &reply);
    assert_true(noted("error page"));
    reply.status = 99;
    apply(&request, &reply);
    assert_true(noted("hang"));
    reply.status = 700;
    apply(&request, &reply);
    assert_true(noted("599"));
}

static void rewrite_encodes_the_path(void **state)
{
    const struct apply_request request = {.target = TEXT("/s?keep=1"), .path = TEXT("/s")};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .path = TEXT("/a b/\xe4\xbd\xa0?x=1&y=#frag%20")};

    (void)state;
    apply(&request, &reply);
    assert_int_equal(outcome.upstream.start, APPLY_CHANGED);
    assert_text(outcome.upstream.target, "/a%20b/%E4%BD%A0%3Fx=1&y=%23frag%2520?keep=1");
    assert_text(outcome.upstream.target_before, "/s?keep=1");
}

static void rewrite_args(void **state)
{
    const struct wire_pair args[] = {{TEXT("chg"), TEXT("orig")}, {TEXT("del"), TEXT("1")},
                                     {TEXT("keep"), TEXT("k")},   {TEXT("flag"), ABSENT},
                                     {TEXT("rep"), TEXT("1")},    {TEXT("rep"), TEXT("2")}};
    const struct wire_pair changes[] = {
        {TEXT("new"), TEXT("1")},  {TEXT("chg"), TEXT("changed")}, {TEXT("del"), ABSENT},
        {TEXT("two"), TEXT("a")},  {TEXT("two"), TEXT("b")},       {TEXT("sp"), TEXT("a b&c=d")},
        {TEXT("empty"), TEXT("")}, {TEXT("rep"), TEXT("3")},       {TEXT("unknown"), ABSENT}};
    const struct apply_request request = {
        .target = TEXT("/s?chg=orig&del=1&keep=k&flag&rep=1&rep=2"), .args = PAIRS(args)};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .args = PAIRS(changes)};

    (void)state;
    apply(&request, &reply);
    assert_text(outcome.upstream.target,
                "/s?chg=changed&keep=k&flag&rep=3&new=1&two=a&two=b&sp=a%20b%26c%3Dd&empty=");
    assert_string_equal(shown(outcome.upstream.args),
                        "~chg: changed<orig|-del: 1| keep: k| flag|~rep: 3<1|-rep: 2|+new: 1|"
                        "+two: a|+two: b|+sp: a b&c=d|+empty: |");
}

static void rewrite_deletes_the_last_arg(void **state)
{
    const struct wire_pair args[] = {{TEXT("a"), TEXT("1")}};
    const struct wire_pair changes[] = {{TEXT("a"), ABSENT}};
    const struct apply_request request = {.target = TEXT("/s?a=1"), .args = PAIRS(args)};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .args = PAIRS(changes)};

    (void)state;
    apply(&request, &reply);
    assert_text(outcome.upstream.target, "/s");
}

static void rewrite_headers(void **state)
{
    const struct wire_pair headers[] = {
        {TEXT("host"), TEXT("h")},     {TEXT("x-change"), TEXT("orig")},
        {TEXT("x-del"), TEXT("orig")}, {TEXT("x-keep"), TEXT("kept")},
        {TEXT("x-rep"), TEXT("1")},    {TEXT("x-rep"), TEXT("2")}};
    const struct wire_pair changes[] = {
        {TEXT("X-New"), TEXT("1")},     {TEXT("X-Change"), TEXT("changed")},
        {TEXT("X-Del"), ABSENT},        {TEXT("Host"), TEXT("r")},
        {TEXT("X-Two"), TEXT("a")},     {TEXT("X-Two"), TEXT("b")},
        {TEXT("X-Keep"), TEXT("kept")}, {TEXT("X-Empty"), TEXT("")},
        {TEXT("x-rep"), TEXT("3")}};
    const struct apply_request request = {.target = TEXT("/"), .headers = PAIRS(headers)};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .headers = PAIRS(changes)};

    (void)state;
    apply(&request, &reply);
    assert_string_equal(shown(outcome.upstream.headers),
                        "~host: r<h|~x-change: changed<orig|-x-del: orig| x-keep: kept|"
                        "~x-rep: 3<1|-x-rep: 2|+X-New: 1|+X-Two: b|");
    assert_true(noted("empty value"));
}

/* Set, deleted and set again: the last word counts, against what was there first. */
static void rewrite_header_back_and_forth(void **state)
{
    const struct wire_pair headers[] = {{TEXT("a"), TEXT("1")}};
    const struct wire_pair changes[] = {{TEXT("a"), TEXT("2")},
                                        {TEXT("a"), ABSENT},
                                        {TEXT("b"), TEXT("1")},
                                        {TEXT("b"), ABSENT},
                                        {TEXT("a"), TEXT("1")}};
    const struct apply_request request = {.target = TEXT("/"), .headers = PAIRS(headers)};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .headers = PAIRS(changes)};

    (void)state;
    apply(&request, &reply);
    assert_string_equal(shown(outcome.upstream.headers), " a: 1|");
}

static void rewrite_body(void **state)
{
    const struct wire_pair headers[] = {{TEXT("content-length"), TEXT("22")}};
    struct apply_request request = {
        .target = TEXT("/"), .headers = PAIRS(headers), .body = TEXT("original body is longer")};
    struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                           .body = TEXT("rewritten body")};

    (void)state;
    apply(&request, &reply);
    assert_int_equal(outcome.upstream.body_mark, APPLY_CHANGED);
    assert_text(outcome.upstream.body, "rewritten body");
    assert_string_equal(shown(outcome.upstream.headers), "~content-length: 14<22|");

    request.body = ABSENT; /* a body works on a GET too */
    request.headers.count = 0;
    apply(&request, &reply);
    assert_int_equal(outcome.upstream.body_mark, APPLY_ADDED);
    assert_string_equal(shown(outcome.upstream.headers), "+content-length: 14|");

    request.body = TEXT("original");
    reply.body = TEXT("");
    apply(&request, &reply);
    assert_int_equal(outcome.upstream.body_mark, APPLY_SAME);
    assert_text(outcome.upstream.body, "original");
    assert_true(noted("empty body"));
}

static void rewrite_response_headers(void **state)
{
    const struct wire_pair headers[] = {
        {TEXT("X-Resp"), TEXT("1")},   {TEXT("X-Two"), TEXT("a")},
        {TEXT("X-Two"), TEXT("b")},    {TEXT("Content-Type"), TEXT("text/plain")},
        {TEXT("Location"), TEXT("/")}, {TEXT("Set-Cookie"), TEXT("r=1")}};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .resp_headers = PAIRS(headers)};

    (void)state;
    apply(&(struct apply_request){.target = TEXT("/")}, &reply);
    assert_true(outcome.client.present);
    assert_int_equal(outcome.client.status, 0);
    assert_string_equal(shown(outcome.client.headers),
                        "+x-resp: 1|+x-two: a|+x-two: b|+set-cookie: r=1|");
    assert_int_equal(outcome.note_count, 1);
}

static void unknown_action_is_an_error(void **state)
{
    const struct message_http_req_reply_view view = {.action = 3};

    (void)state;
    assert_int_equal(
        apply_req_reply(&arena, &(struct apply_request){.target = TEXT("/")}, &view, &outcome),
        -EBADMSG);
}

static const struct wire_pair upstream_headers[] = {{TEXT("X-One"), TEXT("1")},
                                                    {TEXT("X-Multi"), TEXT("a")},
                                                    {TEXT("X-Multi"), TEXT("b")},
                                                    {TEXT("Content-Type"), TEXT("text/plain")},
                                                    {TEXT("Content-Length"), TEXT("12")}};
static const struct apply_response upstream_response = {
    .status = 200,
    .headers = {.first = upstream_headers, .count = 5},
    .body = {.data = "header test\n", .len = 12},
};

static void response_without_headers_loses_ten(void **state)
{
    (void)state;
    apply_response(&upstream_response, &(struct message_http_resp_reply){.status = 203});
    assert_int_equal(outcome.client.status, 203);
    assert_int_equal(outcome.client.start, APPLY_CHANGED);
    assert_string_equal(shown(outcome.client.headers),
                        " X-One: 1| X-Multi: a| X-Multi: b|-Content-Type: text/plain|"
                        "-Content-Length: 12|");
    assert_int_equal(outcome.client.body_mark, APPLY_SAME);
    assert_true(noted("Content-Type"));
}

static void response_with_a_header_has_only_those(void **state)
{
    const struct wire_pair headers[] = {{TEXT("x-multi"), TEXT("b")},
                                        {TEXT("content-type"), TEXT("text/html")},
                                        {TEXT("x-new"), TEXT("1")}};

    (void)state;
    apply_response(&upstream_response, &(struct message_http_resp_reply){.headers = PAIRS(headers),
                                                                         .body = TEXT("new")});
    assert_int_equal(outcome.client.status, 200);
    assert_int_equal(outcome.client.start, APPLY_SAME);
    assert_string_equal(shown(outcome.client.headers),
                        " x-multi: b|~content-type: text/html<text/plain|+x-new: 1|-X-One: 1|"
                        "-X-Multi: a|-Content-Length: 12|");
    assert_int_equal(outcome.client.body_mark, APPLY_CHANGED);
    assert_text(outcome.client.body, "new");
}

static void response_with_an_empty_body_keeps_the_old(void **state)
{
    (void)state;
    apply_response(&upstream_response, &(struct message_http_resp_reply){.body = TEXT("")});
    assert_int_equal(outcome.client.body_mark, APPLY_SAME);
    assert_text(outcome.client.body, "header test\n");
    assert_true(noted("empty body"));
}

static void every_allocation_can_fail(void **state)
{
    const struct wire_pair pairs[] = {{TEXT("a"), TEXT("1")}};
    const struct apply_request request = {.target = TEXT("/"), .headers = PAIRS(pairs)};
    const struct message_http_req_reply reply = {.action = MESSAGE_ACTION_REWRITE,
                                                 .path = TEXT("/x"),
                                                 .headers = PAIRS(pairs),
                                                 .args = PAIRS(pairs),
                                                 .resp_headers = PAIRS(pairs),
                                                 .body = TEXT("b")};
    struct message_http_req_reply_view view;
    unsigned n;

    (void)state;
    take_reply(&reply, &view);
    for (n = 0;; n++) {
        int status;

        arena_free(&arena);
        arena_init(&arena, 4096);
        fail_alloc_after(n);
        status = apply_req_reply(&arena, &request, &view, &outcome);
        fail_alloc_off();
        if (fail_alloc_count() <= n)
            break;
        assert_int_equal(status, -ENOMEM);
    }
    assert_true(n > 0);
    arena_free(&arena);
    for (size_t max = 0; max < 4096; max += 16) { /* and the arena's own limit */
        arena_init(&arena, max);
        if (apply_req_reply(&arena, &request, &view, &outcome) == 0)
            assert_true(max >= 64);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_action_changes_nothing),
        cmocka_unit_test(stop_answers_the_client),
        cmocka_unit_test(stop_with_odd_status),
        cmocka_unit_test(rewrite_encodes_the_path),
        cmocka_unit_test(rewrite_args),
        cmocka_unit_test(rewrite_deletes_the_last_arg),
        cmocka_unit_test(rewrite_headers),
        cmocka_unit_test(rewrite_header_back_and_forth),
        cmocka_unit_test(rewrite_body),
        cmocka_unit_test(rewrite_response_headers),
        cmocka_unit_test(unknown_action_is_an_error),
        cmocka_unit_test(response_without_headers_loses_ten),
        cmocka_unit_test(response_with_a_header_has_only_those),
        cmocka_unit_test(response_with_an_empty_body_keeps_the_old),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
