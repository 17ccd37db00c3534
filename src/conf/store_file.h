/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that keeps the conf store over a restart: a header, then entries, oldest
 * first, each with its content behind it. Only for src/conf.
 *
 * Every byte is covered by a check. Numbers are as the machine has them; a file of
 * another byte order fails its check. Times are of the wall clock, in ms.
 */
#ifndef CONF_STORE_FILE_H
#define CONF_STORE_FILE_H

#include <stdint.h>
#include <time.h>

#include "conf/store_hash.h"

#define STORE_FILE_MAGIC "A6CONFS\n"
/* Also stands for the hash that tokens are made with. */
#define STORE_FILE_VERSION 1u

struct store_file_header {
    char magic[8];
    uint32_t version;
    uint32_t zero;
    uint64_t entries;
    uint64_t size; /* of all of it, this header included */
    uint64_t saved;
    uint64_t check; /* of what stands before it */
};

struct store_file_entry {
    uint32_t length; /* of the content; 0 in a tombstone */
    uint32_t token;
    uint64_t hash; /* of the content */
    uint64_t expires;
    uint16_t attempt;
    uint16_t state; /* STORE_RECORD, STORE_TOMBSTONE */
    uint32_t zero;
    uint64_t check; /* of what stands before it */
};

static inline uint64_t store_file_header_check(const struct store_file_header *header)
{
    return store_hash(header, offsetof(struct store_file_header, check), 0);
}

static inline uint64_t store_file_entry_check(const struct store_file_entry *entry)
{
    return store_hash(entry, offsetof(struct store_file_entry, check), 0);
}

static inline uint64_t store_file_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

#endif
