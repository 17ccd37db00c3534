/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is read twice: first all of it is verified, then it is taken, entry by
 * entry, verified once more. So nothing of a damaged file is taken, no more memory is
 * needed than one entry's, and the second time has it already.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "conf/store_content.h"
#include "conf/store_file.h"
#include "conf/store_shared.h"

struct store_load {
    struct conf_store *store;
    FILE *file;
    uint64_t size;
    uint64_t wall_ms;
    uint64_t now_ms;
    struct store_file_entry entry;
    struct buffer content;
    struct buffer record;
};

static int store_load_read(struct store_load *load, void *data, size_t len)
{
    if (fread(data, 1, len, load->file) == len)
        return 0;
    return ferror(load->file) ? -EIO : -EBADMSG;
}

static int store_load_header(struct store_load *load, struct store_file_header *header)
{
    int err = store_load_read(load, header, sizeof(*header));

    if (err)
        return err;
    if (memcmp(header->magic, STORE_FILE_MAGIC, sizeof(header->magic)) != 0 ||
        header->version != STORE_FILE_VERSION || header->check != store_file_header_check(header) ||
        header->size != load->size)
        return -EBADMSG;
    return 0;
}

/* 0 when the content is that of the entry. */
static int store_load_content(struct store_load *load)
{
    const struct store_file_entry *entry = &load->entry;
    const uint8_t *data = load->content.data;
    size_t size;
    int err;

    if (entry->state == STORE_TOMBSTONE)
        return entry->length ? -EBADMSG : 0;
    if (entry->state != STORE_RECORD || store_hash(data, entry->length, 0) != entry->hash ||
        store_hash_token(data, entry->length, entry->hash, entry->attempt) != entry->token)
        return -EBADMSG;
    size = store_content_record_size(data, entry->length);
    if (!size)
        return -EBADMSG;
    err = buffer_reserve(&load->record, size);
    if (err)
        return err;
    memcpy(load->record.data + size - entry->length, data, entry->length);
    return store_content_record((void *)load->record.data, size, entry->length);
}

/* The next entry and its content. */
static int store_load_entry(struct store_load *load)
{
    struct store_file_entry *entry = &load->entry;
    int err = store_load_read(load, entry, sizeof(*entry));

    if (err)
        return err;
    if (entry->check != store_file_entry_check(entry) || entry->length > STORE_CONTENT_MAX ||
        !entry->token || entry->attempt >= STORE_ATTEMPTS_MAX)
        return -EBADMSG;
    load->content.len = 0;
    err = buffer_reserve(&load->content, entry->length ? entry->length : 1);
    if (!err)
        err = store_load_read(load, load->content.data, entry->length);
    if (err)
        return err;
    return store_load_content(load);
}

/* The time of the store, as far in the future as the wall clock says, but no farther
 * than it can have been when it was saved. */
static uint64_t store_load_time(const struct store_load *load, uint64_t wall_ms, uint64_t longest)
{
    if (wall_ms <= load->wall_ms)
        return 0;
    return load->now_ms + (wall_ms - load->wall_ms < longest ? wall_ms - load->wall_ms : longest);
}

/* What the entry is by now; false when it is nothing any more. */
static bool store_load_present(const struct store_load *load, struct store_entry *entry)
{
    const struct store_file_entry *saved = &load->entry;
    uint64_t ttl = load->store->ttl_ms;
    uint64_t buried = saved->expires;

    *entry = (struct store_entry){
        .length = saved->length,
        .token = saved->token,
        .hash = saved->hash,
        .attempt = saved->attempt,
        .state = saved->state,
    };
    if (saved->state == STORE_RECORD) {
        entry->expires = store_load_time(load, saved->expires, ttl);
        buried = saved->expires > UINT64_MAX - ttl ? UINT64_MAX : saved->expires + ttl;
    }
    if (!entry->expires) {
        entry->state = STORE_TOMBSTONE;
        entry->length = 0;
        entry->expires = store_load_time(load, buried, 2 * ttl);
    }
    entry->order = entry->expires;
    return entry->expires != 0;
}

static void store_load_take(struct store_load *load)
{
    struct conf_store *store = load->store;
    struct store_entry entry;
    uint64_t *slot;

    if (!store_load_present(load, &entry))
        return;
    store_lock(store);
    slot = store_index_find(store, entry.token);
    if (slot && store_ring_entry(store, *slot)) {
        /* Met twice: it was moved while the file was written. Or the store was in use
         * before, and what it says now holds. */
    } else if (entry.state == STORE_RECORD) {
        store_add(store, &entry, load->content.data, load->now_ms);
    } else if (store->shared->tombstones < store->max_count &&
               store_ring_room(store, sizeof(entry))) {
        store_ring_append(store, &entry, NULL);
    }
    store_unlock(store);
}

static int store_load_pass(struct store_load *load, bool take)
{
    struct store_file_header header;
    int err = store_load_header(load, &header);

    for (uint64_t i = 0; !err && i < header.entries; i++) {
        err = store_load_entry(load);
        if (!err && take)
            store_load_take(load);
    }
    if (!err && fgetc(load->file) != EOF)
        err = -EBADMSG;
    return err;
}

/* Whoever can write the file decides what tokens mean: only we and root may. */
static int store_load_open(struct store_load *load, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    int err = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &about))
        err = -errno;
    else if (!S_ISREG(about.st_mode))
        err = -EBADMSG;
    else if ((about.st_uid != geteuid() && about.st_uid != 0) || (about.st_mode & 022))
        err = -EPERM;
    load->size = (uint64_t)about.st_size;
    if (!err) {
        load->file = fdopen(fd, "r");
        if (!load->file)
            err = -ENOMEM;
    }
    if (err)
        close(fd);
    return err;
}

int conf_store_load(struct conf_store *store, const char *path)
{
    struct store_load load = {.store = store};
    int err = store_load_open(&load, path);

    if (err)
        return err;
    load.wall_ms = store_file_wall_ms();
    load.now_ms = clock_ms();
    buffer_init(&load.content, STORE_CONTENT_MAX);
    buffer_init(&load.record, STORE_CONTENT_RECORD_MAX);
    err = store_load_pass(&load, false);
    if (!err) {
        rewind(load.file);
        err = store_load_pass(&load, true);
    }
    buffer_free(&load.record);
    buffer_free(&load.content);
    fclose(load.file);
    return err;
}
