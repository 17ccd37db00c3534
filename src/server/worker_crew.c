/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/scoreboard.h"
#include "server/worker.h"
#include "server/worker_cpu.h"
#include "server/worker_crash.h"
#include "server/worker_exchange.h"
#include "server/worker_loop.h"

#define IDLE_SECONDS 10
/* A free_conf that takes longer has another thread go on with the rest. */
#define FREE_PATIENCE_MS 1000u

_Thread_local struct crew_thread *crew_self;

int crew_init(struct crew *crew, struct worker *worker, uint32_t max)
{
    crew->worker = worker;
    crew->max = max;
    crew->slots[SCOREBOARD_MAIN / 8] |= 1u << SCOREBOARD_MAIN % 8;
    crew->queue_end = &crew->queue;
    int error = pthread_mutex_init(&crew->lock, NULL);
    return error ? -error : -pthread_cond_init(&crew->changed, NULL);
}

static void take_slot(struct crew *crew, struct crew_thread *thread)
{
    struct scoreboard_worker *board = &crew->worker->heritage->board->workers[crew->worker->number];

    thread->slot_number = -1;
    for (unsigned i = 0; i < SCOREBOARD_THREADS; i++) {
        if (crew->slots[i / 8] & 1u << i % 8)
            continue;
        crew->slots[i / 8] |= (uint8_t)(1u << i % 8);
        thread->slot_number = (int)i;
        thread->place = &board->threads[i].inside;
        board->threads[i].used = 1;
        return;
    }
}

static void leave_slot(struct crew *crew, struct crew_thread *thread)
{
    if (thread->slot_number >= 0)
        crew->slots[thread->slot_number / 8] &= (uint8_t) ~(1u << thread->slot_number % 8);
}

static bool has_work(const struct crew_thread *self)
{
    return self->work.loop || self->work.exchange || self->work.free_confs;
}

/* Under the lock: work that nobody was free for. */
static bool take_left_over(struct crew *crew, struct crew_thread *self)
{
    if (crew->queue) {
        self->work.exchange = crew->queue;
        crew->queue = exchange_unqueue(crew->queue);
        if (!crew->queue)
            crew->queue_end = &crew->queue;
    } else if (crew->retired && !crew->freeing) {
        crew->freeing++;
        self->work.free_confs = true;
    }
    return has_work(self);
}

/* Waits for work. False: none came for long, or the worker ends. */
static bool wait_for_work(struct crew *crew, struct crew_thread *self)
{
    struct timespec until;

    if (take_left_over(crew, self))
        return true;
    self->next = crew->idle;
    crew->idle = self;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    while (!has_work(self) && !crew->stopping) {
        if (pthread_cond_clockwait(&self->wake, &crew->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT)
            break;
    }
    if (has_work(self))
        return true;
    struct crew_thread **link = &crew->idle;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    return false;
}

static void free_confs(struct crew *crew)
{
    struct chain *chain;

    pthread_mutex_lock(&crew->lock);
    while ((chain = crew->retired)) {
        crew->retired = chain->next_retired;
        crew->freed_ms = clock_ms();
        pthread_mutex_unlock(&crew->lock);
        chain_free(chain);
        pthread_mutex_lock(&crew->lock);
    }
    crew->freeing--;
    pthread_mutex_unlock(&crew->lock);
}

static void *crew_main(void *argument)
{
    struct crew_thread *self = argument;
    struct crew *crew = &self->worker->crew;
    crew_self = self;
    self->id = gettid();
    inside_place = self->place;
    self->signal_stack = crash_stack_enter();
    int error = cpu_schedule(self->worker->heritage->config);
    if (error)
        log_debug("--scheduling batch is not to be had: %s", strerror(-error));
    pthread_mutex_lock(&crew->lock);
    while (has_work(self) || wait_for_work(crew, self)) {
        pthread_mutex_unlock(&crew->lock);
        if (self->work.loop)
            loop_drive(self->work.loop);
        else if (self->work.exchange)
            exchange_run_apart(self->work.exchange);
        else
            free_confs(crew);
        pthread_mutex_lock(&crew->lock);
        self->work = (struct crew_work){0};
    }
    leave_slot(crew, self);
    crew->count--;
    crash_stack_leave(self->signal_stack);
    pthread_cond_destroy(&self->wake);
    free(self);
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* Under the lock. */
static int hire(struct crew *crew, struct crew_work work)
{
    struct crew_thread *thread = calloc(1, sizeof(*thread));
    pthread_t id;

    if (!thread)
        return -ENOMEM;
    thread->worker = crew->worker;
    thread->work = work;
    pthread_cond_init(&thread->wake, NULL);
    take_slot(crew, thread);
    crew->count++;
    int error = pthread_create(&id, NULL, crew_main, thread);
    if (error) {
        crew->count--;
        leave_slot(crew, thread);
        pthread_cond_destroy(&thread->wake);
        free(thread);
        return -error;
    }
    pthread_detach(id);
    return 0;
}

/* Under the lock: gives the work to one who waits. */
static bool give(struct crew *crew, struct crew_work work)
{
    struct crew_thread *thread = crew->idle;

    if (!thread)
        return false;
    crew->idle = thread->next;
    thread->work = work;
    pthread_cond_signal(&thread->wake);
    return true;
}

int crew_drive(struct crew *crew, struct loop *loop)
{
    const struct crew_work work = {.loop = loop};
    int error = 0;

    pthread_mutex_lock(&crew->lock);
    if (!give(crew, work))
        error = hire(crew, work);
    pthread_mutex_unlock(&crew->lock);
    return error;
}

void crew_run(struct crew *crew, struct exchange *exchange)
{
    const struct crew_work work = {.exchange = exchange};
    bool told = false;
    int error = 0;

    pthread_mutex_lock(&crew->lock);
    bool given = give(crew, work);
    if (!given && crew->count < crew->max) {
        error = hire(crew, work);
        given = error == 0;
    }
    /* Who drives a loop never comes for what is queued. */
    bool hopeless = error && crew->count <= crew->worker->loop_count;
    if (!given && !hopeless) {
        told = !crew->queue;
        exchange_queue(exchange, &crew->queue_end);
    }
    pthread_mutex_unlock(&crew->lock);
    if (hopeless) {
        log_error("no thread can be made for a call that blocks: %s; it gets SERVICE_UNAVAILABLE",
                  strerror(-error));
        call_fail(&exchange->call);
        exchange_finish_apart(exchange, CALL_DONE);
    }
    if (told)
        log_warn("all %u threads are inside plugins that block; further such calls wait for one "
                 "(see --pool-threads)",
                 crew->count);
}

/* Under the lock. One at a time frees confs, unless a free_conf does not come back: true. */
static bool have_confs_freed(struct crew *crew)
{
    const struct crew_work work = {.free_confs = true};
    bool late = crew->freeing > 0;

    if (late && clock_ms() - crew->freed_ms < FREE_PATIENCE_MS)
        return false;
    crew->freed_ms = clock_ms();
    crew->freeing++;
    if (!give(crew, work) && (crew->count >= crew->max || hire(crew, work) < 0))
        crew->freeing--; /* whoever is done with something else will */
    return late;
}

void crew_retire(void *of, struct chain *chain)
{
    struct crew *crew = of;
    bool late = false;

    pthread_mutex_lock(&crew->lock);
    bool stopping = crew->stopping;
    if (!stopping) {
        chain->next_retired = crew->retired;
        crew->retired = chain;
        late = have_confs_freed(crew);
    }
    pthread_mutex_unlock(&crew->lock);
    if (stopping) /* there will be nobody to do it */
        chain_free(chain);
    if (late)
        log_warn("a plugin has been inside its free_conf for over %u ms: confs that are not needed "
                 "any more are freed by another thread",
                 FREE_PATIENCE_MS);
}

bool crew_stop(struct crew *crew, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool gone;

    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    for (struct crew_thread *thread = crew->idle; thread; thread = thread->next)
        pthread_cond_signal(&thread->wake);
    while (crew->count) {
        if (pthread_cond_clockwait(&crew->changed, &crew->lock, CLOCK_MONOTONIC, &until) ==
            ETIMEDOUT)
            break;
    }
    gone = crew->count == 0;
    pthread_mutex_unlock(&crew->lock);
    return gone;
}
