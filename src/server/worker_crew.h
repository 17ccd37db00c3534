/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a worker. All are alike: one drives a loop, or runs one call that may
 * block, or frees confs, or waits to be given one of these, and goes home when it has
 * waited for long.
 *
 * Any thread may give out work.
 */
#ifndef SERVER_WORKER_CREW_H
#define SERVER_WORKER_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct chain;
struct exchange;
struct loop;
struct worker;
struct inside;

/* What a thread is given: one of these. */
struct crew_work {
    struct loop *loop;
    struct exchange *exchange;
    bool free_confs;
};

struct crew_thread {
    struct worker *worker;
    pid_t id;
    struct crew_thread *next; /* among those that wait */
    pthread_cond_t wake;
    struct crew_work work;
    int slot_number; /* on the scoreboard; -1: there was none left */
    struct inside *place;
    void *signal_stack;
};

struct crew {
    struct worker *worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;   /* a thread has gone */
    struct crew_thread *idle; /* last in, first out: the warm ones work */
    struct exchange *queue;   /* calls for which no thread is free, oldest first */
    struct exchange **queue_end;
    uint32_t count;
    uint32_t max;          /* of threads that run calls; driving a loop is never refused */
    struct chain *retired; /* whose confs are to be freed */
    unsigned freeing;      /* threads that do so */
    uint64_t freed_ms;     /* when one last began with a chain */
    bool stopping;
    uint8_t slots[128]; /* bits: scoreboard slots taken */
};

/* The crew's thread that is running, NULL in a thread of somebody else. */
extern _Thread_local struct crew_thread *crew_self;

int crew_init(struct crew *crew, struct worker *worker, uint32_t max);

/* Has a thread drive the loop until it gives it away. -EAGAIN: no thread can be made. */
int crew_drive(struct crew *crew, struct loop *loop);

/* Has a thread run the call (exchange_run_apart), now or when one is free. Where there is none
 * and none can be made, the call fails. */
void crew_run(struct crew *crew, struct exchange *exchange);

/* Has a thread free the chain: free_conf may hang, and a loop may not. */
void crew_retire(void *crew, struct chain *chain);

/* Lets idle threads go home and waits until all are, at most so long. True: all are. */
bool crew_stop(struct crew *crew, uint64_t until_ms);

#endif
