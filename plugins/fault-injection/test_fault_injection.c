/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <a6/test.h>

static a6_test *run(const char *conf, a6_test_result expected)
{
    a6_test *test = a6_test_request("GET /get");

    a6_test_use(test, "fault-injection", conf);
    assert_int_equal(a6_test_run(test), expected);
    return test;
}

static void answers_with_status_and_body(void **state)
{
    a6_test *test = run("{\"http_status\": 503, \"body\": \"injected\"}", A6_TEST_ANSWERED);

    (void)state;
    assert_int_equal(a6_test_status(test), 503);
    assert_true(a6_test_is(a6_test_body_seen(test), "injected"));
    a6_test_free(test);
}

static void answers_without_a_body(void **state)
{
    a6_test *test = run("{\"http_status\": 200}", A6_TEST_ANSWERED);

    (void)state;
    assert_int_equal(a6_test_status(test), 200);
    assert_int_equal(a6_test_body_seen(test).len, 0);
    a6_test_free(test);
}

/* 1000 calls at 30 %: 300 +- 5 standard deviations of 14.5. */
static void keeps_its_percentage(void **state)
{
    a6_test *test = a6_test_request("GET /");
    int hits = 0;
    int i;

    (void)state;
    a6_test_use(test, "fault-injection", "{\"http_status\": 500, \"percentage\": 30}");
    for (i = 0; i < 1000; i++)
        hits += a6_test_run(test) == A6_TEST_ANSWERED;
    assert_in_range(hits, 228, 372);
    a6_test_free(test);
    a6_test_free(run("{\"http_status\": 500, \"percentage\": 0}", A6_TEST_UNCHANGED));
    a6_test_free(run("{\"http_status\": 500, \"percentage\": 100}", A6_TEST_ANSWERED));
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    static const char *const cases[][2] = {
        {"{\"body\": \"x\"}", "\"http_status\" is missing"},
        {"{\"http_status\": 199}", "\"http_status\" is 199; it must be 200 to 599"},
        {"{\"http_status\": 600}", "\"http_status\" is 600; it must be 200 to 599"},
        {"{\"http_status\": \"503\"}", "\"http_status\" is wrong: Expected integer, got string"},
        {"{\"http_status\": 503, \"percentage\": 101}", "\"percentage\" is 101"},
        {"{\"http_status\": 503, \"percentage\": -1}", "\"percentage\" is -1"},
        {"{\"http_status\": 503, \"percent\": 1}", "\"percent\" is not a key"},
        {"nonsense", "the conf is not JSON: line 1"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = run(cases[i][0], A6_TEST_REFUSED);

        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_with_status_and_body),
        cmocka_unit_test(answers_without_a_body),
        cmocka_unit_test(keeps_its_percentage),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
