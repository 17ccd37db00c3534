/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server/worker_timer.h"
#include "support/fail_alloc.h"

static void gives_them_in_order_of_time(void **state)
{
    enum { COUNT = 500 };
    static struct timer all[COUNT];
    struct timers timers = {0};
    uint64_t last = 0;
    unsigned given = 0;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(timers_set(&timers, &all[i], (i * 7919u) % 1000u), 0);
    for (struct timer *timer; (timer = timers_due(&timers, 1000)); given++) {
        assert_true(timer->at_ms >= last);
        last = timer->at_ms;
        assert_int_equal(timer->place, 0);
    }
    assert_int_equal(given, COUNT);
    timers_free(&timers);
}

static void gives_none_before_its_time(void **state)
{
    struct timers timers = {0};
    struct timer timer = {0};

    (void)state;
    assert_int_equal(timers_set(&timers, &timer, 100), 0);
    assert_null(timers_due(&timers, 99));
    assert_ptr_equal(timers_due(&timers, 100), &timer);
    timers_free(&timers);
}

static void a_timer_can_be_moved_and_cancelled(void **state)
{
    enum { COUNT = 64 };
    static struct timer all[COUNT];
    struct timers timers = {0};

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(timers_set(&timers, &all[i], 100 + i), 0);
    for (unsigned i = 0; i < COUNT; i += 2)
        timers_cancel(&timers, &all[i]);
    timers_cancel(&timers, &all[0]); /* again: nothing */
    assert_int_equal(timers_set(&timers, &all[63], 1), 0);
    assert_ptr_equal(timers_due(&timers, 50), &all[63]);
    for (unsigned i = 1; i < 63; i += 2)
        assert_ptr_equal(timers_due(&timers, 1000), &all[i]);
    assert_null(timers_due(&timers, 1000));
    timers_free(&timers);
}

/* Waits for it at most so long. */
static bool readable(int fd, int ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, ms) == 1;
}

static void the_descriptor_tells_when_the_earliest_is_due(void **state)
{
    struct timers timers = {0};
    struct timer late = {0}, early = {0};
    uint64_t start = clock_ms();
    int fd = timers_open();

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_int_equal(timers.armed_ms, 0);
    assert_int_equal(timers_set(&timers, &late, start + 3600000), 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_false(readable(fd, 0));
    assert_int_equal(timers_set(&timers, &early, start + 20), 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_true(readable(fd, 60000));
    assert_true(clock_ms() >= start + 20);
    timers_fired(&timers);
    assert_ptr_equal(timers_due(&timers, clock_ms()), &early);

    /* The next is far: being armed for it makes the descriptor silent again. */
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_false(readable(fd, 0));
    /* One that is due already, even since the beginning of time. */
    assert_int_equal(timers_set(&timers, &early, 0), 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_true(readable(fd, 60000));
    close(fd);
    timers_free(&timers);
}

static void it_is_armed_again_only_for_an_earlier_one(void **state)
{
    struct timers timers = {0};
    struct timer first = {0}, second = {0};
    int fd = timers_open();

    (void)state;
    assert_int_equal(timers_set(&timers, &first, 1000), 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    close(fd); /* from here on a system call would fail */
    assert_int_equal(timers_set(&timers, &second, 2000), 0);
    assert_int_equal(timers_arm(&timers, fd), 0);
    timers_cancel(&timers, &first);
    assert_int_equal(timers_arm(&timers, fd), 0);
    assert_int_equal(timers_set(&timers, &first, 999), 0);
    assert_int_equal(timers_arm(&timers, fd), -EBADF);
    timers_free(&timers);
}

static void without_memory_it_is_not_set(void **state)
{
    struct timers timers = {0};
    struct timer timer = {0};

    (void)state;
    fail_alloc_after(0);
    assert_int_equal(timers_set(&timers, &timer, 1), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(timer.place, 0);
    timers_free(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_them_in_order_of_time),
        cmocka_unit_test(gives_none_before_its_time),
        cmocka_unit_test(a_timer_can_be_moved_and_cancelled),
        cmocka_unit_test(the_descriptor_tells_when_the_earliest_is_due),
        cmocka_unit_test(it_is_armed_again_only_for_an_earlier_one),
        cmocka_unit_test(without_memory_it_is_not_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
