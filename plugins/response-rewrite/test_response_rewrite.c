/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <a6/test.h>

static a6_test *make(const char *body, const char *conf)
{
    a6_test *test = a6_test_response("HTTP/1.1 201 Created");

    a6_test_header(test, "Content-Type", "text/plain");
    a6_test_header(test, "X-Old", "1");
    a6_test_body(test, a6_str_from(body));
    a6_test_use(test, "response-rewrite", conf);
    return test;
}

static a6_test *run(const char *body, const char *conf)
{
    a6_test *test = make(body, conf);

    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    return test;
}

static void changes_status_headers_and_body(void **state)
{
    a6_test *test = run("old", "{\"status\": 404, \"headers\": {\"X-Server-Id\": \"9527\","
                               "\"X-Old\": \"\"}, \"body\": \"new\"}");

    (void)state;
    assert_int_equal(a6_test_status(test), 404);
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Server-Id", 0), "9527"));
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Old", 0), NULL));
    assert_true(a6_test_is(a6_test_header_seen(test, "Content-Type", 0), "text/plain"));
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Resp-A6-Runner", 0), "C"));
    assert_true(a6_test_is(a6_test_body_seen(test), "new"));
    assert_int_equal(a6_test_asked(test), 0);
    a6_test_free(test);
}

static void leaves_what_it_does_not_name(void **state)
{
    a6_test *test = run("old", "{}");

    (void)state;
    assert_int_equal(a6_test_status(test), 201);
    assert_true(a6_test_is(a6_test_body_seen(test), "old"));
    a6_test_free(test);
}

static void filters(void **state)
{
    static const struct {
        const char *filter;
        const char *body;
        const char *expected;
    } cases[] = {
        {"{\"regex\": \"o\", \"replace\": \"0\"}", "foo", "f0o"},
        {"{\"regex\": \"o\", \"scope\": \"once\", \"replace\": \"0\"}", "foo", "f0o"},
        {"{\"regex\": \"o\", \"scope\": \"global\", \"replace\": \"0\"}", "foo", "f00"},
        {"{\"regex\": \"(\\\\w+) (\\\\w+)\", \"replace\": \"$2-${1}\"}", "a b", "b-a"},
        {"{\"regex\": \"b\", \"replace\": \"[$0]\"}", "abc", "a[b]c"},
        {"{\"regex\": \"b\", \"replace\": \"$$1 $7|\"}", "abc", "a$1 |c"},
        {"{\"regex\": \"b\", \"replace\": \"\\\\n\"}", "abc", "a\\nc"},
        {"{\"regex\": \"(a)|(b)\", \"scope\": \"global\", \"replace\": \"<$1$2>\"}", "ab",
         "<a><b>"},
        {"{\"regex\": \"HELLO\", \"options\": \"ijo\", \"replace\": \"x\"}", "hello", "x"},
        {"{\"regex\": \"^b\", \"options\": \"m\", \"replace\": \"x\"}", "a\nb", "a\nx"},
        {"{\"regex\": \"none\", \"replace\": \"x\"}", "abc", "abc"},
        {"{\"regex\": \".*\", \"replace\": \"\"}, {\"regex\": \"^\", \"replace\": \"new\"}", "a",
         "new"},
        {"{\"regex\": \"^\", \"replace\": \"new\"}", "", "new"},
        {"{\"regex\": \"é\", \"options\": \"u\", \"replace\": \"e\"}", "caf\xc3\xa9 \xff",
         "cafe \xff"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char conf[256];
        a6_test *test;

        (void)snprintf(conf, sizeof(conf), "{\"body\": \"ignored\", \"filters\": [%s]}",
                       cases[i].filter);
        test = run(cases[i].body, conf);
        assert_true(a6_test_is(a6_test_body_seen(test), cases[i].expected));
        assert_int_equal(a6_test_asked(test), 1);
        a6_test_free(test);
    }
}

static void grows_the_body(void **state)
{
    char body[3001];
    a6_test *test;

    (void)state;
    memset(body, 'a', 3000);
    body[3000] = '\0';
    test = run(body, "{\"filters\": [{\"regex\": \"a\", \"scope\": \"global\","
                     "\"replace\": \"0123456789\"}]}");
    assert_int_equal(a6_test_body_seen(test).len, 30000);
    a6_test_free(test);
}

/* Nobody is to get the unfiltered body because a filter failed. */
static void fails_closed(void **state)
{
    char slow[41];
    a6_test *test = make("abc", "{\"filters\": [{\"regex\": \"abc\", \"replace\": \"\"}]}");

    (void)state;
    assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
    assert_true(a6_test_logged(test, "an empty body, which cannot be sent"));
    a6_test_free(test);

    memset(slow, 'a', 40);
    slow[40] = '\0';
    test = make(slow, "{\"filters\": [{\"regex\": \"^(a|a)*$(?<=b)\", \"replace\": \"x\"}]}");
    assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
    assert_true(a6_test_logged(test, "filters[0] failed: match limit exceeded"));
    a6_test_free(test);

    test = make("abc", "{\"filters\": [{\"regex\": \"abc\", \"replace\": \"x\"}]}");
    a6_test_gateway_gone(test, 0);
    assert_int_equal(a6_test_run(test), A6_TEST_LOST);
    a6_test_free(test);
}

static a6_test_result filtered(const char *start, const char *name, const char *value,
                               const char *body)
{
    a6_test *test = a6_test_response(start);
    a6_test_result result;

    a6_test_header(test, name, value);
    a6_test_body(test, a6_str_from(body));
    a6_test_use(test, "response-rewrite",
                "{\"filters\": [{\"regex\": \"secret\", \"replace\": \"x\"}]}");
    result = a6_test_run(test);
    if (result == A6_TEST_FAILED)
        assert_true(a6_test_logged(test, "the body is "));
    a6_test_free(test);
    return result;
}

/* A client asks for what no filter can read, by Accept-Encoding or Range. */
static void fails_for_a_body_that_it_cannot_read(void **state)
{
    static const char ok[] = "HTTP/1.1 200 OK";
    static const char part[] = "HTTP/1.1 206 Partial Content";

    (void)state;
    assert_int_equal(filtered(ok, "Content-Encoding", "gzip", "\x1f\x8b"), A6_TEST_FAILED);
    assert_int_equal(filtered(ok, "content-encoding", "br", "?"), A6_TEST_FAILED);
    assert_int_equal(filtered(part, "Content-Range", "bytes 3-5/9", "ret"), A6_TEST_FAILED);
    assert_int_equal(filtered(ok, "Content-Encoding", "identity", "secret"), A6_TEST_CHANGED);
    assert_int_equal(filtered(ok, "Content-Encoding", "", "secret"), A6_TEST_CHANGED);
    /* as for HEAD */
    assert_int_equal(filtered(ok, "Content-Encoding", "gzip", ""), A6_TEST_CHANGED);
    assert_int_equal(filtered(part, "Content-Range", "bytes 3-5/9", ""), A6_TEST_CHANGED);
}

static a6_test *described(const char *start, const char *conf)
{
    static const char *const headers[] = {"ETag", "Last-Modified", "Accept-Ranges", "Content-Range",
                                          "X-Other"};
    a6_test *test = a6_test_response(start);
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        a6_test_header(test, headers[i], "old");
    a6_test_body(test, A6_STR("old"));
    a6_test_use(test, "response-rewrite", conf);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    return test;
}

static void drops_what_described_the_old_body(void **state)
{
    static const char *const changes[] = {
        "{\"body\": \"new\"}",
        "{\"filters\": [{\"regex\": \"old\", \"replace\": \"new\"}]}",
    };
    a6_test *test;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        test = described("HTTP/1.1 200 OK", changes[i]);
        assert_true(a6_test_is(a6_test_header_seen(test, "ETag", 0), NULL));
        assert_true(a6_test_is(a6_test_header_seen(test, "Last-Modified", 0), NULL));
        assert_true(a6_test_is(a6_test_header_seen(test, "Accept-Ranges", 0), NULL));
        assert_true(a6_test_is(a6_test_header_seen(test, "Content-Range", 0), NULL));
        assert_true(a6_test_is(a6_test_header_seen(test, "X-Other", 0), "old"));
        a6_test_free(test);
    }
    /* what the conf says counts, and a body that stays keeps its headers */
    test = described("HTTP/1.1 206 Partial Content",
                     "{\"body\": \"new\", \"headers\": {\"ETag\": \"new\"}}");
    assert_true(a6_test_is(a6_test_header_seen(test, "ETag", 0), "new"));
    assert_int_equal(a6_test_status(test), 200);
    a6_test_free(test);
    test = described("HTTP/1.1 206 Partial Content", "{\"status\": 206}");
    assert_true(a6_test_is(a6_test_header_seen(test, "ETag", 0), "old"));
    assert_int_equal(a6_test_status(test), 206);
    a6_test_free(test);
    test = described("HTTP/1.1 200 OK",
                     "{\"filters\": [{\"regex\": \"no match\", \"replace\": \"new\"}]}");
    assert_true(a6_test_is(a6_test_header_seen(test, "ETag", 0), "old"));
    a6_test_free(test);
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    static const char *const cases[][2] = {
        {"{\"status\": 99}", "\"status\" is 99; it must be 200 to 599"},
        {"{\"status\": 0}", "\"status\" is 0; it must be 200 to 599"},
        {"{\"status\": 4294967496}", "\"status\" is 4294967496, far out of range"},
        {"{\"status\": -4294967096}", "\"status\" is -4294967096, far out of range"},
        {"{\"headers\": []}", "\"headers\" must be an object of header names and values"},
        {"{\"headers\": {\"a\": 1}}", "\"headers.a\" must be a string"},
        {"{\"headers\": {\"\": \"x\"}}", "\"headers.\" is no name for a header"},
        {"{\"headers\": {\"a b\": \"x\"}}", "\"headers.a b\" is no name for a header"},
        {"{\"headers\": {\"a\": \"b\\nc\"}}", "\"headers.a\" has a line break in it"},
        {"{\"headers\": {\"Content-Length\": \"3\"}}", "\"headers.Content-Length\" goes with the"},
        {"{\"headers\": {\"transfer-encoding\": \"\"}}", "is the gateway's own"},
        {"{\"filters\": {}}", "\"filters\" must be a list"},
        {"{\"filters\": [{\"replace\": \"\"}]}", "\"filters[0].regex\" is missing"},
        {"{\"filters\": [{\"regex\": \"a\"}]}", "\"filters[0].replace\" is missing"},
        {"{\"filters\": [{\"regex\": \"a\", \"replace\": \"\"}, 5]}",
         "\"filters[1]\" must be an object"},
        {"{\"filters\": [{\"regex\": \"a\", \"replace\": 5}]}",
         "\"filters[0].replace\" is wrong: Expected string, got integer"},
        {"{\"filters\": [{\"scoep\": \"once\"}]}",
         "\"filters[0].scoep\" is not a key of this plugin; it has \"regex\", \"scope\""},
        {"{\"filters\": [{\"regex\": \"a(b\", \"replace\": \"\"}]}",
         "\"filters[0].regex\" is wrong at byte 3: missing closing parenthesis"},
        {"{\"filters\": [{\"regex\": \"a\", \"replace\": \"$x\"}]}",
         "\"filters[0].replace\" has '$x' at byte 0; a group is $1 or ${1}"},
        {"{\"filters\": [{\"regex\": \"a\", \"replace\": \"\", \"scope\": \"all\"}]}",
         "\"filters[0].scope\" is \"all\"; it is \"once\" or \"global\""},
        {"{\"filters\": [{\"regex\": \"a\", \"replace\": \"\", \"options\": \"iq\"}]}",
         "\"filters[0].options\" has 'q'"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = make("old", cases[i][0]);

        assert_int_equal(a6_test_run(test), A6_TEST_REFUSED);
        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_status_headers_and_body),
        cmocka_unit_test(leaves_what_it_does_not_name),
        cmocka_unit_test(filters),
        cmocka_unit_test(grows_the_body),
        cmocka_unit_test(fails_closed),
        cmocka_unit_test(fails_for_a_body_that_it_cannot_read),
        cmocka_unit_test(drops_what_described_the_old_body),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
