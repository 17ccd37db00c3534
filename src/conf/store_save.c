/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "conf/store_content.h"
#include "conf/store_file.h"
#include "conf/store_shared.h"

/* Copied with the lock held, written without it. */
#define STORE_SAVE_BATCH 262144u

struct store_save {
    struct conf_store *store;
    int fd;
    uint64_t to_wall; /* what makes a wall-clock time of a time of the store */
    uint64_t position;
    struct store_file_header header;
    struct buffer batch;
};

static int store_save_entry(struct store_save *save, const struct store_entry *entry)
{
    struct store_file_entry saved = {
        .length = entry->length,
        .token = entry->token,
        .hash = entry->hash,
        .expires = entry->expires + save->to_wall,
        .attempt = entry->attempt,
        .state = entry->state,
    };
    int err;

    saved.check = store_file_entry_check(&saved);
    err = buffer_append(&save->batch, &saved, sizeof(saved));
    if (!err)
        err = buffer_append(&save->batch, entry->content, entry->length);
    save->header.entries++;
    return err;
}

/* Fills the batch. What others move meanwhile is met again at its new place; what they
 * drop behind our back was about to go. */
static int store_save_batch(struct store_save *save)
{
    struct store_shared *shared = save->store->shared;
    int err = 0;

    save->batch.len = 0;
    store_lock(save->store);
    if (save->position < shared->tail)
        save->position = shared->tail;
    while (!err && save->position < shared->head && save->batch.len < STORE_SAVE_BATCH) {
        struct store_entry *entry = store_ring_at(save->store, save->position);

        if (!entry)
            break;
        if (entry->state != STORE_DEAD)
            err = store_save_entry(save, entry);
        save->position += entry->size;
    }
    store_unlock(save->store);
    return err;
}

static int store_save_write(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len) {
        ssize_t done = write(fd, at, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        at += done;
        len -= (size_t)done;
    }
    return 0;
}

static int store_save_all(struct store_save *save)
{
    struct store_file_header *header = &save->header;
    int err;

    /* The header's place; it is written when its numbers are known. */
    header->size = sizeof(*header);
    err = store_save_write(save->fd, header, sizeof(*header));
    while (!err) {
        err = store_save_batch(save);
        if (err || !save->batch.len)
            break;
        err = store_save_write(save->fd, save->batch.data, save->batch.len);
        header->size += save->batch.len;
    }
    if (err)
        return err;
    memcpy(header->magic, STORE_FILE_MAGIC, sizeof(header->magic));
    header->version = STORE_FILE_VERSION;
    header->saved = store_file_wall_ms();
    header->check = store_file_header_check(header);
    if (lseek(save->fd, 0, SEEK_SET) < 0)
        return -errno;
    return store_save_write(save->fd, header, sizeof(*header));
}

/* A new file beside the path, that nobody else can read. */
static int store_save_open(const char *name)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(name, flags, 0600);

    if (fd < 0 && errno == EEXIST) {
        /* Left by an earlier process of our number. */
        unlink(name);
        fd = open(name, flags, 0600);
    }
    return fd < 0 ? -errno : fd;
}

int conf_store_save(struct conf_store *store, const char *path)
{
    struct store_save save = {.store = store};
    char *name;
    int err;

    if (asprintf(&name, "%s.%d", path, (int)getpid()) < 0)
        return -ENOMEM;
    save.to_wall = store_file_wall_ms() - clock_ms();
    buffer_init(&save.batch,
                STORE_SAVE_BATCH + STORE_CONTENT_MAX + sizeof(struct store_file_entry));
    save.fd = store_save_open(name);
    err = save.fd < 0 ? save.fd : 0;
    if (!err) {
        err = store_save_all(&save);
        if (close(save.fd) && !err)
            err = -errno;
        if (!err && rename(name, path))
            err = -errno;
        if (err)
            unlink(name);
    }
    buffer_free(&save.batch);
    free(name);
    return err;
}
