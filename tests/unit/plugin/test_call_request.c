/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the request. Each test is a filter that looks around. */
#include <errno.h>

#include "support/call_rig.h"

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Runs the filter on the message; nothing is changed by it. */
static void look(a6_result (*filter)(a6_request *req, void *conf),
                 const struct rig_message *message)
{
    struct message_http_req_reply_view view;

    rig_plugin(&rig, "look", filter, NULL);
    rig_chain(&rig, "look", "the conf", NULL);
    rig_request(&rig, message);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_request(&rig, &view);
    assert_int_equal(view.action, MESSAGE_ACTION_NONE);
    assert_int_equal(rig.enter_count, 1);
    assert_int_equal(rig.leave_count, 1);
}

static a6_result see_all(a6_request *req, void *conf)
{
    a6_pair pair;
    size_t index = 0;
    a6_str value;

    assert_null(conf); /* there is no parse_conf */
    assert_int_equal(a6_call_id(&req->call), 4194311);
    assert_int_equal(a6_request_method(req), A6_PATCH);
    rig_assert_a6_str(a6_request_path(req), "/a b");
    assert_int_equal(a6_request_source(req).len, 4);
    rig_assert_a6_str(a6_request_source_text(req), "127.0.0.1");
    assert_ptr_equal(a6_request_source_text(req).data, a6_request_source_text(req).data);

    assert_int_equal(a6_request_arg_count(req), 4);
    assert_int_equal(a6_request_arg(req, "a", &value), 1);
    rig_assert_a6_str(value, "1");
    assert_int_equal(a6_request_arg(req, "b", &value), 1);
    assert_null(value.data);
    assert_int_equal(a6_request_arg(req, "c", &value), 1);
    rig_assert_a6_str(value, "");
    assert_int_equal(a6_request_arg(req, "A", &value), 0);
    assert_int_equal(a6_request_arg_at(req, 3, &pair), 0);
    rig_assert_a6_str(pair.name, "a");
    rig_assert_a6_str(pair.value, "2");
    assert_int_equal(a6_request_arg_at(req, 4, &pair), -ENOENT);
    assert_int_equal(a6_request_arg_at(req, SIZE_MAX, &pair), -ENOENT);

    assert_int_equal(a6_request_header_count(req), 4);
    rig_assert_a6_str(a6_request_header(req, "hOsT"), "example.com");
    rig_assert_a6_str(a6_request_header(req, "x-empty"), "");
    assert_null(a6_request_header(req, "x-none").data);
    assert_null(a6_request_header(req, "").data);
    assert_null(a6_request_header(req, NULL).data);
    assert_int_equal(a6_request_find_header(req, A6_STR("X-REPEATED"), &index), 0);
    assert_int_equal(index, 1);
    index++;
    assert_int_equal(a6_request_find_header(req, A6_STR("X-REPEATED"), &index), 0);
    assert_int_equal(index, 3);
    index++;
    assert_int_equal(a6_request_find_header(req, A6_STR("X-REPEATED"), &index), -ENOENT);
    assert_int_equal(index, 4);
    index = SIZE_MAX;
    assert_int_equal(a6_request_find_header(req, A6_STR("host"), &index), -ENOENT);
    assert_int_equal(a6_request_header_at(req, 3, &pair), 0);
    rig_assert_a6_str(pair.name, "x-repeated");
    rig_assert_a6_str(pair.value, "two");
    assert_int_equal(a6_request_header_at(req, 4, &pair), -ENOENT);
    return A6_OK;
}

static void reads_everything(void **state)
{
    (void)state;
    look(see_all,
         &(struct rig_message){
             .id = 4194311,
             .method = A6_PATCH,
             .source = "\x7f\0\0\1",
             .source_len = 4,
             .path = "/a b",
             .args = RIG_PAIRS(rig_pair("a", "1"), rig_pair("b", NULL), rig_pair("c", ""),
                               rig_pair("a", "2")),
             .headers = RIG_PAIRS(rig_pair("host", "example.com"), rig_pair("x-repeated", "one"),
                                  rig_pair("x-empty", ""), rig_pair("x-repeated", "two"))});
}

static a6_result see_nothing(a6_request *req, void *conf)
{
    size_t index = 0;
    (void)conf;

    assert_int_equal(a6_call_id(&req->call), 0);
    assert_int_equal(a6_request_method(req), A6_GET);
    rig_assert_a6_str(a6_request_path(req), "");
    assert_null(a6_request_source(req).data);
    assert_null(a6_request_source_text(req).data);
    assert_int_equal(a6_request_arg_count(req), 0);
    assert_int_equal(a6_request_header_count(req), 0);
    assert_int_equal(a6_request_find_header(req, A6_STR("host"), &index), -ENOENT);
    return A6_OK;
}

static void reads_defaults(void **state)
{
    (void)state;
    look(see_nothing, &(struct rig_message){.path = NULL});
}

static void does_not_take_an_odd_source(void **state)
{
    (void)state;
    look(see_nothing, &(struct rig_message){.source = "12345", .source_len = 5});
}

static a6_result see_v6(a6_request *req, void *conf)
{
    a6_str text = a6_request_source_text(req);
    (void)conf;

    assert_int_equal(a6_request_source(req).len, 16);
    rig_assert_a6_str(text, "2001:db8::1");
    assert_int_equal(text.data[text.len], '\0');
    return A6_OK;
}

static void writes_v6_as_text(void **state)
{
    (void)state;
    look(see_v6, &(struct rig_message){.source = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
                                       .source_len = 16});
}

static a6_result see_absent_value(a6_request *req, void *conf)
{
    (void)conf;
    rig_assert_a6_str(a6_request_header(req, "x"), ""); /* a header always has a value */
    return A6_OK;
}

static void gives_a_header_a_value(void **state)
{
    (void)state;
    look(see_absent_value, &(struct rig_message){.headers = RIG_PAIRS(rig_pair("x", NULL))});
}

static struct wire_pair many[1000];

static a6_result see_many(a6_request *req, void *conf)
{
    size_t count = a6_request_header_count(req);
    char name[32];
    (void)conf;

    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "X-%zu", i);
        rig_assert_a6_str(a6_request_header(req, name), name + 2);
    }
    return A6_OK;
}

static void reads_many_headers(void **state)
{
    static char names[1000][16];
    (void)state;

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof(names[i]), "x-%u", i);
        many[i] = rig_pair(names[i], names[i] + 2);
    }
    look(see_many, &(struct rig_message){.headers = {many, 1000}});
    rig_request(&rig, &(struct rig_message){.headers = {many, 100}});
    assert_int_equal(rig_run(&rig), CALL_DONE);
}

/* ---- what both phases have ---- */

static int answer_to_all = 42;

static a6_result leave_values(a6_request *req, void *conf)
{
    char key[] = "auth.user";
    a6_str text;
    char *memory;
    (void)conf;

    assert_null(a6_get(&req->call, A6_STR("auth.user")));
    assert_int_equal(a6_set(&req->call, a6_str_from(key), &answer_to_all), 0);
    key[0] = 'x'; /* the key was copied */
    assert_int_equal(a6_set(&req->call, A6_STR("other"), &answer_to_all), 0);
    assert_int_equal(a6_set(&req->call, A6_STR("other"), NULL), 0);
    assert_int_equal(a6_set(&req->call, a6_str_make(NULL, 3), NULL), -EINVAL);
    assert_null(a6_get(&req->call, a6_str_make(NULL, 0)));

    memory = a6_alloc(&req->call, 100);
    assert_non_null(memory);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(memory[i], 0);
    memset(memory, 0xff, 100);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    assert_non_null(a6_alloc(&req->call, 0));
    assert_null(a6_alloc(&req->call, SIZE_MAX));
    assert_null(a6_alloc(&req->call, 2u << 20));
    text = a6_format(&req->call, "%s-%d", "text", 5);
    rig_assert_a6_str(text, "text-5");
    a6_log(&req->call, A6_LOG_WARN, "watch %s", "out\n");
    a6_log(&req->call, A6_LOG_DEBUG, "not this");
    return A6_OK;
}

static a6_result find_values(a6_request *req, void *conf)
{
    (void)conf;
    assert_ptr_equal(a6_get(&req->call, A6_STR("auth.user")), &answer_to_all);
    assert_null(a6_get(&req->call, A6_STR("other")));
    assert_null(a6_get(&req->call, A6_STR("auth.use")));
    return A6_OK;
}

static void leaves_values_for_later_plugins(void **state)
{
    (void)state;
    rig_plugin(&rig, "first", leave_values, NULL);
    rig_plugin(&rig, "second", find_values, NULL);
    rig_chain(&rig, "first", "", "second", "", NULL);
    for (unsigned i = 0; i < 3; i++) { /* nothing is left for the next call */
        rig_request(&rig, &(struct rig_message){.id = 9});
        assert_int_equal(rig_run(&rig), CALL_DONE);
        assert_false(rig.call.failed);
    }
    assert_int_equal(rig_logged(&rig, "plugin first, call 9: watch out"), 3);
    assert_int_equal(rig_logged(&rig, "not this"), 0);
}

static a6_result use_it_up(a6_request *req, void *conf)
{
    size_t taken = 0;
    (void)conf;

    while (a6_alloc(&req->call, 1000))
        taken += 1000;
    assert_in_range(taken, 512 << 10, 1 << 20);
    while (a6_alloc(&req->call, 1))
        ;
    assert_null(a6_format(&req->call, "%s", "no memory for this text").data);
    assert_int_equal(a6_set(&req->call, A6_STR("k"), NULL), -ENOMEM);
    assert_int_equal(a6_request_set_header(req, A6_STR("x"), A6_STR("y")), -ENOMEM);
    assert_int_equal(a6_request_set_arg(req, A6_STR("x"), A6_STR("y")), -ENOMEM);
    assert_int_equal(a6_request_set_path(req, A6_STR("/x")), -ENOMEM);
    assert_null(a6_suspend(&req->call));
    return a6_error(&req->call, "no memory");
}

static void has_a_limit_of_memory(void **state)
{
    (void)state;
    rig_plugin(&rig, "greedy", use_it_up, NULL);
    rig_chain(&rig, "greedy", "", NULL);
    rig_request(&rig, &(struct rig_message){.path = "/"});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "plugin greedy (linked in): request_filter failed: no mem"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_take_an_odd_source, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_v6_as_text, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_a_header_a_value, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_many_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_values_for_later_plugins, setup, teardown),
        cmocka_unit_test_setup_teardown(has_a_limit_of_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
