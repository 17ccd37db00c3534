/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the request: what the next plugin sees, and what the gateway is told. */
#include <errno.h>

#include "support/call_rig.h"

static struct rig rig;
static struct message_http_req_reply_view view;

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

typedef a6_result (*filter)(a6_request *req, void *conf);

/* `change` runs, then `see`, on a request with some of everything. */
static void change(filter first, filter second)
{
    rig_plugin(&rig, "first", first, NULL);
    rig_plugin(&rig, "second", second, NULL);
    rig_chain(&rig, "first", "", "second", "", NULL);
    rig_request(&rig,
                &(struct rig_message){
                    .path = "/old",
                    .args = RIG_PAIRS(rig_pair("a", "1"), rig_pair("b", NULL), rig_pair("a", "2"),
                                      rig_pair("d", "4")),
                    .headers = RIG_PAIRS(rig_pair("host", "old.example"), rig_pair("cookie", "a=1"),
                                         rig_pair("x-two", "1"), rig_pair("accept", "*/*"),
                                         rig_pair("x-two", "2"), rig_pair("x-empty", ""))});
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
    rig_reply_request(&rig, &view);
}

static a6_result pass(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    return A6_OK;
}

static a6_result set_path(a6_request *req, void *conf)
{
    char path[] = "/n e?w";
    (void)conf;
    assert_int_equal(a6_request_set_path(req, a6_str_from(path)), 0);
    memset(path, 'x', sizeof(path));
    return A6_OK;
}

static a6_result see_path(a6_request *req, void *conf)
{
    (void)conf;
    rig_assert_a6_str(a6_request_path(req), "/n e?w");
    return A6_OK;
}

static void sets_the_path(void **state)
{
    (void)state;
    change(set_path, see_path);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    rig_assert_str(view.path, "/n e?w");
    assert_int_equal(view.headers.count + view.args.count + view.resp_headers.count, 0);
    assert_null(view.body.data);
}

static a6_result refuse_paths(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_path(req, A6_STR("")), -EINVAL);
    assert_int_equal(a6_request_set_path(req, a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_request_set_path(req, A6_STR("relative")), -EINVAL);
    assert_int_equal(a6_request_set_path(req, A6_STR("/a\nb")), -EINVAL);
    assert_int_equal(a6_request_set_path(req, A6_STR("/a\rb")), -EINVAL);
    assert_int_equal(a6_request_set_path(req, A6_STR("/a\0b")), -EINVAL);
    return A6_OK;
}

static a6_result refuse_the_rest(a6_request *req, void *conf)
{
    static const char *const names[] = {"",    "a b", "a:b", "a\r", "a\n",   "a(b",
                                        "a\"", "a/b", "a@",  "a\t", "\x80z", "{"};
    static const char *const values[] = {"a\rb", "a\nb", "\r\n", "x\n"};
    (void)conf;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        a6_str name = a6_str_from(names[i]);
        assert_int_equal(a6_request_set_header(req, name, A6_STR("v")), -EINVAL);
        assert_int_equal(a6_request_add_header(req, name, A6_STR("v")), -EINVAL);
        assert_int_equal(a6_request_delete_header(req, name), -EINVAL);
        assert_int_equal(a6_request_add_response_header(req, name, A6_STR("v")), -EINVAL);
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        a6_str value = a6_str_from(values[i]);
        assert_int_equal(a6_request_set_header(req, A6_STR("x"), value), -EINVAL);
        assert_int_equal(a6_request_add_header(req, A6_STR("x"), value), -EINVAL);
        assert_int_equal(a6_request_add_response_header(req, A6_STR("x"), value), -EINVAL);
    }
    for (size_t i = 0; i < 2; i++) {
        a6_str name = i ? A6_STR("Content-Length") : A6_STR("transfer-encoding");

        assert_int_equal(a6_request_set_header(req, name, A6_STR("5")), -ENOTSUP);
        assert_int_equal(a6_request_add_header(req, name, A6_STR("5")), -ENOTSUP);
        assert_int_equal(a6_request_delete_header(req, name), -ENOTSUP);
    }
    assert_int_equal(a6_request_set_header(req, A6_STR("a\0b"), A6_STR("v")), -EINVAL);
    assert_int_equal(a6_request_set_header(req, A6_STR("a"), A6_STR("v\0")), -EINVAL);
    assert_int_equal(a6_request_set_header(req, A6_STR("a"), a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_request_set_header(req, a6_str_make("x", SIZE_MAX), A6_STR("")), -EINVAL);
    assert_int_equal(a6_request_set_header(req, A6_STR("a"), a6_str_make("x", SIZE_MAX)), -EINVAL);
    assert_int_equal(a6_request_set_arg(req, A6_STR(""), A6_STR("v")), -EINVAL);
    assert_int_equal(a6_request_add_arg(req, a6_str_make(NULL, 1), A6_STR("v")), -EINVAL);
    assert_int_equal(a6_request_add_arg(req, A6_STR("x"), a6_str_make(NULL, 1)), -EINVAL);
    assert_int_equal(a6_request_delete_arg(req, a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_request_set_body(req, A6_STR("")), -EINVAL);
    assert_int_equal(a6_request_set_body(req, a6_str_make(NULL, 0)), -EINVAL);
    assert_int_equal(a6_request_set_body(req, a6_str_make("x", 1u << 24)), -EMSGSIZE);
    return A6_OK;
}

static void refuses_what_breaks_http(void **state)
{
    (void)state;
    change(refuse_paths, refuse_the_rest);
    assert_int_equal(view.action, MESSAGE_ACTION_NONE);
}

static a6_result edit_headers(a6_request *req, void *conf)
{
    char name[] = "X-New";
    (void)conf;
    assert_int_equal(a6_request_set_header(req, a6_str_from(name), A6_STR("n")), 0);
    name[0] = 'Y';
    assert_int_equal(a6_request_set_header(req, A6_STR("Host"), A6_STR("new.example")), 0);
    assert_int_equal(a6_request_add_header(req, A6_STR("X-Two"), A6_STR("3")), 0);
    assert_int_equal(a6_request_add_header(req, A6_STR("Cookie"), A6_STR("b=2")), 0);
    assert_int_equal(a6_request_add_header(req, A6_STR("x-empty"), A6_STR("e")), 0);
    assert_int_equal(a6_request_add_header(req, A6_STR("x-first"), A6_STR("f")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("ACCEPT")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("x-none")), 0);
    return A6_OK;
}

static a6_result see_headers(a6_request *req, void *conf)
{
    size_t index = 0;
    (void)conf;
    assert_int_equal(a6_request_header_count(req), 6);
    rig_assert_a6_str(a6_request_header(req, "host"), "new.example");
    rig_assert_a6_str(a6_request_header(req, "x-new"), "n");
    rig_assert_a6_str(a6_request_header(req, "cookie"), "a=1; b=2");
    rig_assert_a6_str(a6_request_header(req, "x-two"), "1, 2, 3");
    rig_assert_a6_str(a6_request_header(req, "x-empty"), "e");
    rig_assert_a6_str(a6_request_header(req, "x-first"), "f");
    assert_null(a6_request_header(req, "accept").data);
    assert_int_equal(a6_request_find_header(req, A6_STR("x-two"), &index), 0);
    assert_int_equal(index, 2);
    index++;
    assert_int_equal(a6_request_find_header(req, A6_STR("x-two"), &index), -ENOENT);
    /* a name that comes and goes is none of the gateway's business */
    assert_int_equal(a6_request_set_header(req, A6_STR("x-short"), A6_STR("s")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("x-short")), 0);
    /* one that goes, comes back and goes again is told once */
    assert_int_equal(a6_request_set_header(req, A6_STR("Accept"), A6_STR("s")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("Accept")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("x-first")), 0);
    return A6_OK;
}

static void edits_headers(void **state)
{
    (void)state;
    change(edit_headers, see_headers);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    assert_int_equal(view.headers.count, 6);
    rig_assert_pair(view.headers, 0, "Host", "new.example");
    rig_assert_pair(view.headers, 1, "Cookie", "a=1; b=2");
    rig_assert_pair(view.headers, 2, "X-Two", "1, 2, 3");
    rig_assert_pair(view.headers, 3, "x-empty", "e");
    rig_assert_pair(view.headers, 4, "X-New", "n");
    rig_assert_pair(view.headers, 5, "accept", NULL);
    assert_int_equal(view.args.count, 0);
    assert_null(view.path.data);
}

static a6_result set_empty_header(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_header(req, A6_STR("x-two"), A6_STR("")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("host")), 0);
    assert_int_equal(a6_request_set_header(req, A6_STR("host"), A6_STR("back")), 0);
    return A6_OK;
}

static void tells_an_empty_header_from_a_deleted_one(void **state)
{
    (void)state;
    change(pass, set_empty_header);
    assert_int_equal(view.headers.count, 2);
    rig_assert_pair(view.headers, 0, "x-two", "");
    rig_assert_pair(view.headers, 1, "host", "back");
}

static a6_result edit_args(a6_request *req, void *conf)
{
    char name[] = "n";
    (void)conf;
    assert_int_equal(a6_request_add_arg(req, A6_STR("a"), A6_STR("3")), 0);
    assert_int_equal(a6_request_add_arg(req, A6_STR("b"), A6_STR("5")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("d")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("A")), 0); /* not the same as a */
    assert_int_equal(a6_request_set_arg(req, a6_str_from(name), a6_str_make(NULL, 0)), 0);
    name[0] = 'x';
    return A6_OK;
}

static a6_result see_args(a6_request *req, void *conf)
{
    a6_pair arg;
    a6_str value;
    (void)conf;
    assert_int_equal(a6_request_arg_count(req), 6);
    assert_int_equal(a6_request_arg_at(req, 3, &arg), 0);
    rig_assert_a6_str(arg.name, "a");
    rig_assert_a6_str(arg.value, "3");
    assert_int_equal(a6_request_arg(req, "d", &value), 0);
    assert_int_equal(a6_request_arg(req, "n", &value), 1);
    assert_null(value.data);
    return A6_OK;
}

static void edits_args(void **state)
{
    (void)state;
    change(edit_args, see_args);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    assert_int_equal(view.args.count, 7);
    rig_assert_pair(view.args, 0, "a", "1");
    rig_assert_pair(view.args, 1, "b", "");
    rig_assert_pair(view.args, 2, "a", "2");
    rig_assert_pair(view.args, 3, "a", "3");
    rig_assert_pair(view.args, 4, "b", "5");
    rig_assert_pair(view.args, 5, "n", "");
    rig_assert_pair(view.args, 6, "d", NULL);
    assert_int_equal(view.headers.count, 0);
}

static a6_result delete_every_arg(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_arg(req, A6_STR("a"), A6_STR("x")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("a")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("b")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("d")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("")), 0);
    assert_int_equal(a6_request_arg_count(req), 0);
    return A6_OK;
}

static void deletes_the_last_arg(void **state)
{
    (void)state;
    change(delete_every_arg, pass);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    assert_int_equal(view.args.count, 3);
    rig_assert_pair(view.args, 0, "a", NULL);
    rig_assert_pair(view.args, 1, "b", NULL);
    rig_assert_pair(view.args, 2, "d", NULL);
}

static a6_result set_arg(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_set_arg(req, A6_STR("a"), A6_STR("only\n\0 one")), 0);
    assert_int_equal(a6_request_arg_count(req), 3);
    return A6_OK;
}

static void replaces_every_value_of_an_arg(void **state)
{
    (void)state;
    change(set_arg, pass);
    assert_int_equal(view.args.count, 1);
    assert_int_equal(message_pair_at(view.args, 0).value.len, 10);
}

static a6_result delete_nothing(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_request_delete_header(req, A6_STR("x-none")), 0);
    assert_int_equal(a6_request_delete_arg(req, A6_STR("none")), 0);
    assert_int_equal(a6_request_set_header(req, A6_STR("x-tmp"), A6_STR("1")), 0);
    assert_int_equal(a6_request_delete_header(req, A6_STR("x-tmp")), 0);
    return A6_OK;
}

static void takes_no_action_when_nothing_changed(void **state)
{
    (void)state;
    change(delete_nothing, pass);
    assert_int_equal(view.action, MESSAGE_ACTION_NONE);
}

static a6_result add_response_headers(a6_request *req, void *conf)
{
    static const char *const ignored[] = {"connection",       "Content-Length", "TRANSFER-encoding",
                                          "location",         "server",         "WWW-Authenticate",
                                          "content-encoding", "content-type",   "content-location",
                                          "content-language"};
    (void)conf;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        assert_int_equal(a6_request_add_response_header(req, a6_str_from(ignored[i]), A6_STR("x")),
                         -ENOTSUP);
    assert_int_equal(a6_request_add_response_header(req, A6_STR("Set-Cookie"), A6_STR("a=1")), 0);
    assert_int_equal(a6_request_add_response_header(req, A6_STR("Set-Cookie"), A6_STR("b=2")), 0);
    assert_null(a6_request_header(req, "set-cookie").data);
    return A6_OK;
}

static void adds_response_headers(void **state)
{
    (void)state;
    change(add_response_headers, pass);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    assert_int_equal(view.resp_headers.count, 2);
    rig_assert_pair(view.resp_headers, 0, "Set-Cookie", "a=1");
    rig_assert_pair(view.resp_headers, 1, "Set-Cookie", "b=2");
}

static a6_result set_body(a6_request *req, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_request_set_body(req, A6_STR("first")), 0);
    assert_int_equal(a6_request_body(&req->call, &body), 0);
    rig_assert_a6_str(body, "first");
    assert_int_equal(a6_request_set_body(req, A6_STR("x")), 0);
    rig_assert_a6_str(body, "first"); /* still there while the filter runs */
    return A6_OK;
}

static a6_result see_body(a6_request *req, void *conf)
{
    a6_str body;
    (void)conf;
    assert_int_equal(a6_request_body(&req->call, &body), 0);
    rig_assert_a6_str(body, "x");
    return A6_OK;
}

static void sets_the_body(void **state)
{
    (void)state;
    rig.request_body = (struct wire_str){"never asked for", 15};
    change(set_body, see_body);
    assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    rig_assert_str(view.body, "x");
    assert_int_equal(rig.ask_count, 0);
}

static a6_result do_many(a6_request *req, void *conf)
{
    char name[16];
    (void)conf;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "x-%u", i);
        assert_int_equal(a6_request_set_header(req, a6_str_from(name), A6_STR("v")), 0);
        assert_int_equal(a6_request_add_arg(req, a6_str_from(name), A6_STR("v")), 0);
        assert_int_equal(a6_request_add_response_header(req, a6_str_from(name), A6_STR("v")), 0);
    }
    for (unsigned i = 0; i < 300; i += 2) {
        snprintf(name, sizeof(name), "X-%u", i);
        assert_int_equal(a6_request_delete_header(req, a6_str_from(name)), 0);
    }
    return A6_OK;
}

static a6_result see_many(a6_request *req, void *conf)
{
    char name[16];
    (void)conf;
    assert_int_equal(a6_request_header_count(req), 6 + 150);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "x-%u", i);
        assert_int_equal(a6_request_header(req, name).data != NULL, i % 2);
    }
    return A6_OK;
}

static void makes_many_changes(void **state)
{
    (void)state;
    change(do_many, see_many);
    assert_int_equal(view.headers.count, 150);
    assert_int_equal(view.args.count, 300);
    assert_int_equal(view.resp_headers.count, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sets_the_path, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_breaks_http, setup, teardown),
        cmocka_unit_test_setup_teardown(edits_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_an_empty_header_from_a_deleted_one, setup, teardown),
        cmocka_unit_test_setup_teardown(edits_args, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes_the_last_arg, setup, teardown),
        cmocka_unit_test_setup_teardown(replaces_every_value_of_an_arg, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_no_action_when_nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(adds_response_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_many_changes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
