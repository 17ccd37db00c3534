/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines cannot be written: nothing holds a caller up, and no line goes uncounted. */
#include "log_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log_sink.h"

static void test_a_full_disk_drops_and_counts(void **state)
{
    const struct log_config full = {.level = LOG_INFO, .file = "/dev/full"};
    uint64_t before = log_dropped();
    char *text;
    int fd;

    (void)state;
    assert_int_equal(log_open(&full), 0);
    for (unsigned i = 0; i < 10; i++)
        log_info("line %u", i);
    assert_int_equal(log_dropped() - before, 10);
    log_close();
    /* A file that may not grow stands for a disk: in a child, for it needs a limit. */
    open_file(LOG_INFO);
    log_info("before");
    fd = fork();
    if (fd == 0) {
        struct rlimit limit = {.rlim_cur = 150, .rlim_max = RLIM_INFINITY};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        for (unsigned i = 0; i < 10; i++)
            log_info("a line that does not find room: number %u", i);
        limit.rlim_cur = RLIM_INFINITY;
        setrlimit(RLIMIT_FSIZE, &limit);
        log_info("after %d", (int)log_dropped());
        _exit(0);
    }
    assert_int_equal(waitpid(fd, NULL, 0), fd);
    text = file_text(path);
    assert_non_null(strstr(text, " 9 log lines of this process are missing here"));
    assert_non_null(strstr(text, "] after 9\n"));
    /* The line that was cut off has an end, and nothing else begins on it. */
    assert_int_equal(count(text, "\n"), 5);
    assert_int_equal(count(text, "\n20"), 4);
}

static void fill(int fd)
{
    char bytes[4096] = {0};
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, bytes, sizeof(bytes)) > 0) {
    }
    while (write(fd, bytes, 1) > 0) {
    }
    fcntl(fd, F_SETFL, flags);
}

static size_t drain(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    return len;
}

/* ends: where to write, where to read. A blocked write would be ended by the alarm. */
static void a_stalled_reader_holds_nobody_up(int to, int from)
{
    static char text[1 << 21];
    uint64_t before = log_dropped();
    int flags = fcntl(to, F_GETFL);

    open_fd(to);
    log_info("first");
    fill(to);
    alarm(20);
    for (unsigned i = 0; i < 50; i++)
        log_info("line %u", i);
    log_signal_line("signal\n", 7);
    alarm(0);
    assert_int_equal(log_dropped() - before, 50);
    /* Others that share the descriptor find it as it was. */
    assert_int_equal(fcntl(to, F_GETFL), flags);
    drain(from, text, sizeof(text));
    assert_int_equal(count(text, "first\n"), 1);
    log_info("again");
    drain(from, text, sizeof(text));
    assert_non_null(strstr(text, " 50 log lines of this process are missing here"));
    assert_int_equal(count(text, "\n"), 2);
    assert_int_equal(log_dropped() - before, 50);
    log_close();
}

static void test_a_stalled_pipe_holds_nobody_up(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    a_stalled_reader_holds_nobody_up(ends[1], ends[0]);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_stalled_socket_holds_nobody_up(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    a_stalled_reader_holds_nobody_up(ends[1], ends[0]);
    close(ends[0]);
    close(ends[1]);
}

/* Where a pipe cannot be opened a second time it is asked first. */
static void test_a_pipe_that_is_only_asked_holds_nobody_up(void **state)
{
    struct log_sink sink = {.poll = true};
    int ends[2];
    bool torn;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    sink.fd = ends[1];
    assert_int_equal(log_sink_write(&sink, "line\n", 5, &torn), 0);
    fill(ends[1]);
    alarm(20);
    assert_int_equal(log_sink_write(&sink, "line\n", 5, &torn), -EAGAIN);
    alarm(0);
    assert_false(torn);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_reader_that_is_gone_is_no_end(void **state)
{
    uint64_t before = log_dropped();
    int ends[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    open_fd(ends[1]);
    close(ends[0]);
    log_info("nobody hears");
    assert_int_equal(log_dropped() - before, 1);
    log_close();
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_full_disk_drops_and_counts),
        TEST(test_a_stalled_pipe_holds_nobody_up),
        TEST(test_a_stalled_socket_holds_nobody_up),
        TEST(test_a_pipe_that_is_only_asked_holds_nobody_up),
        TEST(test_a_reader_that_is_gone_is_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
