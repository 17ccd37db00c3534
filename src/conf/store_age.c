/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How entries leave: by age, and for want of room.
 *
 * A gateway may use a token for longer than the record lives: a worker of it may take
 * the token from the shared cache at that one's very end and keep it as long again.
 * So a record leaves a tombstone, which keeps its token from meaning anything else,
 * until two times to live after it was last prepared.
 */
#include <string.h>

#include "conf/store_shared.h"

/* Refreshed records and tombstones that one call saves from being the oldest. */
#define STORE_AGE_MOVES 16u
/* Tombstones are saved while they take no more than this part of the ring: where
 * memory is short, records are worth more. */
#define STORE_AGE_TOMBSTONE_PART 8u

/* Replaces the record at the tail. There is room: that is what the reserve is for. */
static void store_age_bury(struct conf_store *store, struct store_entry *entry, uint64_t now_ms)
{
    struct store_entry tombstone = *entry;

    tombstone.expires = entry->expires + store->ttl_ms;
    tombstone.order = tombstone.expires;
    tombstone.state = STORE_TOMBSTONE;
    tombstone.length = 0;
    if (tombstone.expires > now_ms && store->shared->tombstones < store->max_count) {
        store_ring_room(store, 0);
        store_ring_append(store, &tombstone, NULL);
        store_ring_kill(store, entry);
    }
    store_ring_drop(store, entry);
}

/* Whether the entry at the tail went; false: its time has not come. */
static bool store_age_pass(struct conf_store *store, struct store_entry *entry, uint64_t now_ms)
{
    if (entry->state == STORE_DEAD) {
        store_ring_drop(store, entry);
        return true;
    }
    if (entry->order > now_ms)
        return false;
    if (entry->expires <= now_ms) {
        if (entry->state == STORE_RECORD)
            store_age_bury(store, entry, now_ms);
        else
            store_ring_drop(store, entry);
        return true;
    }
    /* It was refreshed where it lies. */
    if (!store_ring_room(store, entry->size)) {
        entry->order = entry->expires;
        return false;
    }
    store_ring_move(store, entry);
    store_ring_drop(store, entry);
    return true;
}

bool store_age_step(struct conf_store *store, uint64_t now_ms, unsigned budget)
{
    struct store_shared *shared = store->shared;

    for (; shared->tail < shared->head; budget--) {
        struct store_entry *entry;

        if (!budget)
            return true;
        entry = store_ring_at(store, shared->tail);
        if (!entry)
            store_repair(store, shared->index_bits);
        else if (!store_age_pass(store, entry, now_ms))
            break;
    }
    store_ring_give_back(store);
    return false;
}

/* Whether the entry deserves to be younger than it lies. */
static bool store_age_saves(struct conf_store *store, const struct store_entry *entry,
                            uint64_t now_ms)
{
    if (entry->state == STORE_DEAD || entry->expires <= now_ms)
        return false;
    if (entry->state == STORE_RECORD && entry->expires <= entry->order)
        return false;
    if (entry->state == STORE_TOMBSTONE &&
        (uint64_t)store->shared->tombstones * sizeof(*entry) * STORE_AGE_TOMBSTONE_PART >
            store->ring_size)
        return false;
    return store_ring_room(store, entry->size);
}

static void store_age_evict(struct conf_store *store, struct store_entry *entry, uint64_t now_ms,
                            unsigned *moves)
{
    if (*moves && store_age_saves(store, entry, now_ms)) {
        --*moves;
        store_ring_move(store, entry);
        store_ring_drop(store, entry);
    } else if (entry->state == STORE_RECORD) {
        store->shared->evicted += entry->expires > now_ms;
        store_age_bury(store, entry, now_ms);
    } else {
        store_ring_drop(store, entry);
    }
}

void store_age_make_room(struct conf_store *store, size_t size, uint64_t now_ms)
{
    struct store_shared *shared = store->shared;
    unsigned moves = STORE_AGE_MOVES;

    while (shared->tail < shared->head &&
           (shared->records >= store->max_count || !store_ring_room(store, size))) {
        struct store_entry *entry = store_ring_at(store, shared->tail);

        if (entry)
            store_age_evict(store, entry, now_ms, &moves);
        else
            store_repair(store, shared->index_bits);
    }
    store_ring_room(store, size);
}
