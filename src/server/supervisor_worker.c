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
#define BACKOFF_WORTH_MS 200u
/* One that is killed because it does not start may take so long to say where it is. */
#define LAST_WORDS_MS 3000u

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
    /* A connection ends for its peer when the last of its descriptors is closed. */
    for (unsigned i = supervisor->handover.first; i < supervisor->handover.count; i++)
        close(supervisor->handover.fds[i]);
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

void supervisor_let_serve(struct supervisor *supervisor, unsigned place)
{
    struct supervisor_worker *worker = &supervisor->workers[place];

    (void)control_send(worker->control_fd, CONTROL_SERVE, 0, NULL, -1);
    worker->state = WORKER_SERVING;
    worker->replacement = false;
    supervisor_deliver(supervisor);
}

static void hear(struct supervisor *supervisor, unsigned place,
                 const struct control_message *message)
{
    struct supervisor_worker *worker = &supervisor->workers[place];

    switch (message->type) {
    case CONTROL_READY:
        if (worker->state != WORKER_STARTING)
            return; /* it was sent off meanwhile */
        worker->state = WORKER_READY;
        if (worker->replacement)
            supervisor_replacement_ready(supervisor);
        else if (supervisor->published)
            supervisor_let_serve(supervisor, place);
        return;
    case CONTROL_FAILED:
        log_error("%s", message->text);
        worker->failed = true;
        return;
    case CONTROL_CONNECTION:
        supervisor_pass_connection(supervisor, message->fd);
        return;
    case CONTROL_RECYCLE:
        supervisor_recycle(supervisor, place, message->text);
        return;
    default:
        if (message->fd >= 0)
            close(message->fd);
    }
}

/* False: that was its last word. */
static bool hear_all(struct supervisor *supervisor, unsigned place)
{
    struct control_message message;
    int error;

    while (!(error = control_receive(supervisor->workers[place].control_fd, &message)))
        hear(supervisor, place, &message);
    return error != -EPIPE;
}

void supervisor_hear_worker(struct supervisor *supervisor, unsigned place)
{
    /* It is dead, or as good as dead: a plugin has closed what is not its own. */
    if (!hear_all(supervisor, place))
        kill(supervisor->workers[place].pid, SIGKILL);
}

/* A worker that was to serve has died: when may the next one start? */
static void plan_next(struct supervisor *supervisor, const struct supervisor_worker *worker,
                      int status)
{
    uint64_t now = clock_ms();
    uint64_t wait = 0;

    if (now - worker->started_ms >= QUICK_DEATH_MS) {
        supervisor->quick_deaths = 0;
    } else if (++supervisor->quick_deaths > 1) {
        /* The first is replaced at once: it may have been bad luck. */
        unsigned doublings = supervisor->quick_deaths - 2;
        wait = BACKOFF_FIRST_MS << (doublings < 6 ? doublings : 6);
        /* One that served, or that something outside has killed, is worth a new start soon. */
        bool worth = worker->state == WORKER_SERVING ||
                     (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !worker->late);
        uint64_t most = worth ? BACKOFF_WORTH_MS : BACKOFF_MAX_MS;
        if (wait > most)
            wait = most;
        log_warn("workers die soon after their start; the next one starts in %llu ms",
                 (unsigned long long)wait);
    }
    supervisor->start_at_ms = now + wait;
}

/* The one that was to be replaced has died: its replacement fills the gap. */
static void promote_replacement(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state != WORKER_NONE)
            supervisor->workers[i].replacement = false;
    }
}

static void bury(struct supervisor *supervisor, unsigned place, int status)
{
    /* What it said before it died: connections, perhaps, or why it could not start. Its
     * number may be another process's by now. */
    (void)hear_all(supervisor, place);
    struct supervisor_worker worker = supervisor->workers[place];
    bool in_order = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                    (worker.state == WORKER_LEAVING || supervisor->stopping);

    close(worker.control_fd);
    supervisor->workers[place] = (struct supervisor_worker){.state = WORKER_NONE};
    if (!in_order && !worker.killed)
        supervisor_note_crash(supervisor, place, &worker, status);
    if (supervisor->stopping)
        return;
    if (worker.state == WORKER_LEAVING) {
        if (in_order && !supervisor_count_workers(supervisor, WORKER_LEAVING))
            log_info("the new workers have every connection now");
        return;
    }
    if (worker.replacement) {
        supervisor_replacement_failed(supervisor);
        return;
    }
    if (worker.replaced && !supervisor->reloading)
        promote_replacement(supervisor);
    plan_next(supervisor, &worker, status);
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

int supervisor_end_late_starts(struct supervisor *supervisor)
{
    uint64_t now = clock_ms();
    uint64_t soonest = UINT64_MAX;

    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        struct supervisor_worker *worker = &supervisor->workers[i];
        if (worker->state != WORKER_STARTING)
            continue;
        uint64_t due = worker->started_ms + supervisor->config->start_timeout_ms;
        if (worker->late) {
            due += LAST_WORDS_MS;
        } else if (now >= due) {
            log_error("worker %u (pid %d) has not started within %u ms and is killed; its stack, "
                      "if it comes, shows where its plugins hang (see --start-timeout)",
                      i, (int)worker->pid, supervisor->config->start_timeout_ms);
            worker->late = true;
            kill(worker->pid, SIGABRT); /* it shows its stack and dies */
            due += LAST_WORDS_MS;
        }
        if (now >= due)
            kill(worker->pid, SIGKILL);
        soonest = due < soonest ? due : soonest;
    }
    return soonest == UINT64_MAX ? -1 : soonest > now ? (int)(soonest - now) : 0;
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
        have +=
            worker->state != WORKER_NONE && worker->state != WORKER_LEAVING && !worker->replacement;
    }
    while (have < supervisor->wanted) {
        if (now < supervisor->start_at_ms)
            return (int)(supervisor->start_at_ms - now);
        int place = supervisor_start_worker(supervisor);
        if (place < 0) {
            log_error("a worker cannot be started: %s; it is tried again in a second",
                      strerror(-place));
            supervisor->start_at_ms = now + 1000;
            return 1000;
        }
        /* With the code that was there before the reload, or the new: who knows. */
        supervisor->workers[place].replaced = supervisor->reloading;
        have++;
    }
    return -1;
}
