/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <a6/test.h>

static a6_test *run(const char *conf, a6_test_result expected)
{
    a6_test *test = a6_test_request("GET /get?a=1");

    a6_test_use(test, "say", conf);
    assert_int_equal(a6_test_run(test), expected);
    return test;
}

static void answers_with_its_body(void **state)
{
    a6_test *test = run("{\"body\": \"hello\"}", A6_TEST_ANSWERED);

    (void)state;
    assert_int_equal(a6_test_status(test), 200);
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Resp-A6-Runner", 0), "C"));
    assert_true(a6_test_is(a6_test_body_seen(test), "hello"));
    a6_test_free(test);
}

static void goes_on_without_a_body(void **state)
{
    (void)state;
    a6_test_free(run("{\"body\": \"\"}", A6_TEST_UNCHANGED));
    a6_test_free(run("{}", A6_TEST_UNCHANGED));
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    static const char *const cases[][2] = {
        {"", "the conf is empty; it must be a JSON object"},
        {"{\"body\": \"hello\"", "the conf is not JSON: line 1, column 16: '}' expected"},
        {"{\n  \"body\": hello}", "the conf is not JSON: line 2, column 15"},
        {"[]", "the conf is JSON, but not an object"},
        {"{\"body\": 1}", "\"body\" is wrong: Expected string, got integer"},
        {"{\"bdoy\": \"x\"}", "\"bdoy\" is not a key of this plugin; it has \"body\""},
        {"{\"body\": \"a\", \"body\": \"b\"}", "duplicate object key"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = run(cases[i][0], A6_TEST_REFUSED);

        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

static void ends_the_chain(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use(test, "say", "{\"body\": \"\"}");
    a6_test_use(test, "say", "{\"body\": \"second\"}");
    a6_test_use(test, "say", "{\"body\": \"third\"}");
    assert_int_equal(a6_test_run(test), A6_TEST_ANSWERED);
    assert_true(a6_test_is(a6_test_body_seen(test), "second"));
    a6_test_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_with_its_body),
        cmocka_unit_test(goes_on_without_a_body),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
        cmocka_unit_test(ends_the_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
