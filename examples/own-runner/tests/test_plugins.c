/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <assert.h>

#include <a6/test.h>

static void stamps_both_ways(void)
{
    a6_test *test = a6_test_request("GET /");

    a6_test_use(test, "stamp", "mine");
    assert(a6_test_run(test) == A6_TEST_CHANGED);
    assert(a6_test_is(a6_test_header_sent(test, "X-Stamp", 0), "mine"));
    a6_test_free(test);

    test = a6_test_response("200");
    a6_test_use(test, "stamp", "mine");
    assert(a6_test_run(test) == A6_TEST_CHANGED);
    assert(a6_test_is(a6_test_header_seen(test, "X-Stamp", 0), "mine"));
    a6_test_free(test);
}

static void refuses_an_empty_stamp(void)
{
    a6_test *test = a6_test_request("GET /");

    a6_test_use(test, "stamp", "");
    assert(a6_test_run(test) == A6_TEST_REFUSED);
    assert(a6_test_logged(test, "the stamp must have 1 to 100 bytes, it has 0"));
    a6_test_free(test);
}

static void counts(void)
{
    a6_test *test = a6_test_request("GET /");

    a6_test_use(test, "turnstile", NULL);
    assert(a6_test_run(test) == A6_TEST_CHANGED);
    assert(a6_test_is(a6_test_header_seen(test, "X-Count", 0), "1"));
    assert(a6_test_run(test) == A6_TEST_CHANGED);
    assert(a6_test_is(a6_test_header_seen(test, "X-Count", 0), "2"));
    a6_test_free(test);
}

int main(void)
{
    stamps_both_ways();
    refuses_an_empty_stamp();
    counts();
    puts("3 tests passed");
    return 0;
}
