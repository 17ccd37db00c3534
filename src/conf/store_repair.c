/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/store_shared.h"

bool store_repair_sound(const struct conf_store *store)
{
    const struct store_shared *shared = store->shared;
    uint64_t given = shared->given;
    uint64_t tail = shared->tail;
    uint64_t head = shared->head;

    return given <= tail && tail <= head && head - given <= store->ring_size &&
           head % STORE_ALIGNMENT == 0 && tail % STORE_ALIGNMENT == 0 &&
           shared->index_bits >= STORE_INDEX_BITS_MIN &&
           shared->index_bits <= store->index_bits_max;
}

/* Bounds that hold, whatever they were. */
static void store_repair_bounds(struct conf_store *store, uint32_t index_bits)
{
    struct store_shared *shared = store->shared;

    if (index_bits < STORE_INDEX_BITS_MIN)
        index_bits = STORE_INDEX_BITS_MIN;
    if (index_bits > store->index_bits_max)
        index_bits = store->index_bits_max;
    shared->index_bits = index_bits;
    if (store_repair_sound(store))
        return;
    /* Nothing can be found any more: begin again. */
    shared->given = 0;
    shared->tail = 0;
    shared->head = 0;
}

static void store_repair_entry(struct conf_store *store, struct store_entry *entry)
{
    struct store_shared *shared = store->shared;
    uint64_t *slot = store_index_find(store, entry->token);
    struct store_entry *older = slot ? store_ring_entry(store, *slot) : NULL;

    if (older)
        store_ring_kill(store, older);
    if (entry->state == STORE_RECORD) {
        shared->records++;
        shared->bytes += entry->size;
    } else {
        shared->tombstones++;
    }
    if (shared->attempts < entry->attempt)
        shared->attempts = entry->attempt;
    store_index_put(store, entry->token, entry);
}

/* False when the index is too small. */
static bool store_repair_walk(struct conf_store *store)
{
    struct store_shared *shared = store->shared;
    uint64_t half = (uint64_t)1 << (shared->index_bits - 1);
    uint64_t position = shared->tail;

    shared->records = 0;
    shared->tombstones = 0;
    shared->bytes = 0;
    shared->attempts = 0;
    while (position < shared->head) {
        struct store_entry *entry = store_ring_at(store, position);

        /* What is not sound was written over by a stranger: it and what lies behind
         * it are lost. */
        if (!entry) {
            shared->head = position;
            break;
        }
        if ((uint64_t)shared->records + shared->tombstones >= half)
            return false;
        position += entry->size;
        if (entry->state != STORE_DEAD)
            store_repair_entry(store, entry);
    }
    return true;
}

void store_repair(struct conf_store *store, uint32_t index_bits)
{
    store_repair_bounds(store, index_bits);
    store_index_clear(store, store->shared->index_bits);
    while (!store_repair_walk(store) && store->shared->index_bits < store->index_bits_max)
        store_index_clear(store, store->shared->index_bits + 1);
}
