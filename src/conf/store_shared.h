/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conf store's memory, and who does what in it. Only for src/conf.
 *
 * The mapping holds a header, an index and a ring. Records are appended at the ring's
 * head and go at its tail; as all live equally long, the oldest is the first to
 * expire. Positions in the ring only grow; a position modulo the ring's size is an
 * offset. The ring is mapped twice in a row, so that an entry is one run of bytes
 * wherever it begins.
 *
 *     given <= tail <= head <= given + ring size
 *     [given, tail)  gone, its pages still taken
 *     [tail, head)   entries, one behind the other
 *
 * Whoever dies in here leaves this: an entry is written before head is moved over it,
 * and a copy of an entry is published before the old one goes. All else (index and
 * counts) is made anew from the entries by store_repair, which the next one to take
 * the lock calls. The contents of the mapping are trusted as little as a file: a
 * plugin that writes over it costs entries, never a wrong answer.
 *
 * docs/internals-conf-store.md tells more. The functions are called with the lock held.
 */
#ifndef CONF_STORE_SHARED_H
#define CONF_STORE_SHARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/store.h"

#define STORE_ALIGNMENT 8u
#define STORE_INDEX_BITS_MIN 10u
/* A content that collides so often has another cause than chance. */
#define STORE_ATTEMPTS_MAX 64u

enum store_state {
    STORE_RECORD = 1,
    /* A record that is gone, without its content. Its token may still be in a
     * gateway's cache and is not given to another content. */
    STORE_TOMBSTONE = 2,
    STORE_DEAD = 3, /* replaced by a later entry of the same token */
};

struct store_entry {
    uint32_t size;   /* of all of it, a multiple of STORE_ALIGNMENT */
    uint32_t length; /* of the content; 0 in a tombstone */
    uint32_t token;
    uint32_t check; /* of what does not change: size, length, token, hash, attempt */
    uint64_t hash;  /* of the content, attempt 0 */
    uint64_t order; /* `expires` when it was appended: the tail does not pass it before */
    uint64_t expires;
    uint16_t attempt;
    uint16_t state;
    uint32_t zero;
    uint8_t content[];
};

struct store_shared {
    pthread_mutex_t lock;
    /* Atomic for their order among the other writes: that is all that a process which
     * dies leaves behind. Moving head publishes what lies behind it; moving tail makes
     * what lay behind it free for writing. */
    _Atomic uint64_t given;
    _Atomic uint64_t tail;
    _Atomic uint64_t head;
    _Atomic uint32_t index_bits; /* atomic because a prefetch reads it without the lock */
    uint32_t records;
    uint32_t tombstones;
    uint32_t attempts; /* no entry has a higher attempt */
    uint64_t bytes;    /* of records */
    uint64_t prepared;
    uint64_t collisions;
    uint64_t evicted;
    uint64_t repaired;
};

/* One per process, or inherited; what a wild write must not reach is here. */
struct conf_store {
    struct store_shared *shared;
    uint64_t *index; /* token << 32 | offset / STORE_ALIGNMENT + 1; 0: free */
    uint8_t *ring;
    uint64_t ring_size;
    uint64_t ttl_ms;
    uint32_t max_count;
    uint32_t index_bits_max;
    uint64_t page_size;
    void *mapping;
    size_t mapping_size;
};

/* store.c */
void store_lock(struct conf_store *store);
void store_unlock(struct conf_store *store);
/* Behind the lock, of which `locked` is what pthread gave for it: repairs what one who died
 * in here has left. */
void store_enter(struct conf_store *store, int locked);
/* A new record of a content whose token and attempt are settled, older entries of the
 * token replaced. -EMSGSIZE. */
int store_add(struct conf_store *store, const struct store_entry *entry, const uint8_t *content,
              uint64_t now_ms);

/* store_ring.c */

/* The entry at the position, or NULL when there is none that is whole. */
struct store_entry *store_ring_at(const struct conf_store *store, uint64_t position);
/* The entry that an index slot names, or NULL. */
struct store_entry *store_ring_entry(const struct conf_store *store, uint64_t slot);
size_t store_ring_size_of(size_t length);
/* The largest entry that can ever be appended. */
uint64_t store_ring_max(const struct conf_store *store);
/* Room for an entry of the size, and for what must always find room. */
bool store_ring_room(struct conf_store *store, size_t size);
/* Appends and indexes; there is room. Of size and check nothing is taken, they are
 * made here; content may be part of the ring. */
void store_ring_append(struct conf_store *store, const struct store_entry *entry,
                       const uint8_t *content);
/* The same once more at the head, with its present expiry. */
void store_ring_move(struct conf_store *store, struct store_entry *entry);
/* Moves the tail over the entry there. */
void store_ring_drop(struct conf_store *store, struct store_entry *entry);
/* Takes the entry out of index and counts, and leaves it as dead. */
void store_ring_kill(struct conf_store *store, struct store_entry *entry);
/* Gives pages behind the tail to the system, once it is worth it. */
void store_ring_give_back(struct conf_store *store);

/* store_index.c */

/* Has the processor fetch the token's slot. The lock need not be held. */
void store_index_prefetch(const struct conf_store *store, uint32_t token);
/* The slot of the token, or NULL. */
uint64_t *store_index_find(const struct conf_store *store, uint32_t token);
/* Sets or replaces. There is room: see store_index_reserve. */
void store_index_put(struct conf_store *store, uint32_t token, const struct store_entry *entry);
/* Removes the token if it names this entry. */
void store_index_remove(struct conf_store *store, uint32_t token, const struct store_entry *entry);
/* Room for one more token. */
void store_index_reserve(struct conf_store *store);
/* Makes it small again when few tokens are left. */
void store_index_shrink(struct conf_store *store);
/* Empties it for so many bits. */
void store_index_clear(struct conf_store *store, uint32_t bits);

/* store_repair.c */

/* Whether the header's numbers can be true. */
bool store_repair_sound(const struct conf_store *store);
/* Index and counts anew from the ring, the ring cut where it is not sound. The index
 * gets so many bits, or more when they are needed. */
void store_repair(struct conf_store *store, uint32_t index_bits);

/* store_age.c */

/* Deals with entries at the tail whose time has come, at most so many. True when
 * there are more. */
bool store_age_step(struct conf_store *store, uint64_t now_ms, unsigned budget);
/* Drops the oldest until an entry of this size finds room, and until one more record
 * is within the limit. The size is at most store_ring_max. */
void store_age_make_room(struct conf_store *store, size_t size, uint64_t now_ms);

#endif
