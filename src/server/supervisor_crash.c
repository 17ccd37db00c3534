/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/supervisor.h"

/* A plugin that crashed a worker so often within so long is not called any more. */
#define QUARANTINE_CRASHES 3u
#define QUARANTINE_WINDOW_MS 60000u

static void quarantine(struct supervisor *supervisor, const char *plugin)
{
    struct quarantine *list = &supervisor->heritage.quarantine;

    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->plugins[i], plugin) == 0)
            return;
    }
    if (list->count == QUARANTINE_MAX)
        return;
    memcpy(list->plugins[list->count], plugin, SCOREBOARD_NAME);
    list->count++;
    log_error("plugin %s has crashed %u workers, or kept them from starting, within %u s and is "
              "quarantined: its calls get SERVICE_UNAVAILABLE until a reload (SIGHUP, or a changed "
              "file with --watch)",
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

    snprintf(note->plugin, sizeof(note->plugin), "%s", plugin);
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

/* ---- whose code it was; what a worker wrote is not to be relied on ---- */

/* Copies the plugin's name; false: there is none of that number. */
static bool name_of(const struct scoreboard_worker *board, uint32_t number,
                    char name[SCOREBOARD_NAME])
{
    if (number >= SCOREBOARD_PLUGINS || number >= board->plugin_count)
        return false;
    snprintf(name, SCOREBOARD_NAME, "%.*s", SCOREBOARD_NAME - 1, board->plugins[number]);
    return name[0] != 0;
}

static bool is_inside(const struct scoreboard_worker *board, int thread, char name[SCOREBOARD_NAME])
{
    uint32_t plugin = 0;

    if (thread >= 0 && thread < SCOREBOARD_THREADS)
        plugin = atomic_load(&board->threads[thread].inside.plugin);
    return plugin && name_of(board, plugin - 1, name);
}

static void say_inside(const char *what, const char *name, const struct inside *inside)
{
    static const char *const phases[] = {
        [INSIDE_REQUEST] = "request phase",
        [INSIDE_RESPONSE] = "response phase",
        [INSIDE_INIT] = "init",
        [INSIDE_PARSE_CONF] = "parse_conf",
        [INSIDE_FREE_CONF] = "free_conf",
        [INSIDE_SHUTDOWN] = "shutdown",
    };
    const char *phase =
        inside->phase < sizeof(phases) / sizeof(phases[0]) ? phases[inside->phase] : "?";

    if (inside->phase <= INSIDE_RESPONSE || inside->phase == INSIDE_PARSE_CONF)
        log_error("%s plugin %s, %s, call %u", what, name, phase, inside->call_id);
    else
        log_error("%s plugin %s, %s", what, name, phase);
}

/* Says what plugin code was open in any thread. If it was one plugin's only, that one's
 * name is left. */
static bool only_one_open(const struct scoreboard_worker *board, char name[SCOREBOARD_NAME])
{
    char other[SCOREBOARD_NAME];
    bool one = false;
    bool more = false;

    for (int i = 0; i < SCOREBOARD_THREADS && board->threads[i].used; i++) {
        if (!is_inside(board, i, other))
            continue;
        say_inside("it had open:", other, &board->threads[i].inside);
        more = more || (one && strcmp(name, other) != 0);
        memcpy(name, other, sizeof(other));
        one = true;
    }
    return one && !more;
}

/* The plugin that did it, as well as that is known. */
static bool find_culprit(const struct scoreboard_worker *board, char name[SCOREBOARD_NAME])
{
    const struct scoreboard_crash *crash = &board->crash;

    if (is_inside(board, crash->thread, name)) {
        say_inside("it was in", name, &board->threads[crash->thread].inside);
        return true;
    }
    if (atomic_load(&crash->valid) && crash->plugin >= 0 &&
        name_of(board, (uint32_t)crash->plugin, name)) {
        log_error("it was in plugin %s, in a thread of its own or a callback", name);
        return true;
    }
    /* One of ours that was outside of all plugins: what others had open then is worth
     * knowing, and proves nothing. */
    return only_one_open(board, name) && crash->thread < 0;
}

/* ---- what a dead worker leaves ---- */

static bool is_crash_signal(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGABRT || number == SIGSYS || number == SIGTRAP;
}

/* The signal of the crash, which may not be the one that ended its handler. */
static int crash_signal(const struct scoreboard_worker *board, int status)
{
    return sigabbrev_np(board->crash.signal) ? board->crash.signal : WTERMSIG(status);
}

static void say_end(const struct scoreboard_worker *board, unsigned place, pid_t pid, int status)
{
    if (WIFEXITED(status)) {
        log_error("worker %u (pid %d) ended by itself with status %d: a plugin called exit()? "
                  "its calls in flight are lost",
                  place, (int)pid, WEXITSTATUS(status));
    } else if (atomic_load(&board->crash.valid)) {
        int number = crash_signal(board, status);
        char where[64] = ", raised";
        if (!board->crash.raised)
            snprintf(where, sizeof(where), " at address 0x%llx",
                     (unsigned long long)board->crash.address);
        log_error("worker %u (pid %d) died of signal %d (SIG%s)%s; its calls in flight are lost",
                  place, (int)pid, number, sigabbrev_np(number), where);
    } else {
        log_error("worker %u (pid %d) was killed by signal %d (SIG%s); its calls in flight are "
                  "lost",
                  place, (int)pid, WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
    }
}

void supervisor_note_crash(struct supervisor *supervisor, unsigned place,
                           const struct supervisor_worker *worker, int status)
{
    const struct scoreboard_worker *board = &supervisor->heritage.board->workers[place];
    char name[SCOREBOARD_NAME] = "";

    if (!worker->failed)
        say_end(board, place, worker->pid, status);
    bool known = find_culprit(board, name);
    /* One that was killed from outside is no plugin's fault; and where old code ends, or
     * new code is tried while the old serves, no call is spared by refusing others. */
    bool own_end = WIFEXITED(status) || is_crash_signal(WTERMSIG(status)) || worker->late ||
                   atomic_load(&board->crash.valid); /* its handler was ended by the alarm */
    if (known && own_end && worker->state != WORKER_LEAVING && !worker->replacement)
        count_crash(supervisor, name);
}

void supervisor_lift_quarantine(struct supervisor *supervisor)
{
    supervisor->heritage.quarantine.count = 0;
    memset(supervisor->crashes, 0, sizeof(supervisor->crashes));
}
