/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is taken in small pieces and given back all at once.
 *
 * One block serves most uses and is kept over resets, so that a call that stays
 * within it allocates nothing. An arena has a maximum that its user must name.
 * One thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGNMENT 16u

struct arena_block;

struct arena {
    uint8_t *at; /* the next free byte, and the end of the current block */
    uint8_t *end;
    struct arena_block *blocks; /* newest first; the last is the kept one */
    size_t taken;               /* bytes in blocks */
    size_t max;
};

/* Takes no memory yet. max: of all blocks together, in bytes. */
void arena_init(struct arena *arena, size_t max);

/* Aligned to ARENA_ALIGNMENT, not zeroed; NULL when the maximum or memory is reached. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of the bytes with a NUL behind them. */
char *arena_copy(struct arena *arena, const void *data, size_t len);

/* Takes everything back; keeps the first block. */
void arena_reset(struct arena *arena);

void arena_free(struct arena *arena);

#endif
