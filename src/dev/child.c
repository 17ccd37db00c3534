/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 5

int child_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* In the child: nothing but system calls. Reports errno through `report` and ends. */
static void become(const char *const *arguments, const char *const *environment,
                   const int descriptors[3], int report, pid_t parent)
{
    /* exec does not change them, whatever its type says */
    union list {
        const char *const *borrowed;
        char *const *given;
    } list = {.borrowed = arguments}, variables = {.borrowed = environment};
    sigset_t none;
    int kept[3], error;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    /* Out of the way first: one of them may be 0, 1 or 2 itself. */
    for (int i = 0; i < 3; i++)
        kept[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 3; i++) {
        if (kept[i] < 0 || dup2(kept[i], i) < 0)
            goto fail;
    }
    if (environment)
        (void)execvpe(arguments[0], list.given, variables.given);
    else
        (void)execvp(arguments[0], list.given);
fail:
    error = errno;
    (void)!write(report, &error, sizeof(error));
    _exit(127);
}

int child_start(struct child *child, const char *const *arguments, const char *const *environment,
                const int descriptors[3])
{
    int report[2], error = 0;
    pid_t parent = getpid();
    int result = child_pipe(report);

    if (result < 0)
        return result;
    child->pid = fork();
    if (child->pid == 0)
        become(arguments, environment, descriptors, report[1], parent);
    result = child->pid < 0 ? -errno : 0;
    close(report[1]);
    if (result == 0 && read(report[0], &error, sizeof(error)) == (ssize_t)sizeof(error)) {
        (void)waitpid(child->pid, &child->status, 0);
        result = -error;
    }
    if (result < 0)
        child->pid = 0;
    close(report[0]);
    return result;
}

bool child_alive(struct child *child)
{
    if (child->pid <= 0)
        return false;
    if (waitpid(child->pid, &child->status, WNOHANG) != child->pid)
        return true;
    child->pid = 0;
    return false;
}

void child_stop(struct child *child, int signal, int ms)
{
    if (!child_alive(child))
        return;
    (void)kill(child->pid, signal);
    for (int waited = 0; waited < ms; waited += STEP_MS) {
        if (!child_alive(child))
            return;
        sleep_ms(STEP_MS);
    }
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, &child->status, 0);
    child->pid = 0;
}

int child_run(const char *const *arguments, char *output, size_t size)
{
    struct child child = {0};
    int pipe_ends[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int descriptors[3] = {nothing, nothing, -1};
    size_t len = 0;
    ssize_t got = 1;
    char rest[512] = ""; /* what there is no room for */
    int result = child_pipe(pipe_ends);

    if (result == 0) {
        descriptors[2] = pipe_ends[1];
        result = child_start(&child, arguments, NULL, descriptors);
        close(pipe_ends[1]);
        while (result == 0 && got > 0) {
            bool room = len + 1 < size;
            got = read(pipe_ends[0], room ? output + len : rest,
                       room ? size - 1 - len : sizeof(rest));
            if (got < 0 && errno == EINTR)
                got = 1;
            else if (got > 0 && room)
                len += (size_t)got;
        }
        close(pipe_ends[0]);
    }
    output[len] = '\0';
    if (result == 0 && child.pid > 0 && waitpid(child.pid, &child.status, 0) > 0)
        result = child.status;
    if (nothing >= 0)
        close(nothing);
    return result;
}
