/* SPDX-License-Identifier: Apache-2.0 */
/* A request and a response from a command line's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/http_args.h"
#include "support/fail_alloc.h"

static struct http_args http;

static int setup(void **state)
{
    (void)state;
    return http_args_init(&http);
}

static int teardown(void **state)
{
    (void)state;
    http_args_free(&http);
    return 0;
}

static void take(int option, const char *value)
{
    if (http_args_take(&http, option, value) != 0)
        fail_msg("%s: %s", value, http.error);
}

static void finish(void)
{
    if (http_args_finish(&http) != 0)
        fail_msg("%s", http.error);
}

static void assert_text(struct wire_str text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void assert_pair(struct wire_pairs pairs, uint32_t at, const char *name, const char *value)
{
    assert_true(at < pairs.count);
    assert_text(pairs.first[at].name, name);
    if (value)
        assert_text(pairs.first[at].value, value);
    else
        assert_null(pairs.first[at].value.data);
}

static void assert_variable(const char *name, const char *value)
{
    const struct message_extra_info question = {
        .type = MESSAGE_INFO_VAR, .name = {.data = name, .len = (uint32_t)strlen(name)}};
    struct answers_turn turn = {0};
    struct answers_frame frame = answers_find(&http.answers, &turn, &question);
    struct message_extra_info_reply reply;

    assert_int_equal(message_read_extra_info_reply(frame.data + FRAME_HEADER_SIZE,
                                                   (uint32_t)(frame.len - FRAME_HEADER_SIZE),
                                                   &reply),
                     0);
    if (value)
        assert_text(reply.result, value);
    else
        assert_null(reply.result.data);
}

static void a_request(void **state)
{
    (void)state;
    take(HTTP_ARGS_REQUEST, "POST /a%20b/%e4?x=1&x=2&flag&e=&p=a%26b+c HTTP/1.1");
    take(HTTP_ARGS_HEADER, "X-Name:  value \t");
    take(HTTP_ARGS_HEADER, "Host: h");
    take(HTTP_ARGS_HEADER, "X-Empty:");
    take(HTTP_ARGS_BODY, "hello");
    take(HTTP_ARGS_VAR, "scheme=https");
    take(HTTP_ARGS_VAR, "mine=a=b");
    take(HTTP_ARGS_SRC, "2001:db8::1");
    finish();
    assert_int_equal(http.request.method, 2);
    assert_text(http.request.target, "/a%20b/%e4?x=1&x=2&flag&e=&p=a%26b+c");
    assert_text(http.request.path, "/a b/\xe4");
    assert_pair(http.request.args, 0, "x", "1");
    assert_pair(http.request.args, 1, "x", "2");
    assert_pair(http.request.args, 2, "flag", NULL);
    assert_pair(http.request.args, 3, "e", "");
    assert_pair(http.request.args, 4, "p", "a&b c");
    assert_pair(http.request.headers, 0, "x-name", "value");
    assert_pair(http.request.headers, 1, "host", "h");
    assert_pair(http.request.headers, 2, "x-empty", "");
    assert_pair(http.request.headers, 3, "content-length", "5");
    assert_int_equal(http.source.len, 16);
    assert_variable("scheme", "https");
    assert_variable("mine", "a=b");
    assert_variable("remote_addr", "2001:db8::1");
    assert_variable("request_method", "POST");
    assert_variable("args", "x=1&x=2&flag&e=&p=a%26b+c");
    assert_variable("arg_x", "1");
    assert_variable("http_x_name", "value");
    assert_variable("host", "h");
    assert_variable("status", NULL);
}

static void defaults(void **state)
{
    (void)state;
    finish();
    assert_text(http.request.target, "/");
    assert_int_equal(http.request.headers.count, 1);
    assert_pair(http.request.headers, 0, "host", "localhost");
    assert_memory_equal(http.source.data, "\x7f\0\0\1", 4);
    assert_null(http.request.body.data);
    assert_false(http.has_response);
    assert_variable("uri", "/");
    assert_variable("args", "");
}

static void a_response_in_one_text(void **state)
{
    (void)state;
    take(HTTP_ARGS_RESPONSE, "HTTP/1.1 404 Not Found\r\nX-A: 1\nX-A: 2\r\n\r\nbody\n\nmore");
    finish();
    assert_true(http.has_response);
    assert_int_equal(http.response.status, 404);
    assert_pair(http.response.headers, 0, "X-A", "1");
    assert_pair(http.response.headers, 1, "X-A", "2");
    assert_text(http.response.body, "body\n\nmore");
    assert_variable("upstream_status", "404");
}

static void a_response_in_pieces(void **state)
{
    (void)state;
    take(HTTP_ARGS_RESPONSE, "203");
    take(HTTP_ARGS_RESPONSE, "Content-Type: text/plain");
    take(HTTP_ARGS_RESPONSE, "\nbody");
    finish();
    assert_int_equal(http.response.status, 203);
    assert_pair(http.response.headers, 0, "Content-Type", "text/plain");
    assert_text(http.response.body, "body");
}

static void a_body_from_a_file(void **state)
{
    char path[] = "/tmp/a6-test-http-args-XXXXXX";
    char at[sizeof(path) + 1];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a\0b", 3), 3);
    close(fd);
    snprintf(at, sizeof(at), "@%s", path);
    take(HTTP_ARGS_BODY, path);
    assert_int_equal(http.request.body.len, 3);
    assert_memory_equal(http.request.body.data, "a\0b", 3);
    take(HTTP_ARGS_BODY, at);
    assert_int_equal(http.request.body.len, 3);
    unlink(path);
    assert_int_equal(http_args_take(&http, HTTP_ARGS_BODY, at), -ENOENT);
    assert_non_null(strstr(http.error, path));
    take(HTTP_ARGS_BODY, path); /* no such file any more: a text */
    assert_text(http.request.body, path);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        int option;
        const char *value;
        const char *says;
    } wrong[] = {
        {HTTP_ARGS_REQUEST, "FETCH /", "method"},
        {HTTP_ARGS_REQUEST, "", "method"},
        {HTTP_ARGS_REQUEST, "GET x", "begin with '/'"},
        {HTTP_ARGS_HEADER, "no colon", "Name: value"},
        {HTTP_ARGS_HEADER, ": x", "Name: value"},
        {HTTP_ARGS_VAR, "x", "NAME=VALUE"},
        {HTTP_ARGS_VAR, "=x", "NAME=VALUE"},
        {HTTP_ARGS_VAR, "$uri=x", "without '$'"},
        {HTTP_ARGS_SRC, "localhost", "IPv4 or IPv6"},
        {HTTP_ARGS_RESPONSE, "OK", "status line"},
        {HTTP_ARGS_RESPONSE, "", "status line"},
        {HTTP_ARGS_RESPONSE, "HTTP/1.1 99 Low", "status line"},
        {HTTP_ARGS_RESPONSE, "HTTP/1.1", "status line"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_true(http_args_take(&http, wrong[i].option, wrong[i].value) < 0);
        if (!strstr(http.error, wrong[i].says))
            fail_msg("\"%s\" gives: %s", wrong[i].value, http.error);
    }
}

static void keeps_bad_escapes(void **state)
{
    (void)state;
    take(HTTP_ARGS_REQUEST, "GET /%zz%4?%=%&=x&&a");
    finish();
    assert_text(http.request.path, "/%zz%4");
    assert_int_equal(http.request.args.count, 2);
    assert_pair(http.request.args, 0, "%", "%");
    assert_pair(http.request.args, 1, "a", NULL);
}

static void too_many(void **state)
{
    int status = 0;

    (void)state;
    for (unsigned i = 0; status == 0 && i <= HTTP_ARGS_PAIRS_MAX; i++)
        status = http_args_take(&http, HTTP_ARGS_HEADER, "a: b");
    assert_int_equal(status, -E2BIG);
    assert_int_equal(http_args_finish(&http), -E2BIG); /* no room for host */
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (unsigned n = 0;; n++) {
        int status;

        http_args_free(&http);
        fail_alloc_after(n);
        status = http_args_init(&http);
        if (status == 0)
            status = http_args_take(&http, HTTP_ARGS_REQUEST, "POST /?a=b");
        if (status == 0)
            status = http_args_take(&http, HTTP_ARGS_RESPONSE, "200");
        if (status == 0)
            status = http_args_finish(&http);
        fail_alloc_off();
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
        cmocka_unit_test_setup_teardown(a_request, setup, teardown),
        cmocka_unit_test_setup_teardown(defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(a_response_in_one_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_response_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_from_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_bad_escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_can_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
