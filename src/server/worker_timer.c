/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>

void timers_free(struct timers *timers)
{
    free(timers->heap);
    timers->heap = NULL;
    timers->count = timers->capacity = 0;
}

static void put(struct timers *timers, struct timer *timer, size_t place)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct timers *timers, struct timer *timer, size_t place)
{
    while (place > 1 && timers->heap[place / 2]->at_ms > timer->at_ms) {
        put(timers, timers->heap[place / 2], place);
        place /= 2;
    }
    put(timers, timer, place);
}

static void sink(struct timers *timers, struct timer *timer, size_t place)
{
    for (;;) {
        size_t child = place * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->at_ms < timers->heap[child]->at_ms)
            child++;
        if (timers->heap[child]->at_ms >= timer->at_ms)
            break;
        put(timers, timers->heap[child], place);
        place = child;
    }
    put(timers, timer, place);
}

static int make_room(struct timers *timers)
{
    if (timers->count + 1 < timers->capacity)
        return 0;
    size_t capacity = timers->capacity ? timers->capacity * 2 : 64;
    struct timer **heap = realloc(timers->heap, capacity * sizeof(struct timer *));
    if (!heap)
        return -ENOMEM;
    timers->heap = heap;
    timers->capacity = capacity;
    return 0;
}

int timers_set(struct timers *timers, struct timer *timer, uint64_t at_ms)
{
    if (timer->place)
        timers_cancel(timers, timer);
    int error = make_room(timers);
    if (error)
        return error;
    timer->at_ms = at_ms;
    timers->count++;
    rise(timers, timer, timers->count);
    return 0;
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;

    if (!place)
        return;
    timer->place = 0;
    struct timer *last = timers->heap[timers->count--];
    if (last == timer)
        return;
    if (place > 1 && timers->heap[place / 2]->at_ms > last->at_ms)
        rise(timers, last, place);
    else
        sink(timers, last, place);
}

struct timer *timers_due(struct timers *timers, uint64_t now_ms)
{
    if (!timers->count || timers->heap[1]->at_ms > now_ms)
        return NULL;
    struct timer *timer = timers->heap[1];
    timers_cancel(timers, timer);
    return timer;
}

int timers_open(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

int timers_arm(struct timers *timers, int fd)
{
    if (!timers->count || (timers->armed_ms && timers->armed_ms <= timers->heap[1]->at_ms))
        return 0;
    uint64_t at = timers->heap[1]->at_ms;
    if (at == 0)
        at = 1; /* a time of 0 would stop it */
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000}};
    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        return -errno;
    timers->armed_ms = at;
    return 0;
}

void timers_fired(struct timers *timers)
{
    timers->armed_ms = 0;
}
