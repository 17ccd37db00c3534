/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one call: its arena, and blocks of their own for what is large.
 *
 * The arena is the plugins' share and has the limit of the configuration. Bodies do not
 * count against it: they are bounded by what frames can carry.
 */
#ifndef PLUGIN_CALL_MEMORY_H
#define PLUGIN_CALL_MEMORY_H

#include "plugin/call.h"

/* From here on a body gets a block of its own. */
#define CALL_MEMORY_LARGE 2048u

/* Of all blocks of a call: a body asked for, and some that plugins made of it. */
#define CALL_MEMORY_BLOCKS_MAX (4u * (size_t)FRAME_PAYLOAD_MAX)

/* Memory for a body or what goes into a reply; not zeroed. NULL: none. */
void *call_memory_take(struct call *call, size_t size);

/* A copy there, never absent; data NULL when there is no memory. */
struct wire_str call_memory_copy(struct call *call, const void *data, size_t len);

/* Memory of size bytes that begins with the first len of `old` (NULL: none), which came
 * from here and is gone then, or in a place that nobody may look at any more. */
void *call_memory_grow(struct call *call, void *old, size_t len, size_t size);

/* Takes the block that begins with `data` out of the call, for a reply that outlives it:
 * free() what this gives, when the data is not needed any more. NULL: it is in none. */
void *call_memory_part_with(struct call *call, const void *data);

/* Frees all but the arena's first block. */
void call_memory_reset(struct call *call);

#endif
