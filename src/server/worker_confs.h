/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The confs as this worker runs them: token -> chain, each parsed once.
 *
 * The first call of a token parses; calls of the same token that arrive meanwhile wait
 * in the entry and are told when it is done. A chain lives while its token does in the
 * conf store. Any thread.
 */
#ifndef SERVER_WORKER_CONFS_H
#define SERVER_WORKER_CONFS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/chain.h"

struct conf_store;
struct conf_record;
struct confs_entry;

/* One that waits for a conf to be parsed; part of the waiting call. */
struct confs_waiter {
    struct confs_waiter *next;
    struct confs_waiter **link; /* what points to it; NULL: it does not wait (any more) */
    /* Called once, in the thread that parsed, without locks held. */
    void (*parsed)(struct confs_waiter *waiter);
};

struct confs {
    pthread_mutex_t lock;
    struct conf_store *store;
    struct chain_options options;
    struct confs_entry **buckets;
    uint32_t bucket_count;
    uint32_t count;
    /* Counts up when entries were dropped, so that loops forget what they remember. */
    _Atomic uint32_t generation;
};

int confs_init(struct confs *confs, struct conf_store *store, const struct chain_options *options);
void confs_free(struct confs *confs);

/* What confs_find gives besides 0. */
enum {
    CONFS_UNKNOWN = 1, /* the store has no such token */
    CONFS_PARSE = 2,   /* *record is to be parsed by the caller: confs_parse is due */
    CONFS_WAIT = 3,    /* another call parses it; the waiter will be told */
};

/* 0: *chain, with a reference for the caller. -ENOMEM. */
int confs_find(struct confs *confs, uint32_t token, uint64_t now_ms, struct confs_waiter *waiter,
               struct chain **chain, struct conf_record **record);

/* It waits no longer, and is not told. False: it is being told just now. */
bool confs_leave(struct confs *confs, struct confs_waiter *waiter);

/* Parses (plugin code runs here), keeps the chain, tells the waiters, frees the record.
 * 0 and *chain with a reference for the caller, or -ENOMEM. */
int confs_parse(struct confs *confs, struct conf_record *record, struct chain **chain);

/* Drops chains whose token has expired. Milliseconds until it is worth calling again,
 * 0 when there is nothing left to expire. */
uint64_t confs_expire(struct confs *confs, uint64_t now_ms);

#endif
