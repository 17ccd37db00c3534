/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/worker_sandbox.h"

/* What the child found, as its exit status. */
enum {
    AS_PROMISED = 0,
    NOT_MADE,
    FILE_OPENED,
    SOCKET_MADE,
    PROCESS_MADE,
    NO_THREAD,
    NO_WRITE,
    SIGNAL_SENT,
    NOT_ASKED
};

static void *nothing(void *argument)
{
    return argument;
}

static int in_the_sandbox(int open_already)
{
    char error[256];
    pthread_t thread;

    if (sandbox_enter(error, sizeof(error)) < 0)
        return NOT_MADE;
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
        return FILE_OPENED;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return SOCKET_MADE;
    if (fork() >= 0 || errno != EPERM)
        return PROCESS_MADE;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return NO_THREAD;
    if (kill(getppid(), SIGWINCH) == 0 || errno != EPERM)
        return SIGNAL_SENT;
    if (kill(getppid(), 0) < 0)
        return NOT_ASKED;
    return write(open_already, "x", 1) == 1 ? AS_PROMISED : NO_WRITE;
}

static void opens_nothing_but_goes_on(void **state)
{
    int pipe_fds[2];
    int status;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(in_the_sandbox(pipe_fds[1]));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), AS_PROMISED);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_nothing_but_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
