/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_memory.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct call_block {
    struct call_block *next;
    size_t size; /* of data */
    _Alignas(max_align_t) uint8_t data[];
};

static void *take_block(struct call *call, size_t size)
{
    struct call_block *block;

    if (size > CALL_MEMORY_BLOCKS_MAX - call->block_bytes)
        return NULL;
    block = malloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    block->next = call->blocks;
    block->size = size;
    call->blocks = block;
    call->block_bytes += size;
    return block->data;
}

void *call_memory_take(struct call *call, size_t size)
{
    void *memory = NULL;

    if (size < CALL_MEMORY_LARGE)
        memory = arena_alloc(&call->arena, size);
    return memory ? memory : take_block(call, size);
}

/* The newest block, moved: `old` is its data. */
static void *grow_block(struct call *call, size_t size)
{
    struct call_block *block = call->blocks;

    if (size > block->size && size - block->size > CALL_MEMORY_BLOCKS_MAX - call->block_bytes)
        return NULL;
    block = realloc(block, sizeof(*block) + size);
    if (!block)
        return NULL;
    call->blocks = block;
    call->block_bytes += size - block->size;
    block->size = size;
    return block->data;
}

void *call_memory_grow(struct call *call, void *old, size_t len, size_t size)
{
    void *memory;

    if (old && call->blocks && old == call->blocks->data)
        return grow_block(call, size);
    memory = call_memory_take(call, size);
    if (memory && old && len > 0)
        memcpy(memory, old, len);
    return memory;
}

struct wire_str call_memory_copy(struct call *call, const void *data, size_t len)
{
    char *copy = call_memory_take(call, len);

    if (!copy)
        return (struct wire_str){NULL, 0};
    if (len > 0)
        memcpy(copy, data, len);
    return (struct wire_str){copy, (uint32_t)len};
}

void *call_memory_part_with(struct call *call, const void *data)
{
    struct call_block **link = &call->blocks;

    while (*link && (*link)->data != data)
        link = &(*link)->next;
    struct call_block *block = *link;
    if (block) {
        *link = block->next;
        call->block_bytes -= block->size;
    }
    return block;
}

void call_memory_reset(struct call *call)
{
    while (call->blocks) {
        struct call_block *next = call->blocks->next;

        free(call->blocks);
        call->blocks = next;
    }
    call->block_bytes = 0;
    arena_reset(&call->arena);
}
