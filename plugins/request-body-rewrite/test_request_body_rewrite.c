/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <a6/test.h>

static a6_test *run(const char *conf, const char *body, a6_test_result expected)
{
    a6_test *test = a6_test_request("POST /post");

    if (body)
        a6_test_body(test, a6_str_from(body));
    a6_test_use(test, "request-body-rewrite", conf);
    assert_int_equal(a6_test_run(test), expected);
    return test;
}

static void replaces_the_body(void **state)
{
    a6_test *test = run("{\"new_body\": \"new\"}", "old", A6_TEST_CHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_body_sent(test), "new"));
    assert_int_equal(a6_test_asked(test), 0);
    a6_test_free(test);
    test = run("{\"new_body\": \"new\"}", NULL, A6_TEST_CHANGED);
    assert_true(a6_test_is(a6_test_body_sent(test), "new"));
    a6_test_free(test);
}

static void drops_how_the_old_body_was_encoded(void **state)
{
    static const char *const confs[] = {"{\"new_body\": \"new\"}", "{}"};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        a6_test *test = a6_test_request("POST /post");

        a6_test_header(test, "Content-Encoding", "gzip");
        a6_test_header(test, "Content-Type", "text/plain");
        a6_test_body(test, A6_STR("old"));
        a6_test_use(test, "request-body-rewrite", confs[i]);
        assert_int_equal(a6_test_run(test), i == 0 ? A6_TEST_CHANGED : A6_TEST_UNCHANGED);
        assert_true(
            a6_test_is(a6_test_header_sent(test, "content-encoding", 0), i == 0 ? NULL : "gzip"));
        assert_true(a6_test_is(a6_test_header_sent(test, "content-type", 0), "text/plain"));
        a6_test_free(test);
    }
}

static void an_empty_one_changes_nothing(void **state)
{
    a6_test *test = run("{\"new_body\": \"\"}", "old", A6_TEST_UNCHANGED);

    (void)state;
    assert_true(a6_test_is(a6_test_body_sent(test), "old"));
    a6_test_free(test);
    a6_test_free(run("{}", "old", A6_TEST_UNCHANGED));
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    a6_test *test = run("{\"new_body\": {}}", NULL, A6_TEST_REFUSED);

    (void)state;
    assert_true(a6_test_logged(test, "\"new_body\" is wrong: Expected string, got object"));
    a6_test_free(test);
}

static void fails_without_memory(void **state)
{
    a6_test *test = a6_test_request("POST /post");

    (void)state;
    a6_test_use(test, "request-body-rewrite", "{\"new_body\": \"new\"}");
    a6_test_memory(test, 0);
    assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
    a6_test_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_the_body),
        cmocka_unit_test(drops_how_the_old_body_was_encoded),
        cmocka_unit_test(an_empty_one_changes_nothing),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
        cmocka_unit_test(fails_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
