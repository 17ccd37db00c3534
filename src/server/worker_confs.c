/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_confs.h"

#include <errno.h>
#include <stdlib.h>

#include "conf/store.h"

struct confs_entry {
    struct confs_entry *next;
    uint32_t token;
    struct chain *chain; /* NULL while a call parses it */
    struct confs_waiter *waiters;
};

#define FIRST_BUCKETS 256u

int confs_init(struct confs *confs, struct conf_store *store, const struct chain_options *options)
{
    confs->buckets = calloc(FIRST_BUCKETS, sizeof(struct confs_entry *));
    if (!confs->buckets)
        return -ENOMEM;
    confs->bucket_count = FIRST_BUCKETS;
    confs->count = 0;
    confs->store = store;
    confs->options = *options;
    atomic_init(&confs->generation, 0);
    return -pthread_mutex_init(&confs->lock, NULL);
}

void confs_free(struct confs *confs)
{
    for (uint32_t i = 0; i < confs->bucket_count; i++) {
        struct confs_entry *next;
        for (struct confs_entry *entry = confs->buckets[i]; entry; entry = next) {
            next = entry->next;
            if (entry->chain)
                chain_drop(entry->chain);
            free(entry);
        }
    }
    free(confs->buckets);
    pthread_mutex_destroy(&confs->lock);
}

/* Tokens are hashes, so their low bits spread well. */
static struct confs_entry **bucket_of(struct confs *confs, uint32_t token)
{
    return &confs->buckets[token & (confs->bucket_count - 1)];
}

static struct confs_entry *lookup(struct confs *confs, uint32_t token)
{
    struct confs_entry *entry = *bucket_of(confs, token);

    while (entry && entry->token != token)
        entry = entry->next;
    return entry;
}

/* More buckets, when memory allows; with too few it is only slower. */
static void widen(struct confs *confs)
{
    uint32_t old_count = confs->bucket_count;
    struct confs_entry **old = confs->buckets;
    struct confs_entry **buckets;

    if (confs->count < old_count || old_count > UINT32_MAX / 4)
        return;
    buckets = calloc((size_t)old_count * 2, sizeof(struct confs_entry *));
    if (!buckets)
        return;
    confs->buckets = buckets;
    confs->bucket_count = old_count * 2;
    for (uint32_t i = 0; i < old_count; i++) {
        struct confs_entry *next;
        for (struct confs_entry *entry = old[i]; entry; entry = next) {
            struct confs_entry **bucket = bucket_of(confs, entry->token);
            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

static int add(struct confs *confs, uint32_t token)
{
    struct confs_entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -ENOMEM;
    widen(confs);
    struct confs_entry **bucket = bucket_of(confs, token);
    entry->token = token;
    entry->next = *bucket;
    *bucket = entry;
    confs->count++;
    return 0;
}

static void take_out(struct confs *confs, struct confs_entry *entry)
{
    struct confs_entry **link = bucket_of(confs, entry->token);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    confs->count--;
    atomic_fetch_add_explicit(&confs->generation, 1, memory_order_release);
}

/* Whether the token still lives; learns of a later expiry (the conf was prepared again). */
static bool alive(struct confs *confs, struct chain *chain, uint64_t now_ms)
{
    if (now_ms < __atomic_load_n(&chain->expires_ms, __ATOMIC_RELAXED))
        return true;
    uint64_t expires = conf_store_expires(confs->store, chain->token);
    __atomic_store_n(&chain->expires_ms, expires, __ATOMIC_RELAXED);
    return now_ms < expires;
}

static void wait_for_parse(struct confs_entry *entry, struct confs_waiter *waiter)
{
    waiter->next = entry->waiters;
    waiter->link = &entry->waiters;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    entry->waiters = waiter;
}

/* Under the lock: gives all who wait; from here on they cannot leave. */
static struct confs_waiter *take_waiters(struct confs_entry *entry)
{
    struct confs_waiter *waiters = entry->waiters;

    for (struct confs_waiter *waiter = waiters; waiter; waiter = waiter->next)
        waiter->link = NULL;
    entry->waiters = NULL;
    return waiters;
}

bool confs_leave(struct confs *confs, struct confs_waiter *waiter)
{
    pthread_mutex_lock(&confs->lock);
    bool waits = waiter->link != NULL;
    if (waits) {
        *waiter->link = waiter->next;
        if (waiter->next)
            waiter->next->link = waiter->link;
        waiter->link = NULL;
    }
    pthread_mutex_unlock(&confs->lock);
    return waits;
}

static int find_locked(struct confs *confs, uint32_t token, uint64_t now_ms,
                       struct confs_waiter *waiter, struct chain **chain,
                       struct conf_record **record, struct chain **dead)
{
    struct confs_entry *entry = lookup(confs, token);

    if (entry && !entry->chain) {
        wait_for_parse(entry, waiter);
        return CONFS_WAIT;
    }
    if (entry && alive(confs, entry->chain, now_ms)) {
        *chain = chain_hold(entry->chain);
        return 0;
    }
    if (entry) {
        *dead = entry->chain;
        take_out(confs, entry);
        free(entry);
    }
    int outcome = conf_store_get(confs->store, token, now_ms, record);
    if (outcome)
        return outcome == CONF_STORE_NOT_FOUND ? CONFS_UNKNOWN : outcome;
    /* analyzer: the entry is in its bucket, until take_out. */
    int failed = add(confs, token);
    if (failed) {
        free(*record);
        return failed;
    }
    return CONFS_PARSE;
}

int confs_find(struct confs *confs, uint32_t token, uint64_t now_ms, struct confs_waiter *waiter,
               struct chain **chain, struct conf_record **record)
{
    struct chain *dead = NULL;

    pthread_mutex_lock(&confs->lock);
    int outcome = find_locked(confs, token, now_ms, waiter, chain, record, &dead);
    pthread_mutex_unlock(&confs->lock);
    if (dead)
        chain_drop(dead); /* may call free_conf: not under the lock */
    return outcome;
}

int confs_parse(struct confs *confs, struct conf_record *record, struct chain **chain)
{
    struct chain_conf *list = calloc(record->count ? record->count : 1, sizeof(*list));
    struct confs_waiter *waiters;
    int error = -ENOMEM;

    if (list) {
        for (uint32_t i = 0; i < record->count; i++)
            list[i] = (struct chain_conf){record->entries[i].name, record->entries[i].value};
        error =
            chain_parse(&confs->options, record->token, record->key, list, record->count, chain);
        free(list);
    }
    if (!error)
        (*chain)->expires_ms = record->expires_ms;

    pthread_mutex_lock(&confs->lock);
    struct confs_entry *entry = lookup(confs, record->token);
    waiters = take_waiters(entry);
    if (error) {
        take_out(confs, entry);
        free(entry);
    } else {
        entry->chain = *chain;
        chain_hold(*chain);
    }
    pthread_mutex_unlock(&confs->lock);

    free(record);
    while (waiters) {
        struct confs_waiter *next = waiters->next; /* it may be gone once told */
        waiters->parsed(waiters);
        waiters = next;
    }
    return error;
}

uint64_t confs_expire(struct confs *confs, uint64_t now_ms)
{
    struct confs_entry *dead = NULL;
    uint64_t earliest = UINT64_MAX;

    pthread_mutex_lock(&confs->lock);
    for (uint32_t i = 0; i < confs->bucket_count; i++) {
        struct confs_entry *next;
        for (struct confs_entry *entry = confs->buckets[i]; entry; entry = next) {
            next = entry->next;
            if (!entry->chain)
                continue;
            if (!alive(confs, entry->chain, now_ms)) {
                take_out(confs, entry);
                entry->next = dead;
                dead = entry;
            } else if (entry->chain->expires_ms < earliest) {
                earliest = entry->chain->expires_ms;
            }
        }
    }
    pthread_mutex_unlock(&confs->lock);

    while (dead) {
        struct confs_entry *next = dead->next;
        chain_drop(dead->chain);
        free(dead);
        dead = next;
    }
    return earliest == UINT64_MAX ? 0 : earliest - now_ms;
}
