/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <a6/test.h>

static a6_test *run(const char *line, const char *conf, a6_test_result expected)
{
    a6_test *test = a6_test_request(line);

    a6_test_header(test, "X-Old", "1");
    a6_test_header(test, "Cookie", "a=1");
    a6_test_use(test, "request-rewrite", conf);
    assert_int_equal(a6_test_run(test), expected);
    return test;
}

static void changes_the_path(void **state)
{
    a6_test *test = run("GET /get?a=1", "{\"path\": \"/new path\"}", A6_TEST_CHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_target_sent(test), "/new%20path?a=1"));
    a6_test_free(test);
}

static void changes_args(void **state)
{
    a6_test *test = run("GET /get?a=1&b=2&c=3",
                        "{\"args\": {\"delete\": [\"a\", \"none\"], \"set\": {\"b\": \"two\"},"
                        "\"add\": {\"c\": \"4\"}}}",
                        A6_TEST_CHANGED);
    a6_str value;

    (void)state;
    assert_int_equal(a6_test_arg_sent(test, "a", &value), 0);
    assert_int_equal(a6_test_arg_sent(test, "b", &value), 1);
    assert_true(a6_test_is(value, "two"));
    assert_non_null(strstr(a6_test_target_sent(test).data, "c=3&c=4"));
    a6_test_free(test);
}

static void deletes_the_last_arg(void **state)
{
    a6_test *test = run("GET /get?a=1", "{\"args\": {\"delete\": [\"a\"]}}", A6_TEST_CHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_target_sent(test), "/get"));
    a6_test_free(test);
}

static void changes_headers(void **state)
{
    a6_test *test = run("GET /get",
                        "{\"headers\": {\"delete\": [\"x-old\"], \"set\": {\"Host\": \"other\"},"
                        "\"add\": {\"X-New\": \"2\", \"cookie\": \"b=2\"}}}",
                        A6_TEST_CHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_header_sent(test, "X-Old", 0), NULL));
    assert_true(a6_test_is(a6_test_header_sent(test, "host", 0), "other"));
    assert_true(a6_test_is(a6_test_header_sent(test, "X-New", 0), "2"));
    assert_true(a6_test_is(a6_test_header_sent(test, "Cookie", 0), "a=1; b=2"));
    a6_test_free(test);
}

static void adds_response_headers_and_a_body(void **state)
{
    a6_test *test =
        run("GET /get", "{\"response_headers\": {\"X-Seen\": \"yes\"}, \"body\": \"b\"}",
            A6_TEST_CHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Seen", 0), "yes"));
    assert_true(a6_test_is(a6_test_body_sent(test), "b"));
    a6_test_free(test);
}

/* The upstream would decompress the new body; a conf may bring one in another encoding. */
static void drops_the_old_bodys_encoding(void **state)
{
    static const char *const cases[][2] = {
        {"{\"body\": \"b\"}", NULL},
        {"{\"body\": \"b\", \"headers\": {\"set\": {\"Content-Encoding\": \"x-own\"}}}", "x-own"},
        {"{\"path\": \"/b\"}", "gzip"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = a6_test_request("POST /");

        a6_test_header(test, "Content-Encoding", "gzip");
        a6_test_use(test, "request-rewrite", cases[i][0]);
        assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
        assert_true(a6_test_is(a6_test_header_sent(test, "Content-Encoding", 0), cases[i][1]));
        a6_test_free(test);
    }
}

static void without_a_change_goes_on(void **state)
{
    (void)state;
    a6_test_free(run("GET /get?a=1", "{}", A6_TEST_UNCHANGED));
}

/* What the gateway would ignore, or would break HTTP, fails the call and is told. */
static void says_what_cannot_be_done(void **state)
{
    a6_test *test = run("GET /", "{\"response_headers\": {\"Location\": \"/\"}}", A6_TEST_FAILED);

    (void)state;
    assert_true(a6_test_logged(test, "\"Location\" cannot be changed: Operation not supported"));
    a6_test_free(test);
    test = run("GET /", "{\"path\": \"/a\\nb\"}", A6_TEST_FAILED);
    assert_true(a6_test_logged(test, "\"path\" cannot be changed: Invalid argument"));
    a6_test_free(test);
}

/* With a byte more each time, until the change succeeds: most of them fail before, and
 * none of them unseen. */
static void fails_without_memory(void **state)
{
    static const char *const confs[] = {
        "{\"path\": \"/b\"}",
        "{\"args\": {\"delete\": [\"a\"]}}",
        "{\"args\": {\"set\": {\"a\": \"2\"}}}",
        "{\"args\": {\"add\": {\"b\": \"2\"}}}",
        "{\"headers\": {\"delete\": [\"X-Old\"]}}",
        "{\"headers\": {\"set\": {\"X-Old\": \"2\"}}}",
        "{\"headers\": {\"add\": {\"X-New\": \"2\"}}}",
        "{\"response_headers\": {\"X-Seen\": \"yes\"}}",
        "{\"body\": \"b\"}",
    };
    int told = 0;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(confs) / sizeof(confs[0]); i++) {
        a6_test *test = a6_test_request("GET /get?a=1");
        size_t memory = 0;

        a6_test_header(test, "X-Old", "1");
        a6_test_use(test, "request-rewrite", confs[i]);
        a6_test_memory(test, memory);
        while (a6_test_run(test) != A6_TEST_CHANGED) {
            told += strstr(a6_test_log(test), "cannot be changed: Cannot allocate memory") != NULL;
            a6_test_memory(test, ++memory);
            assert_in_range(memory, 1, 10000);
        }
        a6_test_free(test);
    }
    assert_true(told >= 6);
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    static const char *const cases[][2] = {
        {"{\"path\": \"no-slash\"}", "\"path\" is \"no-slash\"; it must begin with /"},
        {"{\"path\": \"\"}", "\"path\" is \"\"; it must begin with /"},
        {"{\"args\": []}", "\"args\" must be an object with delete, set and add"},
        {"{\"args\": {\"del\": []}}",
         "\"args.del\" is not a key of this plugin; it has \"delete\""},
        {"{\"args\": {\"delete\": \"a\"}}", "\"args.delete\" must be a list of names"},
        {"{\"args\": {\"set\": []}}", "\"args.set\" must be an object of names and values"},
        {"{\"args\": {\"set\": {\"a\": 1}}}", "\"args.set.a\" must be a string"},
        {"{\"args\": {\"add\": {\"\": \"1\"}}}", "\"args.add\" has an empty name"},
        {"{\"headers\": {\"delete\": [\"a\", 1]}}", "\"headers.delete[1]\" must be a name"},
        {"{\"headers\": {\"delete\": [\"a b\"]}}", "\"headers.delete[0]\" is no name for a header"},
        {"{\"headers\": {\"delete\": [\"Content-Length\"]}}", "\"headers\" has Content-Length"},
        {"{\"headers\": {\"set\": {\"content-length\": \"5\"}}}", "\"headers\" has content-length"},
        {"{\"headers\": {\"add\": {\"Transfer-Encoding\": \"chunked\"}}}",
         "\"headers\" has Transfer-Encoding, which goes with the body"},
        {"{\"headers\": {\"set\": {\"a\": 1}}}", "\"headers.set.a\" must be a string"},
        {"{\"headers\": {\"set\": {\"X\": \"a\\r\\nb\"}}}", "\"headers.set.X\" has a line break"},
        {"{\"headers\": {\"add\": {\"\": \"1\"}}}", "\"headers.add.\" is no name for a header"},
        {"{\"headers\": {\"add\": {\"a:\": \"1\"}}}", "\"headers.add.a:\" is no name for a header"},
        {"{\"response_headers\": []}", "\"response_headers\" must be an object of header"},
        {"{\"body\": {}}", "\"body\" is wrong: Expected string, got object"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = run("GET /", cases[i][0], A6_TEST_REFUSED);

        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_the_path),
        cmocka_unit_test(changes_args),
        cmocka_unit_test(deletes_the_last_arg),
        cmocka_unit_test(changes_headers),
        cmocka_unit_test(adds_response_headers_and_a_body),
        cmocka_unit_test(drops_the_old_bodys_encoding),
        cmocka_unit_test(without_a_change_goes_on),
        cmocka_unit_test(says_what_cannot_be_done),
        cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
