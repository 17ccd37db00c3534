/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timers of one event loop: a heap, ordered by time. A timer is part of the thing
 * it belongs to and is in at most one heap. The loop's thread only.
 */
#ifndef SERVER_WORKER_TIMER_H
#define SERVER_WORKER_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t at_ms; /* by clock_ms() */
    size_t place;   /* in the heap, from 1; 0: not set */
};

struct timers {
    struct timer **heap; /* heap[1] is the earliest */
    size_t count;
    size_t capacity;
    uint64_t armed_ms; /* when the descriptor is to become readable; 0: not */
};

void timers_free(struct timers *timers);

/* Sets it, or moves it when it is set already. -ENOMEM: then it is not set. */
int timers_set(struct timers *timers, struct timer *timer, uint64_t at_ms);

/* Nothing happens to one that is not set. */
void timers_cancel(struct timers *timers, struct timer *timer);

/* Takes out and gives one that is due, or NULL. */
struct timer *timers_due(struct timers *timers, uint64_t now_ms);

/*
 * A descriptor for an epoll set (edge-triggered, never read) that becomes readable when
 * timers may be due; -errno. timers_arm has to be called before each wait. It is a system
 * call only when a timer is earlier than all before it: waiting with a timeout instead
 * costs every wait a look at the clock and the kernel a timer. In return the descriptor
 * may wake its loop for a timer that was cancelled. timers_fired: it was readable.
 */
int timers_open(void);
int timers_arm(struct timers *timers, int fd);
void timers_fired(struct timers *timers);

#endif
