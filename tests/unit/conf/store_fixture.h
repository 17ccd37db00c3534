/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the conf store share: contents from plain text, and a look at
 * whether the shared memory is whole. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/store.h"
#include "conf/store_shared.h"

#define TTL 10000u

static inline struct wire_str str(const char *text)
{
    return (struct wire_str){text, text ? (uint32_t)strlen(text) : 0};
}

static inline struct conf_store *store_make(uint64_t max_bytes, uint32_t max_count)
{
    struct conf_store_limits limits = {
        .max_bytes = max_bytes, .max_count = max_count, .ttl_ms = TTL};
    struct conf_store *store;

    assert_int_equal(conf_store_create(&store, &limits), 0);
    return store;
}

/* The message as a gateway sends it; to be freed by message_drop. */
struct sent {
    struct message_prepare_conf message;
    uint8_t *frame;
};

static inline struct sent message_make(struct wire_str key, const struct wire_pair *pairs,
                                       uint32_t count)
{
    size_t capacity = 256 + key.len;
    struct wire_out out = {.tail_from = SIZE_MAX};
    struct sent sent;

    for (uint32_t i = 0; i < count; i++)
        capacity += 128 + pairs[i].name.len + pairs[i].value.len;
    sent.frame = malloc(capacity);
    assert_non_null(sent.frame);
    out.data = sent.frame;
    out.capacity = capacity;
    assert_int_equal(message_write_prepare_conf(&out, key, (struct wire_pairs){pairs, count}), 0);
    assert_int_equal(message_read_prepare_conf(out.data + FRAME_HEADER_SIZE,
                                               (uint32_t)(out.len - FRAME_HEADER_SIZE),
                                               &sent.message),
                     0);
    return sent;
}

static inline void message_drop(struct sent *sent)
{
    free(sent->frame);
}

static inline int prepare_pairs(struct conf_store *store, struct wire_str key,
                                const struct wire_pair *pairs, uint32_t count, uint64_t now_ms,
                                uint32_t *token)
{
    struct sent sent = message_make(key, pairs, count);
    int err = conf_store_prepare(store, &sent.message, now_ms, token);

    message_drop(&sent);
    return err;
}

/* A content of one conf; 0 when it was refused. */
static inline uint32_t prepare(struct conf_store *store, const char *key, const char *value,
                               uint64_t now_ms)
{
    struct wire_pair pair = {str("say"), str(value)};
    uint32_t token;

    return prepare_pairs(store, str(key), &pair, 1, now_ms, &token) ? 0 : token;
}

/* A content that is told from others by its number, and is of about size bytes. */
static inline uint32_t prepare_number(struct conf_store *store, unsigned number, size_t size,
                                      uint64_t now_ms)
{
    char key[32];
    char *value = malloc(size + 1);
    uint32_t token;

    assert_non_null(value);
    snprintf(key, sizeof(key), "route#%u", number);
    memset(value, 'a' + (int)(number % 26), size);
    value[size] = '\0';
    token = prepare(store, key, value, now_ms);
    free(value);
    return token;
}

static inline bool str_is(struct wire_str text, const char *expected)
{
    if (!expected || !text.data)
        return !expected && !text.data;
    return text.len == strlen(expected) && !memcmp(text.data, expected, text.len) &&
           text.data[text.len] == '\0';
}

/* Whether the token stands for the content of prepare. */
static inline bool means(struct conf_store *store, uint32_t token, const char *key,
                         const char *value, uint64_t now_ms)
{
    struct conf_record *record;
    bool same;

    if (conf_store_get(store, token, now_ms, &record))
        return false;
    same = record->token == token && record->count == 1 && str_is(record->key, key) &&
           str_is(record->entries[0].name, "say") && str_is(record->entries[0].value, value);
    free(record);
    return same;
}

static inline bool record_is_number(const struct conf_record *record, unsigned number)
{
    char key[32];
    bool same;

    snprintf(key, sizeof(key), "route#%u", number);
    same = record->count == 1 && str_is(record->key, key) && str_is(record->entries[0].name, "say");
    for (uint32_t i = 0; same && i < record->entries[0].value.len; i++)
        same = record->entries[0].value.data[i] == 'a' + (int)(number % 26);
    return same;
}

static inline bool means_number(struct conf_store *store, uint32_t token, unsigned number,
                                uint64_t now_ms)
{
    struct conf_record *record;
    bool same;

    if (conf_store_get(store, token, now_ms, &record))
        return false;
    same = record_is_number(record, number);
    free(record);
    return same;
}

/* Whether it means anything that is not the number's content. */
static inline bool means_another(struct conf_store *store, uint32_t token, unsigned number,
                                 uint64_t now_ms)
{
    struct conf_record *record;
    bool same;

    if (conf_store_get(store, token, now_ms, &record))
        return false;
    same = record_is_number(record, number);
    free(record);
    return !same;
}

static inline bool found(struct conf_store *store, uint32_t token, uint64_t now_ms)
{
    struct conf_record *record;
    int err = conf_store_get(store, token, now_ms, &record);

    free(record);
    return err == 0;
}

static inline struct conf_store_stats stats_of(struct conf_store *store)
{
    struct conf_store_stats stats;

    conf_store_stats(store, &stats);
    return stats;
}

/* Every entry from tail to head is whole, the index names just the living ones, and
 * the counts are theirs. */
static inline void check_whole(struct conf_store *store)
{
    const struct store_shared *shared = store->shared;
    uint64_t position;
    uint64_t bytes = 0;
    uint32_t records = 0;
    uint32_t tombstones = 0;
    uint32_t slots = 0;

    store_lock(store);
    assert_true(store_repair_sound(store));
    for (position = shared->tail; position < shared->head;) {
        struct store_entry *entry = store_ring_at(store, position);
        uint64_t *slot;

        assert_non_null(entry);
        position += entry->size;
        if (entry->state == STORE_DEAD)
            continue;
        slot = store_index_find(store, entry->token);
        assert_non_null(slot);
        assert_ptr_equal(store_ring_entry(store, *slot), entry);
        records += entry->state == STORE_RECORD;
        tombstones += entry->state == STORE_TOMBSTONE;
        bytes += entry->state == STORE_RECORD ? entry->size : 0;
        assert_true(entry->attempt <= shared->attempts);
    }
    assert_int_equal(position, shared->head);
    for (uint64_t i = 0; i < (uint64_t)1 << shared->index_bits; i++)
        slots += store->index[i] != 0;
    assert_int_equal(records, shared->records);
    assert_int_equal(tombstones, shared->tombstones);
    assert_int_equal(bytes, shared->bytes);
    assert_int_equal(slots, records + tombstones);
    store_unlock(store);
}

#endif
