/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on the conf store, compared with a table that is as simple as it can be.
 * The first byte chooses a store: one with room for all, of which everything is known,
 * or a small one, which may forget, but never lie. Then two bytes are one operation.
 * The hash is replaced by one with few tokens, so that contents collide all the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/store.h"
#include "conf/store_hash.h"
#include "conf/store_shared.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define CONTENTS 32u
#define TOKENS 61u /* a prime: attempts reach all; and more than contents */
#define TTL 20000u
#define OPERATIONS_MAX 400u
/* Two clocks are read in turn when a file is written and read, and time passes while
 * an input runs; a busy machine may stop us in between. */
#define CLOCKS_APART 1000u

struct known {
    uint32_t token; /* 0: never prepared */
    uint64_t expires;
};

struct model {
    struct conf_store *store;
    struct conf_store_limits limits;
    bool roomy;
    uint64_t now;
    struct known known[CONTENTS];
    char path[64];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t few_tokens(const void *data, size_t len, uint32_t attempt)
{
    uint64_t hash = store_hash(data, len, 0);

    return 1 + (uint32_t)((hash % 7 + attempt * (1 + hash / 7 % 5)) % TOKENS);
}

/* ---- contents by number ---- */

static uint32_t content_length(unsigned number)
{
    return number % 8 == 7 ? number * 250 : number * 5;
}

static uint32_t prepare(struct model *model, unsigned number)
{
    static uint8_t frame[16384];
    static char value[16384];
    struct wire_out out = {.data = frame, .capacity = sizeof(frame), .tail_from = SIZE_MAX};
    char key[16];
    struct wire_str name = {key, (uint32_t)snprintf(key, sizeof(key), "route#%u", number)};
    struct wire_pair pair = {name, {value, content_length(number)}};
    struct message_prepare_conf message;
    uint32_t token = 0;

    memset(value, (int)number, pair.value.len);
    CHECK(!message_write_prepare_conf(&out, name, (struct wire_pairs){&pair, number % 5 != 0}));
    CHECK(!message_read_prepare_conf(frame + FRAME_HEADER_SIZE,
                                     (uint32_t)(out.len - FRAME_HEADER_SIZE), &message));
    CHECK(!conf_store_prepare(model->store, &message, model->now, &token));
    CHECK(token);
    return token;
}

/* Whether the token is found; then it must be this content. */
static bool is_found(struct model *model, uint32_t token, unsigned number)
{
    struct conf_record *record;
    char key[16];
    size_t len = (size_t)snprintf(key, sizeof(key), "route#%u", number);
    int result = conf_store_get(model->store, token, model->now, &record);

    CHECK(result == 0 || result == CONF_STORE_NOT_FOUND);
    if (result)
        return false;
    CHECK(record->token == token && record->expires_ms > model->now);
    CHECK(record->key.len == len && !memcmp(record->key.data, key, len));
    CHECK(record->count == (number % 5 != 0));
    if (record->count) {
        const struct conf_entry *entry = &record->entries[0];

        CHECK(entry->name.len == len && !memcmp(entry->name.data, key, len));
        CHECK(entry->value.data && entry->value.len == content_length(number));
        for (uint32_t i = 0; i < entry->value.len; i++)
            CHECK(entry->value.data[i] == (char)number);
    }
    free(record);
    return true;
}

/* ---- operations ---- */

static void do_prepare(struct model *model, unsigned number)
{
    struct known *known = &model->known[number];
    uint32_t token = prepare(model, number);

    for (unsigned i = 0; i < CONTENTS; i++) {
        struct known *other = &model->known[i];

        if (i == number || other->token != token)
            continue;
        /* It may have meant another content, but so long ago that nobody holds it. */
        CHECK(!model->roomy || other->expires + TTL <= model->now);
        other->token = 0;
    }
    /* The same as long as anyone may hold it. */
    if (model->roomy && known->token && known->expires + TTL > model->now)
        CHECK(token == known->token);
    known->token = token;
    CHECK(is_found(model, token, number));
    known->expires = conf_store_expires(model->store, token);
    CHECK(known->expires >= model->now + TTL);
    CHECK(known->expires <= model->now + TTL + CLOCKS_APART);
}

static void do_get(struct model *model, unsigned number)
{
    const struct known *known = &model->known[number];
    bool found;

    if (!known->token) {
        return;
    }
    found = is_found(model, known->token, number);
    CHECK(!found || known->expires > model->now);
    if (model->roomy) {
        CHECK(found == (known->expires > model->now));
        CHECK(!found || conf_store_expires(model->store, known->token) == known->expires);
    }
}

static void do_expire(struct model *model)
{
    uint64_t wait = conf_store_expire(model->store, model->now);
    struct conf_store_stats stats;

    conf_store_stats(model->store, &stats);
    CHECK(stats.count <= CONTENTS);
    CHECK(wait || (stats.count == 0 && stats.bytes == 0));
    CHECK(wait <= 2 * TTL + CLOCKS_APART);
}

/* All that the model knows, after the store was read from a file. A record whose time
 * lies farther ahead than the real clock allows has been cut to that. */
static void learn_times(struct model *model, uint64_t real_now)
{
    for (unsigned i = 0; i < CONTENTS; i++) {
        struct known *known = &model->known[i];
        uint64_t least = known->expires < real_now + TTL ? known->expires : real_now + TTL;
        uint64_t expires = known->token ? conf_store_expires(model->store, known->token) : 0;

        if (!expires)
            continue;
        CHECK(expires <= known->expires + CLOCKS_APART);
        CHECK(!model->roomy || expires + CLOCKS_APART >= least);
        known->expires = expires;
        if (expires > model->now)
            CHECK(is_found(model, known->token, i));
    }
}

static void do_restart(struct model *model)
{
    uint64_t real_now = clock_ms();
    struct conf_store *old = model->store;

    CHECK(!conf_store_save(old, model->path));
    CHECK(!conf_store_create(&model->store, &model->limits));
    CHECK(!conf_store_load(model->store, model->path));
    conf_store_close(old);
    learn_times(model, real_now);
    /* Times were cut, so what was live may not be, and what may be held is unsure. */
    for (unsigned i = 0; i < CONTENTS; i++) {
        if (model->known[i].token && !conf_store_expires(model->store, model->known[i].token))
            model->known[i].token = 0;
    }
}

static void do_load_damaged(struct model *model, unsigned where)
{
    struct conf_store *other;
    struct conf_store_stats stats;
    uint8_t byte = 0;
    off_t size;
    int fd;

    CHECK(!conf_store_save(model->store, model->path));
    fd = open(model->path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    size = lseek(fd, 0, SEEK_END);
    CHECK(pread(fd, &byte, 1, size * (off_t)where / 256) == 1);
    byte ^= (uint8_t)(1u << where % 8);
    CHECK(pwrite(fd, &byte, 1, size * (off_t)where / 256) == 1);
    close(fd);
    CHECK(!conf_store_create(&other, &model->limits));
    CHECK(conf_store_load(other, model->path) == -EBADMSG);
    conf_store_stats(other, &stats);
    CHECK(stats.count == 0);
    conf_store_close(other);
}

/* Made anew from the ring, index and counts are what they were. */
static void do_repair(struct model *model)
{
    struct store_shared *shared = model->store->shared;
    uint64_t head = shared->head;
    uint64_t bytes = shared->bytes;
    uint32_t records = shared->records;
    uint32_t tombstones = shared->tombstones;

    store_lock(model->store);
    store_repair(model->store, 0);
    CHECK(shared->head == head && shared->bytes == bytes);
    CHECK(shared->records == records && shared->tombstones == tombstones);
    store_unlock(model->store);
}

static void operate(struct model *model, uint8_t what, uint8_t how)
{
    switch (what % 16) {
    case 8:
    case 9:
    case 10:
        do_get(model, how % CONTENTS);
        break;
    case 11:
        model->now += how * 5u;
        break;
    case 12:
        model->now += how * 320u;
        break;
    case 13:
        do_expire(model);
        break;
    case 14:
        do_repair(model);
        break;
    case 15:
        if (how % 2)
            do_restart(model);
        else
            do_load_damaged(model, how);
        break;
    default:
        do_prepare(model, how % CONTENTS);
    }
}

static char folder[32];

static void remove_folder(void)
{
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model = {.now = clock_ms()};

    if (!folder[0]) {
        strcpy(folder, "/tmp/fuzz-conf-store-XXXXXX");
        CHECK(mkdtemp(folder));
        atexit(remove_folder);
        store_hash_token_hook = few_tokens;
    }
    if (!size)
        return 0;
    snprintf(model.path, sizeof(model.path), "%s/conf", folder);
    model.roomy = data[0] % 2;
    model.limits = (struct conf_store_limits){
        .max_bytes = model.roomy ? 4 << 20 : 1 << 16,
        .max_count = model.roomy ? 2 * CONTENTS : 10,
        .ttl_ms = TTL,
    };
    CHECK(!conf_store_create(&model.store, &model.limits));
    for (size_t i = 1; i + 1 < size && i < 2 * OPERATIONS_MAX; i += 2)
        operate(&model, data[i], data[i + 1]);
    do_repair(&model);
    for (unsigned i = 0; i < CONTENTS; i++)
        do_get(&model, i);
    conf_store_close(model.store);
    unlink(model.path);
    return 0;
}
