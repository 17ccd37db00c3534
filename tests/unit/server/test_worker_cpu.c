/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/worker_cpu.h"

/* Beyond this many CPUs the number of loops stays. */
#define CPUS_TRIED 9

static void loops_are_half_of_the_cpus_that_may_be_used(void **state)
{
    const unsigned loops[CPUS_TRIED] = {0, 1, 1, 1, 2, 2, 3, 3, 4};
    const unsigned granted = cpu_granted();
    unsigned count = 0;
    cpu_set_t all;
    cpu_set_t some;

    (void)state;
    CPU_ZERO(&some);
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && count < CPUS_TRIED - 1; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_SET(cpu, &some);
        assert_int_equal(sched_setaffinity(0, sizeof(some), &some), 0);
        count++;
        assert_int_equal(cpu_default_loops(), loops[count < granted ? count : granted]);
    }
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    assert_true(count > 0);
}

static void put(const char *folder, const char *text)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void the_least_quota_of_all_groups_counts(void **state)
{
    char root[] = "/tmp/a6-cgroup-XXXXXX";
    char outer[64];
    char inner[64];

    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(outer, sizeof(outer), "%s/outer", root);
    snprintf(inner, sizeof(inner), "%s/outer/inner", root);
    assert_int_equal(mkdir(outer, 0700), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(cpu_quota(root, "/outer/inner"), UINT_MAX); /* no files */
    put(inner, "max 100000\n");
    assert_int_equal(cpu_quota(root, "/outer/inner"), UINT_MAX);
    put(outer, "150000 100000\n");
    assert_int_equal(cpu_quota(root, "/outer/inner"), 2);
    put(inner, "50000 100000\n");
    assert_int_equal(cpu_quota(root, "/outer/inner"), 1);
    assert_int_equal(cpu_quota(root, "/outer"), 2);
    assert_int_equal(cpu_quota(root, "/"), UINT_MAX);
    put(root, "300000 100000\n"); /* as a container sees its own */
    assert_int_equal(cpu_quota(root, "/"), 3);
    put(root, "1 0\n");
    assert_int_equal(cpu_quota(root, "/"), UINT_MAX);
    put(root, "nonsense");
    assert_int_equal(cpu_quota(root, "/"), UINT_MAX);
    assert_int_equal(cpu_quota(root, "/none"), UINT_MAX);
    for (unsigned i = 0; i < 3; i++) {
        const char *folder = i == 0 ? inner : i == 1 ? outer : root;
        char path[96];
        snprintf(path, sizeof(path), "%s/cpu.max", folder);
        unlink(path);
        rmdir(folder);
    }
}

struct trial {
    int begins_as;
    a6_runner_config config;
    int said;
    int ended_as;
};

/* In a thread of its own, for what it becomes stays with it. */
static void *schedule(void *data)
{
    const struct sched_param none = {0};
    struct trial *trial = data;

    if (sched_setscheduler(0, trial->begins_as, &none) < 0)
        return NULL;
    trial->said = cpu_schedule(&trial->config);
    trial->ended_as = sched_getscheduler(0);
    return NULL;
}

static struct trial try_it(int begins_as, enum scheduling scheduling)
{
    struct trial trial = {.begins_as = begins_as, .said = 1, .ended_as = -1};
    pthread_t thread;

    a6_runner_config_init(&trial.config);
    assert_int_equal(trial.config.scheduling, SCHEDULING_BATCH); /* the default */
    trial.config.scheduling = scheduling;
    assert_int_equal(pthread_create(&thread, NULL, schedule, &trial), 0);
    pthread_join(thread, NULL);
    return trial;
}

static void a_thread_gets_the_policy_that_is_asked_for(void **state)
{
    (void)state;
    struct trial trial = try_it(SCHED_OTHER, SCHEDULING_BATCH);
    assert_int_equal(trial.said, 0);
    assert_int_equal(trial.ended_as, SCHED_BATCH);
    trial = try_it(SCHED_OTHER, SCHEDULING_NORMAL);
    assert_int_equal(trial.said, 0);
    assert_int_equal(trial.ended_as, SCHED_OTHER);
}

static void one_that_the_runner_was_started_with_stays(void **state)
{
    (void)state;
    struct trial trial = try_it(SCHED_IDLE, SCHEDULING_BATCH);
    assert_int_equal(trial.said, 0);
    assert_int_equal(trial.ended_as, SCHED_IDLE);
}

/* As in a container whose filter forbids it. */
static int refused_in_a_child(void)
{
    a6_runner_config config;

    a6_runner_config_init(&config);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sched_setscheduler), 0) ||
        seccomp_load(filter))
        return 2;
    return cpu_schedule(&config) == -EPERM && sched_getscheduler(0) == SCHED_OTHER ? 0 : 1;
}

static void a_refusal_is_told_and_changes_nothing(void **state)
{
    int status;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(refused_in_a_child());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_are_half_of_the_cpus_that_may_be_used),
        cmocka_unit_test(the_least_quota_of_all_groups_counts),
        cmocka_unit_test(a_thread_gets_the_policy_that_is_asked_for),
        cmocka_unit_test(one_that_the_runner_was_started_with_stays),
        cmocka_unit_test(a_refusal_is_told_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
