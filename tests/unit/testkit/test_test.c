/* SPDX-License-Identifier: Apache-2.0 */
/* The test kit, with plugins that are made to try it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include <a6/test.h>

/* ---- plugins ---- */

static int starts;
static int stops;

static int count_start(a6_env *env, void **state)
{
    a6_cell *cell;

    starts++;
    *state = &starts;
    return a6_env_cell(env, A6_STR("calls"), &cell);
}

static void count_stop(void *state)
{
    assert_ptr_equal(state, &starts);
    stops++;
}

/* Shows in headers what it can see. */
static a6_result look(a6_request *req, void *conf)
{
    a6_str body;
    a6_str value;

    (void)conf;
    if (a6_var(&req->call, A6_STR("tenant"), &value) < 0)
        return a6_error(&req->call, "no variable");
    if (value.data)
        a6_request_set_header(req, A6_STR("x-tenant"), value);
    if (a6_request_body(&req->call, &body) < 0)
        return a6_error(&req->call, "no body");
    if (body.data)
        a6_request_set_header(req, A6_STR("x-body"), body);
    a6_request_set_header(req, A6_STR("x-source"), a6_request_source_text(req));
    a6_log(&req->call, A6_LOG_DEBUG, "looked at %u", 1u);
    return A6_OK;
}

static const a6_plugin looker = {
    A6_PLUGIN_HEADER,       .name = "looker",       .init = count_start,
    .shutdown = count_stop, .request_filter = look,
};
A6_REGISTER(looker)

static a6_result nap(a6_request *req, void *conf)
{
    (void)conf;
    return a6_delay(&req->call, 20);
}

static const a6_plugin napper = {A6_PLUGIN_HEADER, .name = "napper", .request_filter = nap};

struct job {
    a6_request *req;
    a6_pending *pending;
};

static void *finish(void *data)
{
    struct job *job = data;

    a6_request_set_header(job->req, A6_STR("x-thread"), A6_STR("other"));
    a6_resume(job->pending, A6_OK);
    return NULL;
}

static pthread_t thread;

static a6_result hand_over(a6_request *req, void *conf)
{
    struct job *job = a6_alloc(&req->call, sizeof(*job));

    (void)conf;
    job->req = req;
    job->pending = a6_suspend(&req->call);
    if (!job->pending || pthread_create(&thread, NULL, finish, job) != 0)
        return A6_ERROR;
    return A6_PENDING;
}

static const a6_plugin other_thread = {A6_PLUGIN_HEADER, .name = "other-thread",
                                       .request_filter = hand_over};

static a6_result grow(a6_response *res, void *conf)
{
    a6_str body;

    (void)conf;
    if (a6_response_body(res, &body) < 0)
        return a6_error(&res->call, "no body");
    a6_response_add_header(res, A6_STR("Set-Cookie"), A6_STR("b=2"));
    a6_response_set_status(res, a6_response_status(res) + 1);
    return a6_response_set_body(res, a6_format(&res->call, "%.*s!", (int)body.len, body.data)) < 0
               ? A6_ERROR
               : A6_OK;
}

static const a6_plugin grower = {A6_PLUGIN_HEADER, .name = "grower", .response_filter = grow};

static a6_result complain(a6_request *req, void *conf)
{
    (void)conf;
    return a6_error(&req->call, "that is too much");
}

static const a6_plugin complainer = {A6_PLUGIN_HEADER, .name = "complainer",
                                     .request_filter = complain};

/* Has memory for a conf only when there is some left. */
static int confs_left;
static int confs_parsed;

static int parse_scarcely(a6_env *env, a6_str text, void **conf)
{
    (void)conf;
    if (confs_left == 0) {
        if (a6_str_equal(text, A6_STR("mute")))
            return -ENOMEM;
        a6_env_error(env, "no room for %zu bytes", text.len);
        return -ENOMEM;
    }
    confs_left--;
    confs_parsed++;
    return 0;
}

static const a6_plugin scarce = {A6_PLUGIN_HEADER, .name = "scarce", .parse_conf = parse_scarcely,
                                 .request_filter = nap};

/* ---- tests ---- */

static void shows_what_was_given(void **state)
{
    a6_test *test = a6_test_request("POST /path?a=1");

    (void)state;
    a6_test_header(test, "X-Twice", "1");
    a6_test_body(test, A6_STR("body"));
    a6_test_var(test, "tenant", "acme");
    a6_test_source(test, "2001:db8::1");
    a6_test_use(test, "looker", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    assert_true(a6_test_is(a6_test_target_sent(test), "/path?a=1"));
    assert_true(a6_test_is(a6_test_header_sent(test, "x-tenant", 0), "acme"));
    assert_true(a6_test_is(a6_test_header_sent(test, "X-Body", 0), "body"));
    assert_true(a6_test_is(a6_test_header_sent(test, "x-source", 0), "2001:db8::1"));
    assert_true(a6_test_is(a6_test_header_sent(test, "x-source", 1), NULL));
    assert_true(a6_test_is(a6_test_body_sent(test), "body"));
    assert_int_equal(a6_test_changes(test), 3);
    assert_int_equal(a6_test_asked(test), 2);
    assert_true(a6_test_logged(test, "looked at 1"));
    a6_test_free(test);
}

static void an_unknown_variable_is_absent(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use(test, "looker", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    assert_true(a6_test_is(a6_test_header_sent(test, "x-tenant", 0), NULL));
    assert_true(a6_test_is(a6_test_header_sent(test, "x-body", 0), NULL));
    assert_true(a6_test_is(a6_test_header_sent(test, "x-source", 0), "127.0.0.1"));
    a6_test_free(test);
}

static void the_gateway_vanishes(void **state)
{
    a6_test *test = a6_test_request("GET /");
    unsigned answers;

    (void)state;
    a6_test_use(test, "looker", NULL);
    for (answers = 0; answers < 2; answers++) {
        a6_test_gateway_gone(test, answers);
        assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
        assert_true(a6_test_logged(test, answers ? "no body" : "no variable"));
    }
    a6_test_gateway_gone(test, 2);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    a6_test_free(test);
}

static void refuses_too_large_a_body(void **state)
{
    a6_test *test = a6_test_request("POST /");

    (void)state;
    a6_test_body(test, A6_STR("0123456789"));
    a6_test_max_body(test, 9);
    a6_test_use(test, "looker", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
    assert_true(a6_test_logged(test, "no body"));
    a6_test_free(test);
}

static void adds_delays_up(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use_plugin(test, &napper, NULL);
    a6_test_use(test, "napper", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_int_equal(a6_test_delayed(test), 40);
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_int_equal(a6_test_delayed(test), 40);
    a6_test_free(test);
}

static void waits_for_other_threads(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    a6_test_use_plugin(test, &other_thread, NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    pthread_join(thread, NULL);
    assert_true(a6_test_is(a6_test_header_sent(test, "x-thread", 0), "other"));
    a6_test_free(test);
}

static void runs_responses(void **state)
{
    a6_test *test = a6_test_response("201");

    (void)state;
    a6_test_header(test, "Content-Type", "text/plain");
    a6_test_header(test, "Set-Cookie", "a=1");
    a6_test_body(test, A6_STR("hi"));
    a6_test_use_plugin(test, &grower, NULL);
    a6_test_use(test, "grower", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    assert_int_equal(a6_test_status(test), 203);
    assert_true(a6_test_is(a6_test_body_seen(test), "hi!!"));
    assert_true(a6_test_is(a6_test_header_seen(test, "set-cookie", 0), "a=1"));
    assert_true(a6_test_is(a6_test_header_seen(test, "set-cookie", 1), "b=2"));
    assert_true(a6_test_is(a6_test_header_seen(test, "content-type", 0), "text/plain"));
    assert_int_equal(a6_test_asked(test), 1);
    a6_test_free(test);
}

static void tells_complaints_in_every_run(void **state)
{
    a6_test *test = a6_test_request("GET /");
    int i;

    (void)state;
    a6_test_use_plugin(test, &complainer, NULL);
    for (i = 0; i < 3; i++) {
        assert_int_equal(a6_test_run(test), A6_TEST_FAILED);
        assert_true(a6_test_logged(test, "that is too much"));
    }
    a6_test_free(test);
}

static void a_conf_without_memory_is_parsed_again(void **state)
{
    a6_test *test = a6_test_request("GET /");

    (void)state;
    confs_left = confs_parsed = 0;
    a6_test_use_plugin(test, &scarce, "text");
    a6_test_use(test, "scarce", "mute");
    assert_int_equal(a6_test_run(test), A6_TEST_REFUSED);
    assert_true(a6_test_logged(test, "plugin scarce (linked in) could not parse conf test#1: "
                                     "no room for 4 bytes;"));
    confs_left = 1; /* the second one still gets none, and the first is not kept */
    assert_int_equal(a6_test_run(test), A6_TEST_REFUSED);
    assert_true(a6_test_logged(test, "Cannot allocate memory"));
    assert_int_equal(confs_parsed, 1);
    confs_left = 2;
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    assert_string_equal(a6_test_log(test), "");
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED); /* a second call of the route */
    assert_int_equal(confs_parsed, 3);
    a6_test_free(test);
}

static void a_wrong_test_is_broken(void **state)
{
    static const char *const lines[] = {"get /", "GET path", ""};
    a6_test *test;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        test = a6_test_request(lines[i]);
        assert_int_equal(a6_test_run(test), A6_TEST_BROKEN);
        a6_test_free(test);
    }
    test = a6_test_request("GET /");
    a6_test_use(test, "nobody", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_BROKEN);
    a6_test_free(test);
    test = a6_test_request("GET /");
    a6_test_source(test, "nowhere");
    assert_int_equal(a6_test_run(test), A6_TEST_BROKEN);
    a6_test_free(test);
    test = a6_test_request("GET /");
    assert_int_equal(a6_test_run(test), A6_TEST_UNCHANGED);
    a6_test_header(test, "x", "too late");
    assert_int_equal(a6_test_run(test), A6_TEST_BROKEN);
    a6_test_free(test);
    assert_int_equal(a6_test_run(NULL), A6_TEST_BROKEN);
    a6_test_free(NULL);
    assert_int_equal(a6_test_load(A6_BUILD_DIR "/nothing.so"), -ENOENT);
    assert_int_equal(a6_test_add(&looker), -EEXIST);
}

static void compares(void **state)
{
    (void)state;
    assert_true(a6_test_is(A6_STR("a"), "a"));
    assert_true(a6_test_is(A6_STR(""), ""));
    assert_true(a6_test_is(a6_str_make(NULL, 0), NULL));
    assert_false(a6_test_is(A6_STR("a"), "b"));
    assert_false(a6_test_is(A6_STR(""), NULL));
    assert_false(a6_test_is(a6_str_make(NULL, 0), ""));
}

static void a_restart_ends_plugins(void **state)
{
    a6_test *test;
    int before;

    (void)state;
    a6_test_restart();
    before = starts;
    assert_int_equal(starts, stops);
    test = a6_test_request("GET /");
    a6_test_use(test, "looker", NULL);
    assert_int_equal(a6_test_run(test), A6_TEST_CHANGED);
    assert_int_equal(starts, before + 1);
    a6_test_free(test);
    a6_test_restart();
    assert_int_equal(stops, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_was_given),
        cmocka_unit_test(an_unknown_variable_is_absent),
        cmocka_unit_test(the_gateway_vanishes),
        cmocka_unit_test(refuses_too_large_a_body),
        cmocka_unit_test(adds_delays_up),
        cmocka_unit_test(waits_for_other_threads),
        cmocka_unit_test(runs_responses),
        cmocka_unit_test(tells_complaints_in_every_run),
        cmocka_unit_test(a_wrong_test_is_broken),
        cmocka_unit_test(compares),
        cmocka_unit_test(a_conf_without_memory_is_parsed_again),
        cmocka_unit_test(a_restart_ends_plugins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
