/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a content to its token.
 *
 * The hash has no secret and no seed of its own, so that a content has the same token
 * in every process of every version that keeps this construction; the file format's
 * version stands for it. It spreads well; it does not resist a person who looks for
 * two contents of one hash. Pure functions, any thread.
 */
#ifndef CONF_STORE_HASH_H
#define CONF_STORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Different attempts are independent hashes of the same bytes. */
uint64_t store_hash(const void *data, size_t len, uint32_t attempt);

/* The token of the attempt; never 0. hash: store_hash of attempt 0. */
uint32_t store_hash_token(const void *data, size_t len, uint64_t hash, uint32_t attempt);

/* For tests, to make collisions: wins over the hash when set. May give 0, which
 * becomes 1 like every token of 0. Set before the store is used. */
extern uint32_t (*store_hash_token_hook)(const void *data, size_t len, uint32_t attempt);

#endif
