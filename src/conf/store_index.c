/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, never more than half full, no marks for what
 * was removed: removing moves later slots back. A token is a hash already.
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "conf/store_shared.h"

static uint64_t store_index_capacity(const struct conf_store *store)
{
    return (uint64_t)1 << store->shared->index_bits;
}

static uint64_t store_index_home(const struct conf_store *store, uint32_t token)
{
    return token >> (32 - store->shared->index_bits);
}

static uint64_t store_index_slot(const struct conf_store *store, const struct store_entry *entry)
{
    uint64_t offset = (uint64_t)((const uint8_t *)entry - store->ring);

    return (uint64_t)entry->token << 32 | (offset / STORE_ALIGNMENT + 1);
}

/* The token's slot, or the free one where it belongs. */
static uint64_t *store_index_probe(const struct conf_store *store, uint32_t token)
{
    uint64_t mask = store_index_capacity(store) - 1;
    uint64_t at = store_index_home(store, token);

    /* Bounded, so that a full index, which is a broken one, does not hang us. */
    for (uint64_t i = 0; i < mask; i++) {
        uint64_t slot = store->index[at];

        if (!slot || slot >> 32 == token)
            break;
        at = (at + 1) & mask;
    }
    return &store->index[at];
}

void store_index_prefetch(const struct conf_store *store, uint32_t token)
{
    uint32_t bits = atomic_load_explicit(&store->shared->index_bits, memory_order_relaxed);

    /* Without the lock nobody has looked yet at whether it can be true. */
    if (bits >= STORE_INDEX_BITS_MIN && bits <= store->index_bits_max)
        __builtin_prefetch(&store->index[token >> (32 - bits)], 1);
}

uint64_t *store_index_find(const struct conf_store *store, uint32_t token)
{
    uint64_t *slot = store_index_probe(store, token);

    return *slot >> 32 == token && *slot ? slot : NULL;
}

void store_index_put(struct conf_store *store, uint32_t token, const struct store_entry *entry)
{
    *store_index_probe(store, token) = store_index_slot(store, entry);
}

void store_index_remove(struct conf_store *store, uint32_t token, const struct store_entry *entry)
{
    uint64_t mask = store_index_capacity(store) - 1;
    uint64_t *slot = store_index_find(store, token);
    uint64_t hole;
    uint64_t at;

    if (!slot || *slot != store_index_slot(store, entry))
        return;
    hole = (uint64_t)(slot - store->index);
    at = hole;
    for (uint64_t i = 0; i < mask; i++) {
        uint64_t home;

        at = (at + 1) & mask;
        if (!store->index[at])
            break;
        home = store_index_home(store, (uint32_t)(store->index[at] >> 32));
        /* It may move only to a place that its own search passes. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            store->index[hole] = store->index[at];
            hole = at;
        }
    }
    store->index[hole] = 0;
}

static uint64_t store_index_used(const struct conf_store *store)
{
    return (uint64_t)store->shared->records + store->shared->tombstones;
}

/*
 * Twice as many slots, from the old ones and without a look at the entries. A slot's
 * home is its token's high bits, so the old order leads through the new slots in order:
 * memory is walked through, where a walk by age would miss the cache with every entry.
 * False: no memory to put the old ones aside. (From the system, because an allocator
 * would keep it.)
 */
static bool store_index_double(struct conf_store *store)
{
    uint64_t count = store_index_capacity(store);
    size_t size = count * sizeof(uint64_t);
    uint64_t *old = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (old == MAP_FAILED)
        return false;
    memcpy(old, store->index, size);
    memset(store->index, 0, 2 * size);
    store->shared->index_bits++;
    for (uint64_t i = 0; i < count; i++) {
        if (old[i])
            *store_index_probe(store, (uint32_t)(old[i] >> 32)) = old[i];
    }
    munmap(old, size);
    return true;
}

void store_index_reserve(struct conf_store *store)
{
    uint32_t bits = store->shared->index_bits;

    if ((store_index_used(store) + 1) * 2 > store_index_capacity(store) &&
        bits < store->index_bits_max && !store_index_double(store))
        store_repair(store, bits + 1);
}

void store_index_shrink(struct conf_store *store)
{
    uint32_t bits = store->shared->index_bits;
    uint64_t used = store_index_used(store);

    /* Far from where it grows again. */
    while (bits > STORE_INDEX_BITS_MIN && used * 16 < (uint64_t)1 << bits)
        bits--;
    if (bits < store->shared->index_bits)
        store_repair(store, bits);
}

void store_index_clear(struct conf_store *store, uint32_t bits)
{
    uint64_t page = store->page_size;
    uint64_t size = sizeof(uint64_t) << bits;
    uint64_t all = sizeof(uint64_t) << store->index_bits_max;

    /* Its pages are given back; where the system cannot, only bytes are cleared. */
    size = (size + page - 1) / page * page;
    if (madvise(store->index, all, MADV_REMOVE))
        memset(store->index, 0, size);
    store->shared->index_bits = bits;
}
