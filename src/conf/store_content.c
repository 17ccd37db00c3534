/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/store_content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORE_CONTENT_ABSENT 0xffffffffu

static uint8_t *store_content_put_number(uint8_t *at, uint32_t number)
{
    at[0] = (uint8_t)number;
    at[1] = (uint8_t)(number >> 8);
    at[2] = (uint8_t)(number >> 16);
    at[3] = (uint8_t)(number >> 24);
    return at + 4;
}

static uint32_t store_content_number(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint8_t *store_content_put(uint8_t *at, struct wire_str text)
{
    if (!text.data)
        return store_content_put_number(at, STORE_CONTENT_ABSENT);
    at = store_content_put_number(at, text.len);
    memcpy(at, text.data, text.len);
    at[text.len] = 0;
    return at + text.len + 1;
}

static uint64_t store_content_size(struct wire_str text)
{
    return 4 + (text.data ? (uint64_t)text.len + 1 : 0);
}

int store_content_make(struct store_content *content, const struct message_prepare_conf *message)
{
    uint64_t size = 4 + store_content_size(message->key);
    uint8_t *at;

    for (uint32_t i = 0; i < message->conf.count; i++) {
        struct wire_pair pair = message_pair_at(message->conf, i);

        size += store_content_size(pair.name) + store_content_size(pair.value);
        if (size > STORE_CONTENT_MAX)
            return -EMSGSIZE;
    }
    if (size > STORE_CONTENT_MAX)
        return -EMSGSIZE;
    content->len = (size_t)size;
    content->data = content->small;
    if (size > sizeof(content->small)) {
        content->data = malloc(content->len);
        if (!content->data)
            return -ENOMEM;
    }
    at = store_content_put_number(content->data, message->conf.count);
    at = store_content_put(at, message->key);
    for (uint32_t i = 0; i < message->conf.count; i++) {
        struct wire_pair pair = message_pair_at(message->conf, i);

        at = store_content_put(at, pair.name);
        at = store_content_put(at, pair.value);
    }
    return 0;
}

void store_content_free(struct store_content *content)
{
    if (content->data != content->small)
        free(content->data);
}

size_t store_content_record_size(const uint8_t *data, size_t len)
{
    uint32_t count;

    if (len < STORE_CONTENT_MIN || len > STORE_CONTENT_MAX)
        return 0;
    count = store_content_number(data);
    /* An entry takes eight bytes at least. */
    if (count > len / 8)
        return 0;
    return sizeof(struct conf_record) + count * sizeof(struct conf_entry) + len;
}

/* Takes one string from *at; -EBADMSG when it does not end within the content. */
static int store_content_take(const uint8_t **at, const uint8_t *end, struct wire_str *text)
{
    uint32_t len;

    if (end - *at < 4)
        return -EBADMSG;
    len = store_content_number(*at);
    *at += 4;
    *text = (struct wire_str){NULL, 0};
    if (len == STORE_CONTENT_ABSENT)
        return 0;
    if (len >= (size_t)(end - *at) || (*at)[len])
        return -EBADMSG;
    *text = (struct wire_str){(const char *)*at, len};
    *at += len + 1;
    return 0;
}

int store_content_record(struct conf_record *record, size_t record_size, size_t len)
{
    const uint8_t *end = (const uint8_t *)record + record_size;
    const uint8_t *at = end - len;

    if (store_content_record_size(at, len) != record_size)
        return -EBADMSG;
    record->count = store_content_number(at);
    at += 4;
    if (store_content_take(&at, end, &record->key))
        return -EBADMSG;
    for (uint32_t i = 0; i < record->count; i++) {
        struct conf_entry *entry = &record->entries[i];

        if (store_content_take(&at, end, &entry->name) ||
            store_content_take(&at, end, &entry->value))
            return -EBADMSG;
    }
    return at == end ? 0 : -EBADMSG;
}
