/* SPDX-License-Identifier: Apache-2.0 */
/* The store used by several threads and processes at once, some of which die in it. */
#include "store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define NOW 1000000u

/* Prepares and gets numbers of its own and of others, until the clock says end. Gives
 * the number of answers that were wrong. */
static unsigned use_store(struct conf_store *store, unsigned seed, uint64_t end_ms, unsigned rounds)
{
    enum { CONTENTS = 400 };
    uint32_t tokens[CONTENTS] = {0};
    unsigned wrong = 0;

    for (unsigned i = 0; i < rounds || clock_ms() < end_ms; i++) {
        unsigned number = (unsigned)rand_r(&seed) % CONTENTS;
        uint64_t now = clock_ms();
        uint32_t token = prepare_number(store, number, 20 + number, now);

        if (!token || (tokens[number] && tokens[number] != token))
            wrong++;
        tokens[number] = token;
        number = (unsigned)rand_r(&seed) % CONTENTS;
        if (tokens[number] && means_another(store, tokens[number], number, now))
            wrong++;
        if (i % 64 == 0)
            conf_store_expire(store, now);
    }
    return wrong;
}

struct user {
    pthread_t thread;
    struct conf_store *store;
    unsigned seed;
    unsigned wrong;
};

static void *use_store_in_thread(void *user)
{
    struct user *self = user;

    self->wrong = use_store(self->store, self->seed, 0, 3000);
    return NULL;
}

static void test_threads_use_it_at_once(void **state)
{
    struct conf_store *store = store_make(1 << 17, 200);
    struct user users[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        users[i] = (struct user){.store = store, .seed = i + 1};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use_store_in_thread, &users[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].wrong, 0);
    }
    check_whole(store);
    assert_int_equal(stats_of(store).prepared, 12000);
    conf_store_close(store);
}

static pid_t start(struct conf_store *store, unsigned seed, uint64_t end_ms, unsigned rounds)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(use_store(store, seed, end_ms, rounds) != 0);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_processes_use_it_at_once(void **state)
{
    struct conf_store *store = store_make(1 << 17, 200);
    pid_t pids[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        pids[i] = start(store, i + 1, 0, 3000);
    assert_int_equal(use_store(store, 9, 0, 3000), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wait_for(pids[i]), 0);
    check_whole(store);
    assert_int_equal(stats_of(store).prepared, 12000);
    conf_store_close(store);
}

static void test_a_token_of_one_process_is_known_to_the_others(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    int pipes[2];
    uint32_t token = 0;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        token = prepare(store, "k", "v", NOW);
        _exit(write(pipes[1], &token, sizeof(token)) != sizeof(token));
    }
    assert_int_equal(read(pipes[0], &token, sizeof(token)), sizeof(token));
    assert_int_equal(wait_for(pid), 0);
    assert_true(means(store, token, "k", "v", NOW));
    assert_int_equal(prepare(store, "k", "v", NOW), token);
    close(pipes[0]);
    close(pipes[1]);
    conf_store_close(store);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define WITH_THREAD_SANITIZER 1
#endif

/* ThreadSanitizer stands in for the lock with locks of its own, inside which it bears no
 * signal; and of what another process does it knows nothing. */
static void leave_to_other_builds(void)
{
#ifdef WITH_THREAD_SANITIZER
    skip();
#endif
}

/* Kills come while two others go on using the store. */
static void test_killed_at_any_time_it_stays_whole(void **state)
{
    enum { KILLS = 100 };
    struct conf_store *store;
    uint64_t end_ms = clock_ms() + 1500;
    unsigned seed = (unsigned)clock_ns();
    pid_t others[2];

    leave_to_other_builds();
    (void)state;
    store = store_make(1 << 17, 200);
    for (unsigned i = 0; i < 2; i++)
        others[i] = start(store, i + 1, end_ms, 10);
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t pid = start(store, i + 100, UINT64_MAX, 0);

        usleep(500 + (unsigned)rand_r(&seed) % 10000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
        assert_true(prepare_number(store, i % 400, 20 + i % 400, clock_ms()) != 0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(wait_for(others[i]), 0);
    check_whole(store);
    assert_int_equal(use_store(store, 5, 0, 1000), 0);
    check_whole(store);
    conf_store_close(store);
}

/* ---- killed within one act ---- */

struct scene {
    uint64_t max_bytes;
    uint32_t max_count;
    unsigned records; /* prepared before, all at NOW */
    void (*act)(struct conf_store *store);
    unsigned may_go; /* so many of the oldest */
};

/* Made before, so that few steps are spent on it. */
static struct sent new_content;

static void act_new(struct conf_store *store)
{
    uint32_t token;

    conf_store_prepare(store, &new_content.message, NOW + 10, &token);
}

static void act_known(struct conf_store *store)
{
    prepare_number(store, 3, 100, NOW + 10);
}

static void act_expire_refreshed(struct conf_store *store)
{
    /* What was refreshed moves to the head; the others become tombstones. */
    conf_store_expire(store, NOW + TTL);
}

static void act_expire_all(struct conf_store *store)
{
    conf_store_expire(store, NOW + 4 * TTL);
}

static const struct scene scenes[] = {
    /* new */
    {1 << 20, 1000, 20, act_new, 0},
    /* new, and the index grows */
    {1 << 20, 1000, 512, act_new, 0},
    /* new, and the oldest goes */
    {1 << 20, 20, 20, act_new, 1},
    /* new, and memory is used up */
    {1 << 16, 1000, 270, act_new, 20},
    /* known */
    {1 << 20, 1000, 20, act_known, 0},
    /* expire */
    {1 << 20, 1000, 12, act_expire_refreshed, 12},
    /* expire all */
    {1 << 20, 1000, 12, act_expire_all, 12},
};

static volatile sig_atomic_t steps;
static volatile sig_atomic_t last_step;

static void count_step(int signal)
{
    (void)signal;
    if (++steps == last_step)
        kill(getpid(), SIGKILL);
}

/* Has the processor trap after each instruction from now on, or no more. */
static inline bool trap_each_instruction(bool on)
{
#ifdef __x86_64__
    uint64_t flag = 0x100;

    /* Past what a leaf function keeps below the stack pointer. */
    if (on)
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\t"
                         "popfq\n\tleaq 128(%%rsp), %%rsp" ::"r"(flag)
                         : "memory", "cc");
    else
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\t"
                         "popfq\n\tleaq 128(%%rsp), %%rsp" ::"r"(~flag)
                         : "memory", "cc");
    return true;
#else
    (void)on;
    return false;
#endif
}

/* Acts in a child that dies after so many instructions. Gives how many it did. */
static unsigned act_in_steps(struct conf_store *store, const struct scene *scene, unsigned last)
{
    struct sigaction action = {.sa_handler = count_step};
    unsigned taken = 0;
    int pipes[2];
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        last_step = (int)last;
        sigaction(SIGTRAP, &action, NULL);
        if (trap_each_instruction(true)) {
            scene->act(store);
            trap_each_instruction(false);
        }
        taken = (unsigned)steps;
        _exit(write(pipes[1], &taken, sizeof(taken)) != sizeof(taken));
    }
    close(pipes[1]);
    if (read(pipes[0], &taken, sizeof(taken)) <= 0)
        taken = last;
    close(pipes[0]);
    wait_for(pid);
    return taken;
}

/* Acts in a child that an alarm kills after so many microseconds. */
static void act_in_time(struct conf_store *store, const struct scene *scene, unsigned delay_us)
{
    struct itimerval timer = {.it_value.tv_usec = delay_us};
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setitimer(ITIMER_REAL, &timer, NULL);
        scene->act(store);
        _exit(0);
    }
    wait_for(pid);
}

static void check_scene(struct conf_store *store, const struct scene *scene, const uint32_t *tokens)
{
    unsigned gone = 0;

    check_whole(store);
    for (unsigned i = 0; i < scene->records; i++) {
        if (!found(store, tokens[i], NOW + 10))
            gone++;
        else
            assert_true(means_number(store, tokens[i], i, NOW + 10));
    }
    assert_in_range(gone, 0, scene->may_go);
    /* All goes on. */
    for (unsigned i = 0; i < scene->records; i++)
        assert_int_equal(prepare_number(store, i, 100, NOW + 20), tokens[i]);
    assert_int_not_equal(prepare(store, "new", "one", NOW + 20), 0);
    check_whole(store);
}

static struct conf_store *set_scene(const struct scene *scene, uint32_t *tokens)
{
    struct conf_store *store = store_make(scene->max_bytes, scene->max_count);

    for (unsigned i = 0; i < scene->records; i++)
        tokens[i] = prepare_number(store, i, 100, NOW);
    for (unsigned i = 0; i < scene->records && scene->act == act_expire_refreshed; i += 3)
        prepare_number(store, i, 100, NOW + 5);
    return store;
}

static void test_killed_at_some_instruction_it_stays_whole(void **state)
{
    /* A step takes some ten microseconds, so not every one can be tried each time;
     * where it begins is left to chance. */
    enum { STEPS_PER_SCENE = 12000, STEPS_AT_ALL = 8000 };
    unsigned seed = (unsigned)clock_ns();
    uint32_t tokens[600];
    unsigned repaired = 0;

    leave_to_other_builds();
    (void)state;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        const struct scene *scene = &scenes[i];
        struct conf_store *store = set_scene(scene, tokens);
        unsigned all = act_in_steps(store, scene, STEPS_AT_ALL);
        unsigned stride = all / (STEPS_PER_SCENE / (all / 2 + 1) + 1) + 1;

        conf_store_close(store);
        for (unsigned last = 1 + (unsigned)rand_r(&seed) % stride; last < all; last += stride) {
            store = set_scene(scene, tokens);
            act_in_steps(store, scene, last);
            check_scene(store, scene, tokens);
            repaired += store->shared->repaired > 0;
            conf_store_close(store);
        }
    }
    /* Some died with the lock in their hands. */
    assert_in_range(repaired, 1, UINT32_MAX);
}

static void test_killed_at_some_moment_it_stays_whole(void **state)
{
    unsigned seed = (unsigned)clock_ns();
    uint32_t tokens[600];

    leave_to_other_builds();
    (void)state;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        for (unsigned round = 0; round < 40; round++) {
            struct conf_store *store = set_scene(&scenes[i], tokens);

            act_in_time(store, &scenes[i], 1 + (unsigned)rand_r(&seed) % 150);
            check_scene(store, &scenes[i], tokens);
            conf_store_close(store);
        }
    }
}

static int make_content(void **state)
{
    struct wire_pair pair = {str("say"), str("one")};

    (void)state;
    new_content = message_make(str("new"), &pair, 1);
    return 0;
}

static int drop_content(void **state)
{
    (void)state;
    message_drop(&new_content);
    return 0;
}

/* One who may not wait for a process that was stopped inside sees so, and who it is. */
static void test_a_process_is_stopped_in_it(void **state)
{
    struct conf_store *store = store_make(1 << 17, 200);
    pid_t holder = -1;
    int status;

    (void)state;
    uint32_t token = prepare_number(store, 1, 20, NOW);
    assert_true(conf_store_is_free(store, &holder));
    assert_int_equal(holder, 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        store_lock(store);
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_false(conf_store_is_free(store, &holder));
    assert_int_equal(holder, pid);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(conf_store_is_free(store, &holder));
    assert_int_equal(prepare_number(store, 1, 20, NOW), token);
    check_whole(store);
    conf_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_use_it_at_once),
        cmocka_unit_test(test_processes_use_it_at_once),
        cmocka_unit_test(test_a_token_of_one_process_is_known_to_the_others),
        cmocka_unit_test(test_killed_at_any_time_it_stays_whole),
        cmocka_unit_test(test_killed_at_some_instruction_it_stays_whole),
        cmocka_unit_test(test_killed_at_some_moment_it_stays_whole),
        cmocka_unit_test(test_a_process_is_stopped_in_it),
    };

    return cmocka_run_group_tests(tests, make_content, drop_content);
}
