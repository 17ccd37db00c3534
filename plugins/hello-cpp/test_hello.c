/* SPDX-License-Identifier: Apache-2.0 */
/* One plugin in three languages: say, hello-cpp and hello-rust do the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include <a6/test.h>

struct language {
    const char *plugin;
    const char *file; /* NULL: linked into this program */
    const char *header;
};

static struct language languages[] = {
    {"say", A6_BUILD_DIR "/plugins/say.so", "C"},
    {"hello-cpp", NULL, "C++"},
    {"hello-rust", A6_BUILD_DIR "/plugins/hello-rust.so", "Rust"},
};

static void load(const struct language *language)
{
    if (language->file && access(language->file, F_OK) != 0) {
        (void)fprintf(stderr, "%s was not built: skipped\n", language->file);
        skip();
    }
    if (language->file)
        assert_int_equal(a6_test_load(language->file), 0);
}

static a6_test *run(const struct language *language, const char *conf, a6_test_result expected)
{
    a6_test *test = a6_test_request("GET /get?a=1");

    a6_test_use(test, language->plugin, conf);
    assert_int_equal(a6_test_run(test), expected);
    return test;
}

static void answers(void **state)
{
    const struct language *language = *state;
    a6_test *test;

    load(language);
    test = run(language, "{\"body\": \"hello\"}", A6_TEST_ANSWERED);
    assert_int_equal(a6_test_status(test), 200);
    assert_true(a6_test_is(a6_test_header_seen(test, "X-Resp-A6-Runner", 0), language->header));
    assert_true(a6_test_is(a6_test_body_seen(test), "hello"));
    a6_test_free(test);
}

static void goes_on(void **state)
{
    load(*state);
    a6_test_free(run(*state, "{\"body\": \"\"}", A6_TEST_UNCHANGED));
    a6_test_free(run(*state, "{}", A6_TEST_UNCHANGED));
}

static void refuses(void **state)
{
    static const char *const cases[][2] = {
        {"{\"body\": 1}", "string"},
        {"{\"bdoy\": \"x\"}", "bdoy"},
        {"{\"body\": \"hello\"", "the conf is not JSON: line 1, column 16"},
    };
    size_t i;

    load(*state);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        a6_test *test = run(*state, cases[i][0], A6_TEST_REFUSED);

        assert_true(a6_test_logged(test, cases[i][1]));
        a6_test_free(test);
    }
}

/* An error of the host comes back as the plugin's error, also through exceptions. */
static void fails_without_memory(void **state)
{
    const struct language *language = *state;
    a6_test *test;

    load(language); /* which may skip the test */
    test = a6_test_request("GET /");
    a6_test_use(test, language->plugin, "{\"body\": \"hello\"}");
    a6_test_memory(test, 0);
    assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
    a6_test_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(answers, &languages[0]),
        cmocka_unit_test_prestate(answers, &languages[1]),
        cmocka_unit_test_prestate(answers, &languages[2]),
        cmocka_unit_test_prestate(goes_on, &languages[0]),
        cmocka_unit_test_prestate(goes_on, &languages[1]),
        cmocka_unit_test_prestate(goes_on, &languages[2]),
        cmocka_unit_test_prestate(refuses, &languages[0]),
        cmocka_unit_test_prestate(refuses, &languages[1]),
        cmocka_unit_test_prestate(refuses, &languages[2]),
        cmocka_unit_test_prestate(fails_without_memory, &languages[0]),
        cmocka_unit_test_prestate(fails_without_memory, &languages[1]),
        cmocka_unit_test_prestate(fails_without_memory, &languages[2]),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
