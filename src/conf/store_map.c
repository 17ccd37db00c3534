/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/store_shared.h"

#define STORE_MAP_RING_MIN 65536u
#define STORE_MAP_COUNT_MAX ((uint32_t)1 << 28)

struct store_layout {
    size_t shared; /* bytes of each part, whole pages */
    size_t index;
    size_t ring;
};

static size_t store_map_round(uint64_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (size_t)((size + page - 1) / page * page);
}

static int store_map_limits(struct conf_store *store, const struct conf_store_limits *limits)
{
    uint32_t bits = STORE_INDEX_BITS_MIN;

    if (!limits->max_count || limits->max_count > STORE_MAP_COUNT_MAX || !limits->ttl_ms ||
        limits->ttl_ms > UINT32_MAX * (uint64_t)1000 || limits->max_bytes > CONF_STORE_BYTES_MAX)
        return -EINVAL;
    /* As many tombstones as records, and half of the slots free. */
    while ((uint64_t)1 << bits < (uint64_t)limits->max_count * 4)
        bits++;
    store->index_bits_max = bits;
    store->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    store->max_count = limits->max_count;
    store->ttl_ms = limits->ttl_ms;
    store->ring_size = store_map_round(limits->max_bytes < STORE_MAP_RING_MIN ? STORE_MAP_RING_MIN
                                                                              : limits->max_bytes);
    return 0;
}

/* Maps the file's parts in a row, and the ring once more behind them. */
static int store_map_file(struct conf_store *store, int fd, const struct store_layout *layout)
{
    size_t once = layout->shared + layout->index + layout->ring;
    uint8_t *base;

    base = mmap(NULL, once + layout->ring, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
    if (base == MAP_FAILED)
        return -ENOMEM;
    store->mapping = base;
    store->mapping_size = once + layout->ring;
    if (mmap(base, once, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) ==
            MAP_FAILED ||
        mmap(base + once, layout->ring, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,
             (off_t)(layout->shared + layout->index)) == MAP_FAILED)
        return -ENOMEM;
    /* Huge pages would be taken whole for the first byte. */
    madvise(base, store->mapping_size, MADV_NOHUGEPAGE);
    store->shared = (void *)base;
    store->index = (void *)(base + layout->shared);
    store->ring = base + layout->shared + layout->index;
    return 0;
}

static int store_map_memory(struct conf_store *store)
{
    struct store_layout layout = {
        .shared = store_map_round(sizeof(struct store_shared)),
        .index = store_map_round(sizeof(uint64_t) << store->index_bits_max),
        .ring = store->ring_size,
    };
    int fd = memfd_create("a6-conf-store", MFD_CLOEXEC);
    int err = 0;

    if (fd < 0)
        return -ENOMEM;
    if (ftruncate(fd, (off_t)(layout.shared + layout.index + layout.ring)))
        err = -ENOMEM;
    if (!err)
        err = store_map_file(store, fd, &layout);
    close(fd);
    return err;
}

static int store_map_lock(struct store_shared *shared)
{
    pthread_mutexattr_t attributes;
    int err;

    if (pthread_mutexattr_init(&attributes))
        return -ENOMEM;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    err = pthread_mutex_init(&shared->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return err ? -ENOMEM : 0;
}

int conf_store_create(struct conf_store **store, const struct conf_store_limits *limits)
{
    struct conf_store *made = calloc(1, sizeof(*made));
    int err;

    *store = NULL;
    if (!made)
        return -ENOMEM;
    err = store_map_limits(made, limits);
    if (!err)
        err = store_map_memory(made);
    if (!err)
        err = store_map_lock(made->shared);
    if (err) {
        conf_store_close(made);
        return err;
    }
    made->shared->index_bits = STORE_INDEX_BITS_MIN;
    *store = made;
    return 0;
}

void conf_store_close(struct conf_store *store)
{
    if (!store)
        return;
    if (store->mapping)
        munmap(store->mapping, store->mapping_size);
    free(store);
}
