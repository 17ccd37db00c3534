/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* The kept block: what an ordinary call needs. */
#define ARENA_FIRST_SIZE 4096u
/* Later blocks double up to here; what is larger gets a block of its own. */
#define ARENA_BLOCK_SIZE_MAX 65536u

struct arena_block {
    struct arena_block *next; /* the one that was made before it */
    size_t size;              /* of all of it, this header included */
};

#define ARENA_HEADER                                                                               \
    ((sizeof(struct arena_block) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT)

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){.max = max};
}

static struct arena_block *arena_add_block(struct arena *arena, size_t size)
{
    struct arena_block *block;

    if (size > arena->max - arena->taken)
        return NULL;
    block = malloc(size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->taken += size;
    return block;
}

static void arena_use_block(struct arena *arena, struct arena_block *block)
{
    arena->at = (uint8_t *)block + ARENA_HEADER;
    arena->end = (uint8_t *)block + block->size;
}

static size_t arena_next_size(const struct arena *arena)
{
    size_t size = ARENA_FIRST_SIZE;
    size_t left = arena->max - arena->taken;

    if (arena->blocks) {
        while (size < arena->taken && size < ARENA_BLOCK_SIZE_MAX)
            size *= 2;
    }
    return size < left ? size : left;
}

/* The current block is too small for size, which is rounded already. */
static void *arena_alloc_slow(struct arena *arena, size_t size)
{
    struct arena_block *block;
    size_t next;

    /* The first block has its ordinary size whatever is asked first: it is the one
     * that is kept, and one large call must not make it large for good. */
    next = arena_next_size(arena);
    if (arena->blocks && size + ARENA_HEADER > next) {
        block = arena_add_block(arena, size + ARENA_HEADER);
        return block ? (uint8_t *)block + ARENA_HEADER : NULL;
    }
    if (next <= ARENA_HEADER)
        return NULL;
    block = arena_add_block(arena, next);
    if (!block)
        return NULL;
    arena_use_block(arena, block);
    return arena_alloc(arena, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    uint8_t *start = arena->at;

    if (size > arena->max)
        return NULL;
    /* No overflow: max bytes are in memory, or malloc has refused them. */
    if (size > SIZE_MAX - ARENA_HEADER - ARENA_ALIGNMENT)
        return NULL;
    size =
        size ? (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT : ARENA_ALIGNMENT;
    if (!start || (size_t)(arena->end - start) < size)
        return arena_alloc_slow(arena, size);
    arena->at = start + size;
    return start;
}

char *arena_copy(struct arena *arena, const void *data, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = arena_alloc(arena, len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    if (!block)
        return;
    while (block->next) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    arena->blocks = block;
    arena->taken = block->size;
    arena_use_block(arena, block);
}

void arena_free(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    arena_init(arena, arena->max);
}
