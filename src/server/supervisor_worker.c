/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
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
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (i != place && supervisor->workers[i].state != WORKER_NONE)
            close(supervisor->workers[i].control_fd);
    }
    close(supervisor->signal_fd);
    if (supervisor->watch_fd >= 0)
        close(supervisor->watch_fd);
    if (supervisor->watch_stdin) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null >= 0) {
            dup2(null, STDIN_FILENO);
            close(null);
        }
    }
}

static int free_place(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state == WORKER_NONE)
            return (int)i;
    }
    return -EAGAIN;
}

int supervisor_start_worker(struct supervisor *supervisor)
{
    int place = free_place(supervisor);
    int control[2];
    pid_t parent = getpid();

    if (place < 0)
        return place;
    int error = control_pair(control);
    if (error)
        return error;
    scoreboard_clear(supervisor->heritage.board, (unsigned)place);
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
        leave_supervisor(supervisor, (unsigned)place, parent);
        exit(worker_main(&supervisor->heritage, (unsigned)place, control[1]));
    }
    close(control[1]);
    (void)fcntl(control[0], F_SETFL, O_NONBLOCK);
    supervisor->workers[place] = (struct supervisor_worker){
        .state = WORKER_STARTING, .pid = pid, .control_fd = control[0], .started_ms = clock_ms()};
    return place;
}

static int hear(struct supervisor *supervisor, unsigned place,
                const struct control_message *message)
{
    struct supervisor_worker *worker = &supervisor->workers[place];

    switch (message->type) {
    case CONTROL_READY:
        worker->state = WORKER_READY;
        if (worker->replacement) {
            supervisor_replacement_ready(supervisor);
        } else if (supervisor->published) {
            (void)control_send(worker->control_fd, CONTROL_SERVE, 0, NULL, -1);
            worker->state = WORKER_SERVING;
        }
        return 0;
    case CONTROL_FAILED:
        log_error("%s", message->text);
        if (worker->replacement)
            supervisor_replacement_failed(supervisor);
        return -ECHILD;
    case CONTROL_CONNECTION:
        supervisor_pass_connection(supervisor, message->fd);
        return 0;
    case CONTROL_RECYCLE:
        supervisor_recycle(supervisor, place, message->text);
        return 0;
    default:
        if (message->fd >= 0)
            close(message->fd);
        return 0;
    }
}

int supervisor_hear_worker(struct supervisor *supervisor, unsigned place)
{
    struct control_message message;

    while (supervisor->workers[place].state != WORKER_NONE) {
        int error = control_receive(supervisor->workers[place].control_fd, &message);
        if (error)
            return error == -EAGAIN ? 0 : error;
        error = hear(supervisor, place, &message);
        if (error)
            return error;
    }
    return 0;
}

/* A worker that was to serve has died: when may the next one start? */
static void plan_next(struct supervisor *supervisor, const struct supervisor_worker *worker)
{
    uint64_t now = clock_ms();
    uint64_t wait = 0;

    if (now - worker->started_ms >= QUICK_DEATH_MS) {
        supervisor->quick_deaths = 0;
    } else if (++supervisor->quick_deaths > 1) {
        /* The first is replaced at once: it may have been bad luck. */
        unsigned doublings = supervisor->quick_deaths - 2;
        wait = BACKOFF_FIRST_MS << (doublings < 6 ? doublings : 6);
        if (wait > BACKOFF_MAX_MS)
            wait = BACKOFF_MAX_MS;
        log_warn("workers die soon after their start; the next one starts in %llu ms",
                 (unsigned long long)wait);
    }
    supervisor->start_at_ms = now + wait;
}

static void bury(struct supervisor *supervisor, unsigned place, int status)
{
    struct supervisor_worker worker = supervisor->workers[place];

    /* What it said before it died: connections, perhaps, or why it could not start. */
    (void)supervisor_hear_worker(supervisor, place);
    close(worker.control_fd);
    supervisor->workers[place] = (struct supervisor_worker){.state = WORKER_NONE};
    if (supervisor->stopping)
        return;
    if (worker.state == WORKER_LEAVING && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (!supervisor_count_workers(supervisor, WORKER_LEAVING))
            log_info("the new workers have every connection now");
        return;
    }
    if (worker.replacement && worker.state < WORKER_SERVING) {
        if (WIFSIGNALED(status))
            supervisor_note_crash(supervisor, place, worker.pid, status);
        supervisor_replacement_failed(supervisor);
        return;
    }
    supervisor_note_crash(supervisor, place, worker.pid, status);
    if (worker.state != WORKER_LEAVING)
        plan_next(supervisor, &worker);
}

void supervisor_reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
            if (supervisor->workers[i].state != WORKER_NONE && supervisor->workers[i].pid == pid) {
                bury(supervisor, i, status);
                break;
            }
        }
    }
}

void supervisor_tell_workers(struct supervisor *supervisor, enum control_type type, uint32_t value)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state != WORKER_NONE)
            (void)control_send(supervisor->workers[i].control_fd, type, value, NULL, -1);
    }
}

unsigned supervisor_count_workers(const struct supervisor *supervisor, enum worker_state state)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++)
        count += supervisor->workers[i].state == state;
    return count;
}

int supervisor_fill_gaps(struct supervisor *supervisor)
{
    uint64_t now = clock_ms();
    unsigned have = 0;

    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        const struct supervisor_worker *worker = &supervisor->workers[i];
        have += worker->state != WORKER_NONE && worker->state != WORKER_LEAVING &&
                !(worker->replacement && worker->state < WORKER_SERVING);
    }
    while (have < supervisor->wanted) {
        if (now < supervisor->start_at_ms)
            return (int)(supervisor->start_at_ms - now);
        int error = supervisor_start_worker(supervisor);
        if (error < 0) {
            log_error("a worker cannot be started: %s", strerror(-error));
            supervisor->start_at_ms = now + 1000;
            return 1000;
        }
        have++;
    }
    return -1;
}
