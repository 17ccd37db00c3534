/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/call.h"
#include "server/supervisor.h"

/* A plugin that crashed a worker so often within so long is not called any more. */
#define QUARANTINE_CRASHES 3u
#define QUARANTINE_WINDOW_MS 60000u

static void quarantine(struct supervisor *supervisor, const char *plugin)
{
    struct scoreboard *board = supervisor->heritage.board;

    for (unsigned i = 0; i < board->quarantine_count; i++) {
        if (strcmp(board->quarantine[i], plugin) == 0)
            return;
    }
    if (board->quarantine_count == SCOREBOARD_QUARANTINE)
        return;
    memcpy(board->quarantine[board->quarantine_count], plugin, SCOREBOARD_NAME);
    board->quarantine_count++;
    log_error("plugin %s has crashed %u workers within %u s and is quarantined: its calls get "
              "SERVICE_UNAVAILABLE until a reload (SIGHUP, or a changed file with --watch)",
              plugin, QUARANTINE_CRASHES, QUARANTINE_WINDOW_MS / 1000);
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        if (supervisor->workers[i].state != WORKER_NONE)
            (void)control_send(supervisor->workers[i].control_fd, CONTROL_QUARANTINE, 0, plugin,
                               -1);
    }
}

/* Remembers the crash; the oldest is forgotten when there are too many. */
static void count_crash(struct supervisor *supervisor, const char *plugin)
{
    uint64_t now = clock_ms();
    unsigned recent = 1;
    struct crash_note *note = &supervisor->crashes[supervisor->crash_count++ % CRASHES_MAX];

    memset(note, 0, sizeof(*note));
    strncpy(note->plugin, plugin, SCOREBOARD_NAME - 1);
    note->at_ms = now;
    for (unsigned i = 0; i < CRASHES_MAX; i++) {
        const struct crash_note *other = &supervisor->crashes[i];
        if (other != note && strcmp(other->plugin, note->plugin) == 0 &&
            now - other->at_ms < QUARANTINE_WINDOW_MS)
            recent++;
    }
    if (recent >= QUARANTINE_CRASHES)
        quarantine(supervisor, note->plugin);
}

/* The plugin code that the dead worker was in, as its threads left it. */
static void name_plugins(struct supervisor *supervisor, const struct scoreboard_worker *board,
                         bool blame)
{
    const struct scoreboard_crash *crash = &board->crash;
    int culprit = atomic_load(&crash->valid) ? crash->thread : -1;

    for (unsigned i = 0; i < SCOREBOARD_THREADS && board->threads[i].used; i++) {
        const struct scoreboard_thread *thread = &board->threads[i];
        if (!atomic_load(&thread->inside) || thread->plugin >= board->plugin_count)
            continue;
        if (culprit >= 0 && (unsigned)culprit != i)
            continue;
        const char *plugin = board->plugins[thread->plugin];
        log_error("%s plugin %s, %s phase, call %u",
                  culprit >= 0 ? "it was in" : "it had open:", plugin,
                  thread->phase == CALL_REQUEST ? "request" : "response", thread->call_id);
        if (blame)
            count_crash(supervisor, plugin);
    }
}

void supervisor_note_crash(struct supervisor *supervisor, unsigned place, pid_t pid, int status)
{
    const struct scoreboard_worker *board = &supervisor->heritage.board->workers[place];
    bool crashed = atomic_load(&board->crash.valid);

    if (WIFEXITED(status)) {
        log_error("worker %u (pid %d) ended by itself with status %d: a plugin called exit()? "
                  "its calls in flight are lost",
                  place, (int)pid, WEXITSTATUS(status));
    } else if (crashed) {
        log_error("worker %u (pid %d) died of signal %d (SIG%s) at address 0x%llx; its calls in "
                  "flight are lost",
                  place, (int)pid, board->crash.signal, sigabbrev_np(board->crash.signal),
                  (unsigned long long)board->crash.address);
    } else {
        log_error("worker %u (pid %d) was killed by signal %d (SIG%s); its calls in flight are "
                  "lost",
                  place, (int)pid, WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
    }
    /* One that was killed from outside is no plugin's fault. */
    name_plugins(supervisor, board, crashed || WIFEXITED(status));
}

void supervisor_lift_quarantine(struct supervisor *supervisor)
{
    supervisor->heritage.board->quarantine_count = 0;
    memset(supervisor->crashes, 0, sizeof(supervisor->crashes));
}
