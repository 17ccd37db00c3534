/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/call.h"
#include "server/control.h"
#include "server/supervisor.h"
#include "server/worker.h"

/* A worker that dies sooner than this after its start dies of the start. */
#define QUICK_DEATH_MS 1000u
#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS 5000u

/* In the child: lets go of what is the supervisor's alone. */
static void leave_supervisor(struct supervisor *supervisor, unsigned place, pid_t parent)
{
    /* However the supervisor dies, no worker survives it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (unsigned i = 0; i < supervisor->worker_count; i++) {
        if (i != place && supervisor->workers[i].pid)
            close(supervisor->workers[i].control_fd);
    }
    close(supervisor->signal_fd);
    if (supervisor->watch_stdin) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null >= 0) {
            dup2(null, STDIN_FILENO);
            close(null);
        }
    }
}

int supervisor_start_worker(struct supervisor *supervisor, unsigned place)
{
    struct supervisor_worker *worker = &supervisor->workers[place];
    int control[2];
    int error = control_pair(control);
    pid_t parent = getpid();

    if (error)
        return error;
    scoreboard_clear(supervisor->heritage.board, place);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        error = -errno;
        close(control[0]);
        close(control[1]);
        return error;
    }
    if (pid == 0) {
        close(control[0]);
        leave_supervisor(supervisor, place, parent);
        exit(worker_main(&supervisor->heritage, place, control[1]));
    }
    close(control[1]);
    (void)fcntl(control[0], F_SETFL, O_NONBLOCK);
    *worker = (struct supervisor_worker){.pid = pid,
                                         .control_fd = control[0],
                                         .started_ms = clock_ms(),
                                         .quick_deaths = worker->quick_deaths};
    return 0;
}

int supervisor_hear_worker(struct supervisor *supervisor, unsigned place)
{
    struct supervisor_worker *worker = &supervisor->workers[place];
    struct control_message message;
    int error = control_receive(worker->control_fd, &message);

    if (error)
        return error;
    if (message.fd >= 0)
        close(message.fd);
    if (message.type == CONTROL_READY) {
        worker->ready = true;
        if (supervisor->published)
            return control_send(worker->control_fd, CONTROL_SERVE, 0, NULL, -1);
    } else if (message.type == CONTROL_FAILED) {
        log_error("%s", message.text);
        return -ECHILD;
    }
    return 0;
}

/* The plugin code that the dead worker was in, as its threads left it. */
static void say_what_it_did(const struct scoreboard_worker *board)
{
    const struct scoreboard_crash *crash = &board->crash;
    int culprit = atomic_load(&crash->valid) ? crash->thread : -1;

    for (unsigned i = 0; i < SCOREBOARD_THREADS && board->threads[i].used; i++) {
        const struct scoreboard_thread *thread = &board->threads[i];
        if (!atomic_load(&thread->inside) || thread->plugin >= board->plugin_count)
            continue;
        if (culprit >= 0 && (unsigned)culprit != i)
            continue;
        log_error("%s plugin %s, %s phase, call %u",
                  culprit >= 0 ? "it was in" : "it had open:", board->plugins[thread->plugin],
                  thread->phase == CALL_REQUEST ? "request" : "response", thread->call_id);
    }
}

static void say_why(const struct supervisor *supervisor, unsigned place, pid_t pid, int status)
{
    const struct scoreboard_worker *board = &supervisor->heritage.board->workers[place];

    if (WIFEXITED(status)) {
        log_error("worker %u (pid %d) ended by itself with status %d: a plugin called exit()?",
                  place, (int)pid, WEXITSTATUS(status));
    } else if (atomic_load(&board->crash.valid)) {
        log_error("worker %u (pid %d) died of signal %d (SIG%s) at address 0x%llx; its calls in "
                  "flight are lost",
                  place, (int)pid, WTERMSIG(status), sigabbrev_np(board->crash.signal),
                  (unsigned long long)board->crash.address);
    } else {
        log_error("worker %u (pid %d) was killed by signal %d (SIG%s); its calls in flight are "
                  "lost",
                  place, (int)pid, WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
    }
    say_what_it_did(board);
}

static void plan_next(struct supervisor_worker *worker)
{
    uint64_t now = clock_ms();
    uint64_t wait = 0;

    if (now - worker->started_ms < QUICK_DEATH_MS) {
        if (worker->quick_deaths < 16)
            worker->quick_deaths++;
        /* The first is replaced at once: it may have been bad luck. */
        if (worker->quick_deaths > 1)
            wait = BACKOFF_FIRST_MS
                   << (worker->quick_deaths - 2 < 6 ? worker->quick_deaths - 2 : 6);
        if (wait > BACKOFF_MAX_MS)
            wait = BACKOFF_MAX_MS;
        if (wait)
            log_warn("workers die soon after their start; the next one starts in %llu ms",
                     (unsigned long long)wait);
    } else {
        worker->quick_deaths = 0;
    }
    worker->start_at_ms = now + wait;
}

void supervisor_reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < supervisor->worker_count; i++) {
            struct supervisor_worker *worker = &supervisor->workers[i];
            if (worker->pid != pid)
                continue;
            close(worker->control_fd);
            worker->pid = 0;
            worker->ready = false;
            if (supervisor->stopping)
                break;
            say_why(supervisor, i, pid, status);
            plan_next(worker);
            break;
        }
    }
}

void supervisor_tell_workers(struct supervisor *supervisor, unsigned type, uint32_t value)
{
    for (unsigned i = 0; i < supervisor->worker_count; i++) {
        if (supervisor->workers[i].pid)
            (void)control_send(supervisor->workers[i].control_fd, type, value, NULL, -1);
    }
}

unsigned supervisor_living_workers(const struct supervisor *supervisor)
{
    unsigned count = 0;

    for (unsigned i = 0; i < supervisor->worker_count; i++)
        count += supervisor->workers[i].pid != 0;
    return count;
}
