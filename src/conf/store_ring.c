/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>

#include "conf/store_content.h"
#include "conf/store_hash.h"
#include "conf/store_shared.h"

/* A system call for each record would cost more than the record. */
#define STORE_RING_GIVE_BACK 262144u
/* Kept free when a record is appended, so that a tombstone always finds room. */
#define STORE_RING_RESERVE 256u

static uint32_t store_ring_check(const struct store_entry *entry)
{
    uint64_t mixed[3] = {
        (uint64_t)entry->size << 32 | entry->length,
        (uint64_t)entry->token << 32 | entry->attempt,
        entry->hash,
    };

    return (uint32_t)store_hash(mixed, sizeof(mixed), 0);
}

size_t store_ring_size_of(size_t length)
{
    return (sizeof(struct store_entry) + length + STORE_ALIGNMENT - 1) / STORE_ALIGNMENT *
           STORE_ALIGNMENT;
}

uint64_t store_ring_max(const struct conf_store *store)
{
    return store->ring_size - STORE_RING_RESERVE;
}

static bool store_ring_whole(const struct conf_store *store, const struct store_entry *entry,
                             uint64_t room)
{
    /* A first look at the numbers that say where the rest is. */
    if (room < sizeof(*entry) || entry->size > room || entry->length > STORE_CONTENT_MAX)
        return false;
    if (entry->size != store_ring_size_of(entry->length) || entry->size > store->ring_size)
        return false;
    if (entry->state < STORE_RECORD || entry->state > STORE_DEAD || !entry->token)
        return false;
    if (entry->attempt >= STORE_ATTEMPTS_MAX)
        return false;
    return entry->check == store_ring_check(entry);
}

struct store_entry *store_ring_at(const struct conf_store *store, uint64_t position)
{
    uint64_t head = store->shared->head;
    struct store_entry *entry = (void *)(store->ring + position % store->ring_size);

    if (position >= head || position % STORE_ALIGNMENT)
        return NULL;
    return store_ring_whole(store, entry, head - position) ? entry : NULL;
}

struct store_entry *store_ring_entry(const struct conf_store *store, uint64_t slot)
{
    uint64_t offset = ((slot & UINT32_MAX) - 1) * STORE_ALIGNMENT;
    uint64_t tail = store->shared->tail;
    uint64_t behind;

    if (!(slot & UINT32_MAX) || offset >= store->ring_size)
        return NULL;
    /* How far behind the tail it lies says which position has this offset. */
    behind = (offset + store->ring_size - tail % store->ring_size) % store->ring_size;
    return store_ring_at(store, tail + behind);
}

/* Bytes between head and what is not free yet. */
static uint64_t store_ring_free(const struct conf_store *store)
{
    return store->ring_size - (store->shared->head - store->shared->given);
}

bool store_ring_room(struct conf_store *store, size_t size)
{
    uint64_t need = (uint64_t)size + STORE_RING_RESERVE;

    if (store_ring_free(store) < need) {
        /* Pages that are used again at once are not given back before. */
        store->shared->given = store->shared->tail;
    }
    return store_ring_free(store) >= need;
}

static void store_ring_count(struct conf_store *store, const struct store_entry *entry, int sign)
{
    struct store_shared *shared = store->shared;

    if (sign < 0 && !(entry->state == STORE_RECORD ? shared->records : shared->tombstones))
        return; /* the entry was cut off by a repair */
    if (entry->state == STORE_RECORD) {
        shared->records += (uint32_t)sign;
        shared->bytes += (uint64_t)((int64_t)sign * entry->size);
    } else if (entry->state == STORE_TOMBSTONE) {
        shared->tombstones += (uint32_t)sign;
    }
}

void store_ring_append(struct conf_store *store, const struct store_entry *entry,
                       const uint8_t *content)
{
    struct store_shared *shared = store->shared;
    struct store_entry *to;

    store_index_reserve(store);
    to = (void *)(store->ring + shared->head % store->ring_size);
    *to = *entry;
    to->size = (uint32_t)store_ring_size_of(to->length);
    to->check = store_ring_check(to);
    if (to->length)
        memcpy(to->content, content, to->length);
    shared->head += to->size;
    store_ring_count(store, to, 1);
    if (shared->attempts < to->attempt)
        shared->attempts = to->attempt;
    store_index_put(store, to->token, to);
}

void store_ring_kill(struct conf_store *store, struct store_entry *entry)
{
    store_ring_count(store, entry, -1);
    store_index_remove(store, entry->token, entry);
    entry->state = STORE_DEAD;
}

void store_ring_move(struct conf_store *store, struct store_entry *entry)
{
    struct store_entry copy = *entry;

    copy.order = copy.expires;
    store_ring_append(store, &copy, entry->content);
    store_ring_kill(store, entry);
}

void store_ring_drop(struct conf_store *store, struct store_entry *entry)
{
    uint32_t size = entry->size;

    if (entry->state != STORE_DEAD)
        store_ring_kill(store, entry);
    store->shared->tail += size;
}

/* Gives back the whole pages in [from, to), which does not wrap. */
static void store_ring_remove(struct conf_store *store, uint64_t from, uint64_t to)
{
    /* A failure only costs memory. */
    if (from < to)
        madvise(store->ring + from, to - from, MADV_REMOVE);
}

void store_ring_give_back(struct conf_store *store)
{
    struct store_shared *shared = store->shared;
    uint64_t page = store->page_size;
    uint64_t from = (shared->given + page - 1) / page * page;
    uint64_t to = shared->tail / page * page;
    bool empty = shared->tail == shared->head;

    if (from >= to || (to - from < STORE_RING_GIVE_BACK && !empty))
        return;
    if (from / store->ring_size == to / store->ring_size) {
        store_ring_remove(store, from % store->ring_size, to % store->ring_size);
    } else {
        store_ring_remove(store, from % store->ring_size, store->ring_size);
        store_ring_remove(store, 0, to % store->ring_size);
    }
    shared->given = to;
}
