/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/store_content.h"
#include "conf/store_hash.h"
#include "conf/store_shared.h"

/* Old entries that one prepare clears away. More than it adds, so that the store gets
 * smaller even if nobody calls conf_store_expire. */
#define STORE_PREPARE_BUDGET 4u
/* Entries that conf_store_expire handles before it lets others have the lock. */
#define STORE_EXPIRE_BUDGET 512u

/* Counts that cannot be true would have everything evicted. */
static bool store_counts_sound(const struct conf_store *store)
{
    return store->shared->records <= store->max_count &&
           store->shared->tombstones <= store->max_count;
}

void store_enter(struct conf_store *store, int locked)
{
    struct store_shared *shared = store->shared;
    bool died = locked == EOWNERDEAD;

    if (died || !store_repair_sound(store) || !store_counts_sound(store)) {
        store_repair(store, shared->index_bits);
        shared->repaired++;
    }
    if (died)
        pthread_mutex_consistent(&shared->lock);
}

void store_lock(struct conf_store *store)
{
    store_enter(store, pthread_mutex_lock(&store->shared->lock));
}

void store_unlock(struct conf_store *store)
{
    pthread_mutex_unlock(&store->shared->lock);
}

/* An entry of the token, or NULL. */
static struct store_entry *store_find(const struct conf_store *store, uint32_t token)
{
    uint64_t *slot = store_index_find(store, token);
    struct store_entry *entry = slot ? store_ring_entry(store, *slot) : NULL;

    return entry && entry->token == token ? entry : NULL;
}

int store_add(struct conf_store *store, const struct store_entry *entry, const uint8_t *content,
              uint64_t now_ms)
{
    size_t size = store_ring_size_of(entry->length);
    struct store_entry *old;

    if (size > store_ring_max(store))
        return -EMSGSIZE;
    store_age_make_room(store, size, now_ms);
    old = store_find(store, entry->token);
    store_ring_append(store, entry, content);
    if (old)
        store_ring_kill(store, old);
    return 0;
}

/* A content that looks for its token. */
struct store_search {
    const struct store_content *content;
    uint64_t hash;
    uint32_t token;
    uint16_t attempt;
};

static bool store_is_same(const struct store_entry *entry, const struct store_search *search)
{
    const struct store_content *content = search->content;

    if (entry->hash != search->hash)
        return false;
    if (entry->state == STORE_TOMBSTONE)
        return true;
    return entry->length == content->len && !memcmp(entry->content, content->data, content->len);
}

static void store_try(struct store_search *search, uint32_t attempt)
{
    search->attempt = (uint16_t)attempt;
    search->token =
        store_hash_token(search->content->data, search->content->len, search->hash, attempt);
}

/*
 * The entry that stands for the content, alive or not. A content keeps a token that
 * it got by a collision also when the other content is gone: so all attempts are
 * looked through before a new token is taken.
 */
static struct store_entry *store_search_own(const struct conf_store *store,
                                            struct store_search *search)
{
    uint32_t last = store->shared->attempts;

    for (uint32_t attempt = 0; attempt <= last && attempt < STORE_ATTEMPTS_MAX; attempt++) {
        struct store_entry *entry;

        store_try(search, attempt);
        entry = store_find(store, search->token);
        if (entry && store_is_same(entry, search))
            return entry;
    }
    return NULL;
}

/* The first token that means nothing else. */
static int store_search_free(struct conf_store *store, struct store_search *search)
{
    for (uint32_t attempt = 0; attempt < STORE_ATTEMPTS_MAX; attempt++) {
        store_try(search, attempt);
        if (!store_find(store, search->token)) {
            store->shared->collisions += attempt > 0;
            return 0;
        }
    }
    return -ENOSPC;
}

static int store_prepare(struct conf_store *store, struct store_search *search, uint64_t now_ms)
{
    struct store_entry *own = store_search_own(store, search);
    uint64_t expires = now_ms + store->ttl_ms;
    struct store_entry entry;
    int err;

    if (own && own->state == STORE_RECORD) {
        if (own->expires < expires)
            own->expires = expires;
        return 0;
    }
    if (!own) {
        err = store_search_free(store, search);
        if (err)
            return err;
    }
    entry = (struct store_entry){
        .length = (uint32_t)search->content->len,
        .token = search->token,
        .hash = search->hash,
        .order = expires,
        .expires = expires,
        .attempt = search->attempt,
        .state = STORE_RECORD,
    };
    return store_add(store, &entry, search->content->data, now_ms);
}

int conf_store_prepare(struct conf_store *store, const struct message_prepare_conf *message,
                       uint64_t now_ms, uint32_t *token)
{
    struct store_content content;
    struct store_search search = {.content = &content};
    int err = store_content_make(&content, message);

    if (err)
        return err;
    search.hash = store_hash(content.data, content.len, 0);
    store_try(&search, 0);
    store_index_prefetch(store, search.token);
    store_lock(store);
    store->shared->prepared++;
    store_age_step(store, now_ms, STORE_PREPARE_BUDGET);
    err = store_prepare(store, &search, now_ms);
    store_unlock(store);
    store_content_free(&content);
    *token = err ? 0 : search.token;
    return err;
}

/* A record with the content behind it as it lies in the store. */
static int store_copy(struct conf_store *store, uint32_t token, uint64_t now_ms,
                      struct conf_record **copy, size_t *size, struct store_entry *about)
{
    struct store_entry *entry = store_find(store, token);
    struct conf_record *record;

    if (!entry || entry->state != STORE_RECORD || entry->expires <= now_ms)
        return CONF_STORE_NOT_FOUND;
    *about = *entry;
    *size = store_content_record_size(entry->content, about->length);
    if (!*size)
        return -EBADMSG;
    record = malloc(*size);
    if (!record)
        return -ENOMEM;
    record->token = about->token;
    record->expires_ms = about->expires;
    memcpy((uint8_t *)record + *size - about->length, entry->content, about->length);
    *copy = record;
    return 0;
}

/* The record was written over by a stranger. */
static void store_disown(struct conf_store *store, uint32_t token)
{
    struct store_entry *entry;

    store_lock(store);
    entry = store_find(store, token);
    if (entry)
        store_ring_kill(store, entry);
    store_unlock(store);
}

int conf_store_get(struct conf_store *store, uint32_t token, uint64_t now_ms,
                   struct conf_record **record)
{
    struct conf_record *copy = NULL;
    struct store_entry about = {0};
    size_t size = 0;
    int err;

    *record = NULL;
    store_lock(store);
    err = store_copy(store, token, now_ms, &copy, &size, &about);
    store_unlock(store);
    if (!err) {
        const uint8_t *content = (const uint8_t *)copy + size - about.length;

        if (store_hash(content, about.length, 0) != about.hash ||
            store_content_record(copy, size, about.length))
            err = -EBADMSG;
    }
    if (err == -EBADMSG) {
        store_disown(store, token);
        err = CONF_STORE_NOT_FOUND;
    }
    if (err)
        free(copy);
    else
        *record = copy;
    return err;
}

uint64_t conf_store_expires(struct conf_store *store, uint32_t token)
{
    struct store_entry *entry;
    uint64_t expires = 0;

    store_lock(store);
    entry = store_find(store, token);
    if (entry && entry->state == STORE_RECORD)
        expires = entry->expires;
    store_unlock(store);
    return expires;
}

/* When the entry at the tail is due, from now; 0 when there is none. */
static uint64_t store_wait(const struct conf_store *store, uint64_t now_ms)
{
    struct store_entry *entry = store_ring_at(store, store->shared->tail);

    if (!entry)
        return 0;
    return entry->order > now_ms ? entry->order - now_ms : 1;
}

uint64_t conf_store_expire(struct conf_store *store, uint64_t now_ms)
{
    uint64_t wait = 0;
    bool more = true;

    while (more) {
        store_lock(store);
        more = store_age_step(store, now_ms, STORE_EXPIRE_BUDGET);
        if (!more) {
            store_index_shrink(store);
            wait = store_wait(store, now_ms);
        }
        store_unlock(store);
    }
    return wait;
}

void conf_store_stats(struct conf_store *store, struct conf_store_stats *stats)
{
    const struct store_shared *shared = store->shared;

    store_lock(store);
    *stats = (struct conf_store_stats){
        .count = shared->records,
        .bytes = shared->bytes,
        .prepared = shared->prepared,
        .collisions = shared->collisions,
        .evicted = shared->evicted,
    };
    store_unlock(store);
}
