/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conf store: what each token stands for, in memory that all workers share.
 *
 * Made by the supervisor before it forks, so that a token given out by one worker is
 * known to all and survives every crash. A token is derived from the content (key
 * and confs): the same content has the same token, in this process and in the next
 * one. Two contents of one token are told apart: the later one gets another token.
 * Tokens are never 0.
 *
 * A record lives for the time to live since it was last prepared. When the memory or
 * the number is used up, the oldest record goes (its next call gets
 * CONF_TOKEN_NOT_FOUND, and the gateway prepares it again). Memory of dead records is
 * given back to the system.
 *
 * Any thread of any process. A process that dies inside a function leaves the store
 * usable and whole.
 * Source: docs/protocol.md, "PrepareConf and tokens".
 */
#ifndef CONF_STORE_H
#define CONF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/message.h"

struct conf_store;

/* Of max_bytes. The index has 32 bits for where a record begins, in units of 8 bytes. */
#define CONF_STORE_BYTES_MAX 17179869184u

struct conf_store_limits {
    uint64_t max_bytes; /* of records, in shared memory; touched only when used. 64 KiB
                         * at least (less is taken as that) */
    uint32_t max_count; /* of records; 2^28 at most */
    uint64_t ttl_ms;    /* 1.2 * APISIX_CONF_EXPIRE_TIME */
};

/* Maps the shared memory. -ENOMEM, -EINVAL. */
int conf_store_create(struct conf_store **store, const struct conf_store_limits *limits);

/* Unmaps it in this process. */
void conf_store_close(struct conf_store *store);

/* The token of the content, which is kept from now on. now_ms: clock_ms().
 * -EMSGSIZE when it can never fit; -ENOMEM; -ENOSPC when 64 other contents have all
 * the tokens that it could have, which chance does not bring about. */
int conf_store_prepare(struct conf_store *store, const struct message_prepare_conf *content,
                       uint64_t now_ms, uint32_t *token);

/* One conf of a record, in order; value.data is NULL when it was absent. */
struct conf_entry {
    struct wire_str name;
    struct wire_str value;
};

/* A private copy of a record. */
struct conf_record {
    uint32_t token;
    uint64_t expires_ms;
    struct wire_str key; /* absent as it was sent */
    uint32_t count;
    struct conf_entry entries[];
};

/* What conf_store_get gives besides 0. */
enum { CONF_STORE_NOT_FOUND = 1 };

/* A copy of what the token stands for, to be freed with free(). CONF_STORE_NOT_FOUND
 * also when it is expired. -ENOMEM. */
int conf_store_get(struct conf_store *store, uint32_t token, uint64_t now_ms,
                   struct conf_record **record);

/* When the record expires, now_ms or earlier if it has; 0 when it is gone. */
uint64_t conf_store_expires(struct conf_store *store, uint32_t token);

/* Drops what has expired; gives the time in ms until it is worth calling again, 0
 * when the store is empty. */
uint64_t conf_store_expire(struct conf_store *store, uint64_t now_ms);

/* Whether the next call will not wait for another one's end. If not, *holder is the thread
 * that is in the store just now. */
bool conf_store_is_free(struct conf_store *store, pid_t *holder);

struct conf_store_stats {
    uint32_t count;
    uint64_t bytes;
    uint64_t prepared;   /* PrepareConf calls, all */
    uint64_t collisions; /* contents that met another one's token */
    uint64_t evicted;    /* dropped before their time, for want of room */
};

void conf_store_stats(struct conf_store *store, struct conf_store_stats *stats);

/* Writes all records to the file (mode 0600, atomically), or reads them from there:
 * tokens then mean the same after a restart, collisions included. Lifetimes go on by
 * the wall clock. -errno; -EBADMSG for a file that is damaged, of which nothing is
 * taken; -ENOENT from load when there is none; -EPERM when someone else than its owner,
 * who is we or root, could have written it. */
int conf_store_save(struct conf_store *store, const char *path);
int conf_store_load(struct conf_store *store, const char *path);

#endif
