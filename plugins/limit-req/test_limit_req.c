/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include <a6/test.h>

/* The bucket leaks by the real clock; one request in ten seconds is far slower than
 * this test, so that it does not matter. */
static void delays_then_refuses(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use(test, "limit-req", "{\"rate\": 0.1, \"burst\": 2}");
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_int_equal(a6_test_delayed(test), 0);
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_in_range(a6_test_delayed(test), 1, 10000);
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_in_range(a6_test_delayed(test), 10001, 20000);
    assert_int_equal(a6_test_run(test), A6_TEST_ANSWERED);
    assert_int_equal(a6_test_status(test), 503);
    assert_true(a6_test_logged(test, "refused: more than 0.1 a second with a burst of 2"));
    a6_test_free(test);
}

/* What would wait beyond the deadline is refused at once. */
static void refuses_what_would_wait_too_long(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use(test, "limit-req", "{\"rate\": 0.01, \"burst\": 5}");
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_int_equal(a6_test_run(test), A6_TEST_ANSWERED);
    assert_int_equal(a6_test_status(test), 503);
    a6_test_free(test);
}

/* Those that are refused leave no trace in the bucket: here 200 calls that could not wait
 * for half a second would fill it for 100 s. */
static void is_not_filled_by_what_it_refuses(void **state)
{
    a6_test *test = a6_test_request("GET /");
    time_t end;
    int i;

    (void)state;
    a6_test_deadline(test, 100);
    a6_test_use(test, "limit-req", "{\"rate\": 2, \"burst\": 200}");
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    for (i = 0; i < 200; i++)
        (void)a6_test_run(test);
    end = time(NULL) + 30;
    while (a6_test_run(test) == A6_TEST_ANSWERED)
        assert_true(time(NULL) < end);
    a6_test_free(test);
}

static void lets_a_quick_rate_through(void **state)
{
    a6_test *test = a6_test_request("GET /");
    int i;

    (void)state;
    a6_test_use(test, "limit-req", "{\"rate\": 1e9, \"burst\": 1000}");
    for (i = 0; i < 100; i++)
        assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    a6_test_free(test);
}

static a6_test_result once(const char *conf)
{
    a6_test *test = a6_test_request("GET /");
    a6_test_result result;

    a6_test_use(test, "limit-req", conf);
    result = a6_test_run(test);
    a6_test_free(test);
    return result;
}

/* The same conf of the same route, parsed anew, goes on with its bucket; a stop of the
 * runner empties it. */
static void keeps_its_bucket_over_reloads(void **state)
{
    (void)state;
    assert_int_equal(once("{\"rate\": 0.05}"), A6_TEST_UNCHANGED);
    assert_int_equal(once("{\"rate\": 0.05}"), A6_TEST_ANSWERED);
    assert_int_equal(once("{\"rate\": 0.04}"), A6_TEST_UNCHANGED);
    a6_test_restart();
    assert_int_equal(once("{\"rate\": 0.05}"), A6_TEST_UNCHANGED);
}

static void says_what_is_wrong_with_a_conf(void **state)
{
    static const char *const cases[][2] = {
        {"{\"burst\": 1}", "\"rate\" is missing"},
        {"{\"rate\": 0}", "\"rate\" is 0; it must be more than 0"},
        {"{\"rate\": -2.5}", "\"rate\" is -2.5"},
        {"{\"rate\": \"5\"}", "\"rate\" is wrong: Expected real or integer, got string"},
        {"{\"rate\": 5, \"burst\": -1}", "\"burst\" is -1; it must not be negative"},
        {"{\"rate\": 5, \"brust\": 1}", "\"brust\" is not a key"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = a6_test_request("GET /");

        a6_test_use(test, "limit-req", cases[i][0]);
        assert_int_equal(a6_test_run(test), A6_TEST_REFUSED);
        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_then_refuses),
        cmocka_unit_test(refuses_what_would_wait_too_long),
        cmocka_unit_test(is_not_filled_by_what_it_refuses),
        cmocka_unit_test(lets_a_quick_rate_through),
        cmocka_unit_test(keeps_its_bucket_over_reloads),
        cmocka_unit_test(says_what_is_wrong_with_a_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
