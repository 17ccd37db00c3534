/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's part in the conf store: what has expired, and the file. Workers share
 * its lock, and one may be stopped while it holds it; the supervisor never waits for it.
 */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/store.h"
#include "server/supervisor.h"

#define SAVE_EVERY_MS 1000
/* A thread that has the lock at so many looks, so far apart, does not run. */
#define LOOKS 20u
#define LOOK_MS 100u

/* Nothing but its end makes it let go of the lock, without which no conf is prepared. */
static void end_holder(struct supervisor *supervisor, pid_t thread)
{
    for (unsigned i = 0; i < SCOREBOARD_WORKERS; i++) {
        const struct supervisor_worker *worker = &supervisor->workers[i];
        if (worker->state == WORKER_NONE || syscall(SYS_tgkill, worker->pid, thread, 0) < 0)
            continue;
        log_error("worker %u (pid %d) holds the conf store for over %u ms instead of microseconds: "
                  "it is stopped (by a debugger?), and is killed so that the others can go on",
                  i, (int)worker->pid, LOOKS * LOOK_MS);
        kill(worker->pid, SIGKILL);
    }
}

static bool is_free(struct supervisor *supervisor)
{
    uint64_t now = clock_ms();
    pid_t holder;

    if (conf_store_is_free(supervisor->heritage.store, &holder)) {
        supervisor->confs_looks = 0;
        return true;
    }
    if (holder != supervisor->confs_holder) {
        supervisor->confs_holder = holder;
        supervisor->confs_looks = 0;
    }
    if (supervisor->confs_looks && now < supervisor->confs_looked_ms + LOOK_MS)
        return false;
    supervisor->confs_looked_ms = now;
    if (++supervisor->confs_looks > LOOKS) {
        supervisor->confs_looks = 0;
        end_holder(supervisor, holder);
    }
    return false;
}

static void save(struct supervisor *supervisor)
{
    const char *path = supervisor->config->conf_file;
    struct conf_store_stats stats;

    if (!path)
        return;
    conf_store_stats(supervisor->heritage.store, &stats);
    if (stats.prepared == supervisor->saved_prepared)
        return;
    int error = conf_store_save(supervisor->heritage.store, path);
    if (!error)
        supervisor->saved_prepared = stats.prepared;
    if (error && error != supervisor->save_error)
        log_error("the conf file %s cannot be written: %s; it is tried again", path,
                  strerror(-error));
    else if (!error && supervisor->save_error)
        log_warn("the conf file %s is written again", path);
    supervisor->save_error = error;
}

void supervisor_save_confs(struct supervisor *supervisor)
{
    if (supervisor->heritage.store && is_free(supervisor))
        save(supervisor);
}

uint64_t supervisor_keep_confs(struct supervisor *supervisor)
{
    if (!is_free(supervisor))
        return LOOK_MS;
    uint64_t wait = conf_store_expire(supervisor->heritage.store, clock_ms());
    /* With no conf now, none expires before its whole time. */
    if (!wait)
        wait = supervisor_conf_ttl(supervisor->config);
    save(supervisor);
    return supervisor->config->conf_file && wait > SAVE_EVERY_MS ? SAVE_EVERY_MS : wait;
}
