/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "server/worker_driver.h"

struct thread {
    pthread_t id;
    struct driver driver;
    sem_t begun;
    sem_t go;
    _Atomic bool stop;
};

static void *wait_for_word(void *data)
{
    struct thread *thread = data;

    driver_become(&thread->driver);
    sem_post(&thread->begun);
    while (sem_wait(&thread->go) < 0)
        ;
    return NULL;
}

static void *compute(void *data)
{
    struct thread *thread = data;

    driver_become(&thread->driver);
    sem_post(&thread->begun);
    while (!atomic_load(&thread->stop))
        ;
    return NULL;
}

static void start(struct thread *thread, void *(*run)(void *data))
{
    sem_init(&thread->begun, 0, 0);
    sem_init(&thread->go, 0, 0);
    assert_int_equal(pthread_create(&thread->id, NULL, run, thread), 0);
    sem_wait(&thread->begun);
}

static void one_that_waits_is_blocked(void **state)
{
    struct thread thread = {0};

    (void)state;
    start(&thread, wait_for_word);
    while (driver_state(&thread.driver) != DRIVER_BLOCKED) /* it is on its way there */
        usleep(1000);
    sem_post(&thread.go);
    pthread_join(thread.id, NULL);
}

static void one_that_computes_is_runnable_and_uses_the_cpu(void **state)
{
    struct thread thread = {0};
    int64_t used;

    (void)state;
    start(&thread, compute);
    used = driver_cpu_ns(&thread.driver);
    for (int i = 0; i < 100; i++)
        assert_int_equal(driver_state(&thread.driver), DRIVER_RUNNABLE);
    while (driver_cpu_ns(&thread.driver) < used + 5000000)
        usleep(1000);
    atomic_store(&thread.stop, true);
    pthread_join(thread.id, NULL);
}

static void one_that_has_gone_is_unknown(void **state)
{
    struct thread thread = {0};

    (void)state;
    start(&thread, wait_for_word);
    sem_post(&thread.go);
    pthread_join(thread.id, NULL);
    while (driver_state(&thread.driver) != DRIVER_UNKNOWN) /* the kernel is still at it */
        usleep(1000);
    assert_int_equal(driver_cpu_ns(&thread.driver), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_waits_is_blocked),
        cmocka_unit_test(one_that_computes_is_runnable_and_uses_the_cpu),
        cmocka_unit_test(one_that_has_gone_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
