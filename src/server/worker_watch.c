/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_watch.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "server/worker.h"
#include "server/worker_loop.h"

/* A filter that blocks may hold its loop for one to two of these, one that computes for
 * one more. */
#define TICK_MS 5u
#define TICK_SLACK_NS 1000000UL
#define QUIET_TICKS 20u
/* Caught so often within so long: it blocks, and not just because the machine was busy. */
#define STRIKES 2u
#define STRIKE_WINDOW_MS 10000u
/* After so long it gets another chance. */
#define FORGIVE_MS 60000u

#define PLUGINS_MAX 1024

/* A loop as it was at the last tick. */
struct sighting {
    uint64_t turn;
    bool timed;     /* it was in the same turn before that, and able to run */
    int64_t cpu_ns; /* that its driver had used then */
};

struct record {
    uint32_t strikes;
    uint64_t since_ms;
    struct plugin *marked; /* NULL: it is not */
};

static struct {
    struct worker *worker;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Atomic bool stopping;
    struct sighting seen[WORKER_LOOPS_MAX];
    unsigned marked; /* records whose plugin is */
    struct record records[PLUGINS_MAX];
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void note(struct plugin *plugin)
{
    if (!plugin || plugin->number >= PLUGINS_MAX)
        return;
    struct record *record = &watch.records[plugin->number];
    uint64_t now = clock_ms();

    if (now - record->since_ms > STRIKE_WINDOW_MS) {
        record->since_ms = now;
        record->strikes = 0;
    }
    record->strikes++;
    log_debug("plugin %s has been inside its filter for over %u ms; its loop goes on with "
              "another thread",
              plugin->about.name, TICK_MS);
    if (record->strikes < STRIKES || record->marked)
        return;
    record->marked = plugin;
    watch.marked++;
    atomic_store_explicit(&plugin->seen_blocking, 1, memory_order_relaxed);
    log_info("plugin %s blocks for more than %u ms without saying so (A6_BLOCKING): for the next "
             "%u s its calls run on threads of their own",
             plugin->about.name, TICK_MS, FORGIVE_MS / 1000);
}

static void forgive(void)
{
    uint64_t now = watch.marked ? clock_ms() : 0;

    for (unsigned i = 0; watch.marked && i < watch.worker->registry.count && i < PLUGINS_MAX; i++) {
        struct record *record = &watch.records[i];
        if (!record->marked || now - record->since_ms < FORGIVE_MS)
            continue;
        atomic_store_explicit(&record->marked->seen_blocking, 0, memory_order_relaxed);
        record->marked = NULL;
        record->strikes = 0;
        watch.marked--;
    }
}

/* The driver has been inside a plugin since the last tick. */
static void take(struct loop *loop, uint64_t turn)
{
    if (!loop_leave(loop, turn))
        return; /* it came out just now */
    /* Nobody drives the loop: what is the driver's is ours until another one does. */
    struct plugin *plugin = loop->running_plugin;
    loop->taken = loop->running;
    loop->taken_chain = loop->running_chain ? chain_hold(loop->running_chain) : NULL;
    while (crew_drive(&loop->worker->crew, loop) < 0) {
        struct timespec pause = {.tv_nsec = 1000000};
        log_error("no thread can be made to drive a loop; trying again");
        nanosleep(&pause, NULL);
    }
    note(plugin);
}

/* Whether the filter keeps the loop, and not the machine, which may have run other
 * threads since the last tick. */
static bool is_held(const struct loop *loop, struct sighting *last)
{
    if (driver_state(&loop->driver) != DRIVER_RUNNABLE)
        return true;
    int64_t used = driver_cpu_ns(&loop->driver);
    if (last->timed)
        return used - last->cpu_ns >= (int64_t)TICK_MS * 1000000;
    last->timed = true;
    last->cpu_ns = used;
    return false;
}

/* Looks at every loop once. True: something has moved since the last time, or will when
 * there is a CPU for it. */
static bool look(void)
{
    bool moved = false;

    for (unsigned i = 0; i < watch.worker->loop_count; i++) {
        struct loop *loop = watch.worker->loops[i];
        struct sighting *last = &watch.seen[i];
        uint64_t turn = atomic_load_explicit(&loop->turn, memory_order_acquire);

        if (turn != last->turn) {
            *last = (struct sighting){.turn = turn};
            moved = true;
        } else if (turn & 1) {
            if (is_held(loop, last))
                take(loop, turn);
            else
                moved = true;
        }
    }
    return moved;
}

/* One more look after the flag is up, for a call that began before it; then sleeps until
 * something happens. */
static unsigned rest(unsigned quiet)
{
    if (quiet == QUIET_TICKS) {
        atomic_store(&watch.worker->watch_asleep, 1);
        return quiet;
    }
    if (atomic_exchange(&watch.worker->trim_due, false))
        malloc_trim(0);
    pthread_mutex_lock(&watch.lock);
    while (atomic_load(&watch.worker->watch_asleep) && !atomic_load(&watch.stopping))
        pthread_cond_wait(&watch.wake, &watch.lock);
    pthread_mutex_unlock(&watch.lock);
    return 0;
}

/* The ticks are what the runner costs beside its calls, 200 times a second under load: so
 * they are one system call each, and may come with another wake-up of the machine. */
static void *watch_main(void *unused)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    unsigned quiet = 0;

    (void)unused;
    prctl(PR_SET_TIMERSLACK, TICK_SLACK_NS);
    while (!atomic_load(&watch.stopping)) {
        nanosleep(&tick, NULL);
        quiet = look() ? 0 : quiet + 1;
        forgive();
        if (quiet >= QUIET_TICKS)
            quiet = rest(quiet);
        else if (quiet == 0)
            atomic_store(&watch.worker->watch_asleep, 0);
    }
    return NULL;
}

int watch_start(struct worker *worker)
{
    watch.worker = worker;
    atomic_store(&watch.stopping, false);
    return -pthread_create(&watch.thread, NULL, watch_main, NULL);
}

void watch_stop(void)
{
    pthread_mutex_lock(&watch.lock);
    atomic_store(&watch.stopping, true);
    pthread_cond_signal(&watch.wake);
    pthread_mutex_unlock(&watch.lock);
    pthread_join(watch.thread, NULL);
}

void watch_wake(struct worker *worker)
{
    pthread_mutex_lock(&watch.lock);
    atomic_store(&worker->watch_asleep, 0);
    pthread_cond_signal(&watch.wake);
    pthread_mutex_unlock(&watch.lock);
}
