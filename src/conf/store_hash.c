/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/store_hash.h"

#include <string.h>

/* Odd numbers with half of their bits set and no pattern: the binary digits of the
 * square roots of 2, 3, 5 and 7 behind the point. */
#define STORE_HASH_A 0x6a09e667f3bcc909u
#define STORE_HASH_B 0xbb67ae8584caa73bu
#define STORE_HASH_C 0x3c6ef372fe94f82bu
#define STORE_HASH_D 0xa54ff53a5f1d36f1u

uint32_t (*store_hash_token_hook)(const void *data, size_t len, uint32_t attempt);

__extension__ typedef unsigned __int128 store_hash_wide;

/* A full product folded in half: every bit of the result hangs on every bit of both. */
static uint64_t store_hash_fold(uint64_t a, uint64_t b)
{
    store_hash_wide product = (store_hash_wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t store_hash_load(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint64_t store_hash(const void *data, size_t len, uint32_t attempt)
{
    const uint8_t *at = data;
    uint64_t state = store_hash_fold(STORE_HASH_A ^ attempt, STORE_HASH_B ^ len);
    uint8_t last[16] = {0};

    for (; len > 16; len -= 16, at += 16)
        state = store_hash_fold(store_hash_load(at) ^ STORE_HASH_B,
                                store_hash_load(at + 8) ^ STORE_HASH_C ^ state) ^
                state;
    if (len)
        memcpy(last, at, len);
    state = store_hash_fold(store_hash_load(last) ^ STORE_HASH_B,
                            store_hash_load(last + 8) ^ STORE_HASH_C ^ state) ^
            state;
    return store_hash_fold(state ^ STORE_HASH_D, STORE_HASH_A);
}

uint32_t store_hash_token(const void *data, size_t len, uint64_t hash, uint32_t attempt)
{
    uint32_t token;

    if (store_hash_token_hook) {
        token = store_hash_token_hook(data, len, attempt);
    } else {
        if (attempt)
            hash = store_hash(data, len, attempt);
        token = (uint32_t)(hash ^ hash >> 32);
    }
    return token ? token : 1;
}
