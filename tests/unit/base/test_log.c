/* SPDX-License-Identifier: Apache-2.0 */
#include "log_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "support/fail_alloc.h"

static void test_lines_reach_the_file(void **state)
{
    char expected[64];
    char *text;

    (void)state;
    open_file(LOG_INFO);
    errno = ENOTTY;
    log_debug("quiet");
    log_info("one %d", 1);
    log_warn("two\n");
    log_error("three");
    log_write(LOG_FATAL, "four");
    assert_int_equal(errno, ENOTTY);
    text = file_text(path);
    assert_int_equal(count(text, "\n"), 4);
    assert_null(strstr(text, "quiet"));
    snprintf(expected, sizeof(expected), "Z INFO [%d] one 1\n", (int)getpid());
    assert_ptr_equal(strstr(text, expected), text + strlen("2026-01-31T12:00:00.123"));
    assert_non_null(strstr(text, "] two\n"));
    assert_non_null(strstr(text, " ERROR ["));
    assert_non_null(strstr(text, " FATAL ["));
    /* Appended to. */
    open_file(LOG_DEBUG);
    log_debug("loud");
    assert_int_equal(count(file_text(path), "\n"), 5);
}

static void test_folders_are_made(void **state)
{
    char deep[128];
    struct log_config config = {.level = LOG_INFO, .file = deep};
    struct stat about;
    mode_t mask = umask(0);

    (void)state;
    snprintf(deep, sizeof(deep), "%s/a/b/log", folder);
    assert_int_equal(log_open(&config), 0);
    umask(mask);
    log_info("x");
    assert_int_equal(count(file_text(deep), "x\n"), 1);
    assert_int_equal(stat(deep, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    unlink(deep);
    for (unsigned i = 0; i < 2; i++) {
        *strrchr(deep, '/') = '\0';
        assert_int_equal(stat(deep, &about), 0);
        assert_int_equal(about.st_mode & 07777, 0755);
        assert_int_equal(rmdir(deep), 0);
    }
}

static void test_what_cannot_be_opened_is_told_and_changes_nothing(void **state)
{
    char bad[128];
    struct log_config config = {.level = LOG_ERROR, .file = bad};

    (void)state;
    open_file(LOG_INFO);
    snprintf(bad, sizeof(bad), "%s/log/below", folder);
    assert_int_equal(log_open(&config), -ENOTDIR);
    snprintf(bad, sizeof(bad), "%s", folder);
    assert_int_equal(log_open(&config), -EISDIR);
    snprintf(bad, sizeof(bad), "%s/fifo", folder);
    assert_int_equal(mkfifo(bad, 0600), 0);
    assert_int_equal(log_open(&config), -ENXIO);
    unlink(bad);
    log_info("still here");
    assert_int_equal(count(file_text(path), "still here\n"), 1);
}

static void test_reopen_follows_a_rotation(void **state)
{
    char old[128];

    (void)state;
    snprintf(old, sizeof(old), "%s/old", folder);
    open_file(LOG_INFO);
    log_info("first");
    assert_int_equal(rename(path, old), 0);
    log_info("second");
    assert_int_equal(log_reopen(), 0);
    log_info("third");
    assert_int_equal(count(file_text(old), "\n"), 2);
    assert_int_equal(count(file_text(path), "third\n"), 1);
    assert_int_equal(count(file_text(path), "\n"), 1);
    /* When it cannot be opened the old one stays. */
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(log_reopen(), -EISDIR);
    log_info("lost, but not here");
    rmdir(path);
    unlink(old);
    assert_int_equal(log_reopen(), 0);
    log_info("fourth");
    assert_int_equal(count(file_text(path), "fourth\n"), 1);
}

static void test_reopen_knows_the_file_after_a_change_of_folder(void **state)
{
    const struct log_config config = {.level = LOG_INFO, .file = "log"};
    char before[256];

    (void)state;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(log_open(&config), 0);
    assert_int_equal(chdir("/"), 0);
    unlink(path);
    assert_int_equal(log_reopen(), 0);
    log_info("found");
    assert_int_equal(count(file_text(path), "found\n"), 1);
    assert_int_equal(chdir(before), 0);
}

static void test_reopen_without_a_file_is_nothing(void **state)
{
    (void)state;
    open_fd(STDERR_FILENO);
    assert_int_equal(log_reopen(), 0);
}

static void test_every_allocation_may_fail(void **state)
{
    struct log_config config = {.level = LOG_INFO, .file = path};
    int err;

    (void)state;
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        err = log_open(&config);
        fail_alloc_off();
        if (!fail_alloc_hit())
            break;
        assert_int_equal(err, -ENOMEM);
    }
    assert_int_equal(err, 0);
    fail_alloc_after(0);
    for (unsigned i = 0; i < 100; i++)
        log_info("line %u", i);
    fail_alloc_off();
    assert_int_equal(fail_alloc_count(), 0);
}

/* ---- many at once ---- */

static void *write_lines(void *name)
{
    char long_text[3000];

    memset(long_text, 'x', sizeof(long_text));
    for (unsigned i = 0; i < 40; i++)
        log_info("<%s %u %.*s>", (const char *)name, i, (int)(i * 70), long_text);
    return NULL;
}

static void test_lines_of_threads_and_processes_do_not_mix(void **state)
{
    pthread_t threads[2];
    pid_t pids[3];
    unsigned lines = 0;

    (void)state;
    open_file(LOG_INFO);
    for (unsigned i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            write_lines("process");
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "thread"), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    for (char *line = strtok(file_text(path), "\n"); line; line = strtok(NULL, "\n")) {
        assert_memory_equal(line, "20", 2);
        assert_int_equal(line[strlen(line) - 1], '>');
        assert_int_equal(count(line, "<"), 1);
        lines++;
    }
    assert_int_equal(lines, 5 * 40);
}

static volatile int stop;

static void *write_until_stopped(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        log_info("busy");
    return unused;
}

/* A fork while another thread holds the log's locks. */
static void test_a_child_can_log_whenever_it_was_forked(void **state)
{
    pthread_t thread;

    (void)state;
    open_file(LOG_INFO);
    stop = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_until_stopped, NULL), 0);
    for (unsigned i = 0; i < 100; i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            alarm(20);
            log_info("child %u", i);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(count(file_text(path), "] child "), 100);
}

static void test_a_flood_is_told_with_a_count(void **state)
{
    char *text;

    (void)state;
    open_file(LOG_INFO);
    for (unsigned i = 0; i < 100; i++)
        log_warn("the same");
    log_info("another");
    log_close();
    text = file_text(path);
    assert_non_null(strstr(text, "] another\n"));
    assert_non_null(strstr(text, "the same (repeated "));
    assert_true(count(text, "\n") < 20);
}

/* ---- to a function ---- */

struct lines {
    unsigned count;
    int level;
    char last[256];
};

static void take_line(void *user, int level, const char *line, size_t len)
{
    struct lines *lines = user;

    lines->count++;
    lines->level = level;
    snprintf(lines->last, sizeof(lines->last), "%.*s", (int)len, line);
    /* Goes nowhere rather than round and round. */
    log_info("from within");
}

static void test_a_function_gets_the_lines(void **state)
{
    struct lines lines = {0};
    const struct log_config config = {
        .level = LOG_WARN, .file = path, .function = take_line, .user = &lines};

    (void)state;
    assert_int_equal(log_open(&config), 0);
    log_info("quiet");
    log_error("loud");
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, LOG_ERROR);
    assert_non_null(strstr(lines.last, "] loud"));
    assert_string_equal(strstr(lines.last, "] loud"), "] loud");
    assert_int_equal(access(path, F_OK), -1);
    log_close();
    assert_int_equal(lines.count, 1);
}

static void *log_to_function(void *unused)
{
    for (unsigned i = 0; i < 1000; i++)
        log_error("line %u", i);
    return unused;
}

static void test_a_function_is_called_by_one_at_a_time(void **state)
{
    struct lines lines = {0};
    const struct log_config config = {.level = LOG_WARN, .function = take_line, .user = &lines};
    pthread_t threads[3];

    (void)state;
    assert_int_equal(log_open(&config), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_to_function, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(lines.count, 3000);
}

static void test_signal_lines_go_as_they_are(void **state)
{
    (void)state;
    open_file(LOG_INFO);
    errno = ENOTTY;
    log_signal_line("crash \x01\n", 8);
    assert_int_equal(errno, ENOTTY);
    assert_string_equal(file_text(path), "crash \x01\n");
}

/* Somebody closes the log's descriptor, and a connection gets its number. */
static void test_no_line_goes_to_what_took_the_number(void **state)
{
    struct stat about;
    char line[16];
    int log_fd = -1;
    int pair[2];

    (void)state;
    open_file(LOG_INFO);
    log_write(LOG_INFO, "here");
    assert_int_equal(stat(path, &about), 0);
    for (int fd = 3; fd < 100 && log_fd < 0; fd++) {
        struct stat other;
        if (fstat(fd, &other) == 0 && other.st_ino == about.st_ino && other.st_dev == about.st_dev)
            log_fd = fd;
    }
    assert_true(log_fd >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(dup2(pair[0], log_fd), log_fd);
    uint64_t dropped = log_dropped();
    log_write(LOG_INFO, "not there");
    assert_int_equal(log_dropped(), dropped + 1);
    assert_int_equal(read(pair[1], line, sizeof(line)), -1);
    close(pair[0]);
    close(pair[1]);
}

static void test_no_line_goes_to_another_socket(void **state)
{
    char line[256];
    int own[2];
    int other[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, own), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other), 0);
    open_fd(own[0]);
    log_write(LOG_INFO, "here");
    assert_true(read(own[1], line, sizeof(line)) > 0);
    assert_int_equal(dup2(other[0], own[0]), own[0]);
    log_write(LOG_INFO, "not there");
    assert_int_equal(read(other[1], line, sizeof(line)), -1);
    log_close();
    for (unsigned i = 0; i < 2; i++) {
        close(own[i]);
        close(other[i]);
    }
}

static void test_levels_have_names(void **state)
{
    (void)state;
    for (int level = LOG_DEBUG; level <= LOG_FATAL; level++)
        assert_int_equal(log_level_parse(log_level_name((enum log_level)level)), level);
    assert_int_equal(log_level_parse("warning"), -EINVAL);
    assert_int_equal(log_level_parse(""), -EINVAL);
    assert_int_equal(log_level_parse("INFO"), -EINVAL);
    assert_string_equal(log_level_name((enum log_level)77), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_reach_the_file),
        TEST(test_folders_are_made),
        TEST(test_what_cannot_be_opened_is_told_and_changes_nothing),
        TEST(test_reopen_follows_a_rotation),
        TEST(test_reopen_knows_the_file_after_a_change_of_folder),
        TEST(test_reopen_without_a_file_is_nothing),
        TEST(test_every_allocation_may_fail),
        TEST(test_lines_of_threads_and_processes_do_not_mix),
        TEST(test_a_child_can_log_whenever_it_was_forked),
        TEST(test_a_flood_is_told_with_a_count),
        TEST(test_a_function_gets_the_lines),
        TEST(test_a_function_is_called_by_one_at_a_time),
        TEST(test_signal_lines_go_as_they_are),
        TEST(test_no_line_goes_to_what_took_the_number),
        TEST(test_no_line_goes_to_another_socket),
        TEST(test_levels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
