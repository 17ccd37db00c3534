/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the request when memory ends. */
#include <errno.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

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

/* Each change fails once for want of memory; then nothing has changed. */
static int try_changes(a6_request *req, unsigned which)
{
    static char large[5000];

    memset(large, 'v', sizeof(large));
    switch (which) {
    case 0:
        return a6_request_set_header(req, A6_STR("x-two"), a6_str_make(large, sizeof(large)));
    case 1:
        return a6_request_add_header(req, A6_STR("x-two"), a6_str_make(large, sizeof(large)));
    case 2:
        return a6_request_set_arg(req, A6_STR("a"), a6_str_make(large, sizeof(large)));
    case 3:
        return a6_request_add_arg(req, A6_STR("a"), a6_str_make(large, sizeof(large)));
    case 4:
        large[0] = '/';
        return a6_request_set_path(req, a6_str_make(large, sizeof(large)));
    case 5:
        return a6_request_set_body(req, a6_str_make(large, sizeof(large)));
    default:
        return a6_request_add_response_header(req, A6_STR("x"), a6_str_make(large, sizeof(large)));
    }
}

static unsigned which_change, which_alloc;
static bool was_hit;

static a6_result fail_to_change(a6_request *req, void *conf)
{
    int failed;
    (void)conf;
    fail_alloc_after(which_alloc);
    failed = try_changes(req, which_change);
    fail_alloc_off();
    was_hit = fail_alloc_hit();
    assert_int_equal(failed, was_hit ? -ENOMEM : 0);
    return A6_OK;
}

static a6_result see_old(a6_request *req, void *conf)
{
    a6_str value;
    (void)conf;
    if (!was_hit)
        return A6_OK;
    assert_int_equal(a6_request_header_count(req), 6);
    rig_assert_a6_str(a6_request_header(req, "x-two"), "1");
    assert_int_equal(a6_request_arg_count(req), 4);
    assert_int_equal(a6_request_arg(req, "a", &value), 1);
    rig_assert_a6_str(value, "1");
    rig_assert_a6_str(a6_request_path(req), "/old");
    return A6_OK;
}

static void changes_nothing_without_memory(void **state)
{
    (void)state;
    for (which_change = 0; which_change < 7; which_change++) {
        for (which_alloc = 0;; which_alloc++) {
            assert_true(which_alloc < 10);
            rig_close(&rig);
            rig_open(&rig);
            change(fail_to_change, see_old);
            if (!was_hit)
                break;
            assert_int_equal(view.action, MESSAGE_ACTION_NONE);
        }
        assert_true(which_alloc > 0);
        assert_int_equal(view.action, MESSAGE_ACTION_REWRITE);
    }
}

static a6_result too_much(a6_request *req, void *conf)
{
    static char large[1 << 20];
    (void)conf;
    memset(large, 'v', sizeof(large));
    /* more than the share of memory for changes */
    assert_int_equal(a6_request_set_header(req, A6_STR("x"), a6_str_make(large, sizeof(large))),
                     -ENOMEM);
    assert_int_equal(a6_request_set_header(req, A6_STR("x"), a6_str_make(large, 1000)), 0);
    /* bodies do not count against it */
    assert_int_equal(a6_request_set_body(req, a6_str_make(large, sizeof(large))), 0);
    return A6_OK;
}

static void keeps_to_the_share_of_memory(void **state)
{
    (void)state;
    change(too_much, pass);
    assert_int_equal(view.body.len, 1 << 20);
    assert_int_equal(view.headers.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_nothing_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_to_the_share_of_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
