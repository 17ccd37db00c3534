/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait: a6_suspend, a6_resume, a6_delay. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/call_rig.h"

static struct rig rig;
static a6_pending *pending;
static unsigned after;

static a6_result count(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    after++;
    return A6_OK;
}

static int setup(void **state)
{
    (void)state;
    pending = NULL;
    after = 0;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void start(a6_result (*filter)(a6_request *req, void *conf))
{
    if (rig.plugin_count == 0) {
        rig_plugin(&rig, "waits", filter, NULL);
        rig_plugin(&rig, "after", count, NULL);
        rig_chain(&rig, "waits", "", "after", "", NULL);
    }
    rig_request(&rig, &(struct rig_message){.id = 3, .path = "/"});
}

static a6_result suspend(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    assert_non_null(pending);
    assert_null(a6_suspend(&req->call));
    return A6_PENDING;
}

static void assert_waiting(void)
{
    assert_int_equal(rig_run(&rig), CALL_WAITING);
    assert_int_equal(rig.call.delay_ms, 0);
    assert_int_equal(after, 0);
    assert_true(rig.call.deadline_ms > clock_ms());
}

static void goes_on_after_resume(void **state)
{
    struct message_http_req_reply_view view;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        start(suspend);
        after = 0;
        assert_waiting();
        assert_int_equal(a6_resume(pending, A6_OK), 0);
        assert_int_equal(rig.resumed, i + 1);
        assert_false(call_abandon(&rig.call));
        assert_false(call_abandoned(&rig.call));
        assert_int_equal(rig_run(&rig), CALL_DONE);
        assert_int_equal(after, 1);
        rig_reply_request(&rig, &view);
        assert_int_equal(view.action, MESSAGE_ACTION_NONE);
    }
}

static void fails_after_resume_with_an_error(void **state)
{
    (void)state;
    start(suspend);
    assert_waiting();
    assert_int_equal(a6_error(&rig.call.handle.base, "the %s is down", "database"), A6_ERROR);
    assert_int_equal(a6_resume(pending, A6_ERROR), 0);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(after, 0);
    rig_reply_error(&rig);
    assert_int_equal(
        rig_logged(&rig, "plugin waits (linked in): request_filter failed: the database is down"),
        1);
}

static void takes_no_other_result(void **state)
{
    (void)state;
    start(suspend);
    assert_waiting();
    assert_int_equal(a6_resume(pending, A6_PENDING), 0);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "A6_PENDING"), 1);
}

static a6_result resume_first(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    assert_int_equal(a6_answer(req, 202), 0);
    assert_int_equal(a6_resume(pending, A6_OK), 0);
    return A6_PENDING;
}

static void may_be_resumed_before_the_filter_returns(void **state)
{
    struct message_http_req_reply_view view;
    (void)state;
    start(resume_first);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(rig.resumed, 0); /* nobody waits for it */
    assert_int_equal(after, 0);       /* it was answered */
    rig_reply_request(&rig, &view);
    assert_int_equal(view.status, 202);
}

static a6_result resume_twice(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    assert_int_equal(a6_resume(pending, A6_OK), 0);
    assert_int_equal(a6_resume(pending, A6_OK), -EALREADY);
    return A6_PENDING;
}

static void does_not_mind_a_second_resume(void **state)
{
    (void)state;
    start(resume_twice);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(rig.call.failed);
}

/* ---- filters that break the rules ---- */

static a6_result suspend_and_go_on(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    return A6_OK;
}

static void waits_for_the_holder_whatever_the_filter_says(void **state)
{
    (void)state;
    start(suspend_and_go_on);
    assert_waiting();
    assert_int_equal(rig_logged(&rig, "it has to return A6_PENDING"), 1);
    assert_int_equal(a6_resume(pending, A6_OK), 0);
    assert_int_equal(rig.resumed, 1);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(after, 0);
    rig_reply_error(&rig);
}

static a6_result resume_and_go_on(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_resume(a6_suspend(&req->call), A6_OK), 0);
    return A6_OK;
}

static void fails_what_resumes_and_returns_ok(void **state)
{
    (void)state;
    start(resume_and_go_on);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "it has to return A6_PENDING"), 1);
}

static a6_result pend_without(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    return A6_PENDING;
}

static void does_not_wait_for_nobody(void **state)
{
    (void)state;
    start(pend_without);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "A6_PENDING comes only after a6_suspend"), 1);
}

/* ---- given up ---- */

static void is_kept_until_a_late_resume(void **state)
{
    a6_str value;
    (void)state;
    start(suspend);
    assert_waiting();
    assert_false(call_abandoned(&rig.call));
    assert_true(call_abandon(&rig.call));
    assert_true(call_abandoned(&rig.call));
    assert_false(call_abandon(&rig.call));
    /* the holder knows nothing of it and still uses the call */
    assert_non_null(a6_alloc(&rig.call.handle.base, 10000));
    assert_int_equal(a6_request_set_header(&rig.call.handle.request, A6_STR("x"), A6_STR("y")), 0);
    assert_int_equal(a6_var(&rig.call.handle.base, A6_STR("uri"), &value), -ECANCELED);
    assert_int_equal(rig.ask_count, 0);
    assert_int_equal(a6_resume(pending, A6_OK), -ECANCELED);
    assert_int_equal(rig.resumed, 1);
    assert_true(call_abandoned(&rig.call));
    call_end(&rig.call);
    assert_false(call_abandoned(&rig.call));
}

static void does_not_give_up_what_does_not_wait(void **state)
{
    (void)state;
    start(count);
    assert_false(call_abandon(&rig.call));
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_false(call_abandon(&rig.call));
}

/* ---- the holder in another thread ---- */

static void *resume_in_thread(void *user)
{
    a6_str value;

    /* All of the call is the holder's until then. */
    if (user) {
        a6_request *req = &rig.call.handle.request;
        assert_int_equal(a6_var(&req->call, A6_STR("uri"), &value), 0);
        assert_int_equal(a6_request_set_header(req, A6_STR("X-Uri"), value), 0);
        assert_ptr_equal(a6_state(&req->call), NULL);
        a6_log(&req->call, A6_LOG_INFO, "from the holder");
    }
    a6_resume(pending, A6_OK);
    return NULL;
}

static pthread_t thread;

static a6_result hand_over(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    assert_int_equal(pthread_create(&thread, NULL, resume_in_thread, req), 0);
    return A6_PENDING;
}

static void works_in_another_thread(void **state)
{
    struct message_http_req_reply_view view;
    (void)state;
    rig.vars[0] = (struct rig_answer){"uri", "/u"};
    start(hand_over);
    for (unsigned i = 0; i < 300; i++) {
        enum call_next next;

        if (i > 0)
            start(hand_over);
        rig.resumed = 0;
        next = rig_run(&rig);
        if (next == CALL_WAITING) {
            while (atomic_load(&rig.resumed) == 0)
                usleep(10);
            next = rig_run(&rig);
        }
        assert_int_equal(next, CALL_DONE);
        pthread_join(thread, NULL);
        rig_reply_request(&rig, &view);
        assert_int_equal(view.headers.count, 1);
        rig_assert_pair(view.headers, 0, "X-Uri", "/u");
        rig.log_len = 0;
    }
    assert_int_equal(after, 300);
}

/* The owner gives up at about the time when the holder resumes: one of them wins, and
 * around->resume is called once whoever it is. */
static void has_one_winner_when_given_up(void **state)
{
    unsigned won = 0;
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        bool abandoned;

        start(suspend);
        rig.resumed = 0;
        assert_int_equal(rig_run(&rig), CALL_WAITING);
        assert_int_equal(pthread_create(&thread, NULL, resume_in_thread, NULL), 0);
        usleep(i % 60);
        abandoned = call_abandon(&rig.call);
        while (atomic_load(&rig.resumed) == 0)
            usleep(10);
        assert_int_equal(call_abandoned(&rig.call), abandoned);
        won += abandoned;
        if (!abandoned)
            assert_int_equal(rig_run(&rig), CALL_DONE);
        pthread_join(thread, NULL);
        assert_int_equal(rig.resumed, 1);
        call_end(&rig.call);
    }
    print_message("given up %u times of 300\n", won);
}

/* ---- a6_delay ---- */

static uint32_t delay_ms;
static a6_result delay_result;

static a6_result delay(a6_request *req, void *conf)
{
    a6_result result = a6_delay(&req->call, delay_ms);
    (void)conf;
    assert_int_equal(result, delay_result);
    return result;
}

static void delays(void **state)
{
    struct message_http_req_reply_view view;
    (void)state;
    delay_ms = 20;
    delay_result = A6_PENDING;
    start(delay);
    assert_int_equal(rig_run(&rig), CALL_WAITING);
    assert_int_equal(rig.call.delay_ms, 20);
    assert_false(call_abandon(&rig.call)); /* nobody holds it */
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(after, 1);
    rig_reply_request(&rig, &view);
    assert_int_equal(view.action, MESSAGE_ACTION_NONE);
}

static void does_not_delay_for_nothing(void **state)
{
    (void)state;
    delay_ms = 0;
    delay_result = A6_OK;
    start(delay);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(after, 1);
    assert_false(rig.call.failed);
}

static void does_not_delay_past_the_deadline(void **state)
{
    (void)state;
    delay_ms = 60000;
    delay_result = A6_ERROR;
    start(delay);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "a6_delay would pass the call's deadline"), 1);
}

static a6_result suspend_and_delay(a6_request *req, void *conf)
{
    (void)conf;
    pending = a6_suspend(&req->call);
    assert_int_equal(a6_delay(&req->call, 5), A6_ERROR);
    assert_int_equal(a6_resume(pending, A6_ERROR), 0);
    return A6_PENDING;
}

static void does_not_do_both(void **state)
{
    (void)state;
    start(suspend_and_delay);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    rig_reply_error(&rig);
    assert_int_equal(rig_logged(&rig, "a6_delay was called after a6_suspend"), 1);
}

static a6_result delay_and_forget(a6_request *req, void *conf)
{
    (void)conf;
    assert_int_equal(a6_delay(&req->call, 5), A6_PENDING);
    return A6_OK;
}

static void forgets_a_delay_that_is_not_returned(void **state)
{
    (void)state;
    start(delay_and_forget);
    assert_int_equal(rig_run(&rig), CALL_DONE);
    assert_int_equal(after, 1);
    assert_false(rig.call.failed);
    assert_int_equal(rig_logged(&rig, "a6_delay"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_on_after_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_after_resume_with_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_no_other_result, setup, teardown),
        cmocka_unit_test_setup_teardown(may_be_resumed_before_the_filter_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_mind_a_second_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_for_the_holder_whatever_the_filter_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(fails_what_resumes_and_returns_ok, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_wait_for_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(is_kept_until_a_late_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_give_up_what_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(works_in_another_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(has_one_winner_when_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(delays, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_delay_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_delay_past_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_do_both, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_a_delay_that_is_not_returned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
