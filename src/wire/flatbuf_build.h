/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a message forward, straight into its output: a table first, what it leads to
 * after it, offsets filled in on the way.
 *
 * A writer walks its message twice: the first time it adds up the exact size, which
 * is checked and reserved once; the second time it stores without any check. So both
 * walks must name the same fields under the same conditions.
 *
 * Positions are bytes from the payload's start; everything is placed on multiples of
 * four. Padding is zero: nothing of the process's memory leaves with it.
 */
#ifndef WIRE_FLATBUF_BUILD_H
#define WIRE_FLATBUF_BUILD_H

#include "wire/flatbuf.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/out.h"

/* ---- first walk: the size ---- */

struct flatbuf_size {
    uint64_t bytes;
    bool pair_vtables[2]; /* counted already; by "has a value" */
};

static inline uint32_t flatbuf_vtable_size(const struct flatbuf_table *table)
{
    return (4u + 2u * table->count + 3u) & ~3u;
}

/* The root's offset, its vtable and itself. */
static inline struct flatbuf_size flatbuf_size_root(const struct flatbuf_table *table)
{
    return (struct flatbuf_size){.bytes = 4 + flatbuf_vtable_size(table) + table->inline_size};
}

static inline void flatbuf_size_table(struct flatbuf_size *size, const struct flatbuf_table *table)
{
    size->bytes += flatbuf_vtable_size(table) + table->inline_size;
}

/* Length, bytes, zero terminator, padding. */
static inline uint32_t flatbuf_string_size(uint32_t len)
{
    return 4 + ((len & ~3u) + 4);
}

static inline void flatbuf_size_string(struct flatbuf_size *size, struct wire_str string)
{
    if (string.data)
        size->bytes += flatbuf_string_size(string.len);
}

static inline void flatbuf_size_bytes(struct flatbuf_size *size, struct wire_str bytes)
{
    if (bytes.data)
        size->bytes += 4 + (((uint64_t)bytes.len + 3) & ~(uint64_t)3);
}

void flatbuf_size_pairs(struct flatbuf_size *size, struct wire_pairs pairs);

/* The last field of a message: it needs no padding, and may stay outside. */
static inline void flatbuf_size_body(struct flatbuf_size *size, struct wire_str body)
{
    if (body.data)
        size->bytes += 4 + (uint64_t)body.len;
}

/* ---- second walk: the bytes ---- */

struct flatbuf_build {
    uint8_t *payload;
    uint32_t end;             /* position where the next thing goes */
    uint32_t pair_vtables[2]; /* their positions, 0 when not written; by "has a value" */
};

static inline void flatbuf_store_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline void flatbuf_store_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* Checks and reserves the whole frame and writes its header. body: what the message
 * will end with (data NULL: nothing). -ENOMEM, -EMSGSIZE, or -EINVAL when `out` ends
 * with a tail, behind which nothing can be put; `out` is as it was. */
int flatbuf_build_begin(struct flatbuf_build *build, struct wire_out *out, enum frame_type type,
                        const struct flatbuf_size *size, struct wire_str body);

/* The frame now belongs to the output. */
void flatbuf_build_end(const struct flatbuf_build *build, struct wire_out *out);

/* A table that has been placed. */
struct flatbuf_built {
    const struct flatbuf_table *schema;
    uint32_t at;     /* its position */
    uint32_t vtable; /* and its vtable's, which no other table shares */
};

/* Writes an empty table. */
struct flatbuf_built flatbuf_build_table(struct flatbuf_build *build,
                                         const struct flatbuf_table *schema);

/* As flatbuf_build_table, and it is what the message is. Comes first. */
struct flatbuf_built flatbuf_build_root(struct flatbuf_build *build,
                                        const struct flatbuf_table *schema);

/* Tells the vtable that the field is there; gives the field's position. */
static inline uint32_t flatbuf_build_field(struct flatbuf_build *build,
                                           const struct flatbuf_built *table, unsigned slot)
{
    uint32_t at = table->schema->fields[slot].at;
    flatbuf_store_u16(build->payload + table->vtable + 4 + 2 * slot, (uint16_t)at);
    return table->at + at;
}

static inline void flatbuf_build_u8(struct flatbuf_build *build, const struct flatbuf_built *table,
                                    unsigned slot, uint8_t value)
{
    build->payload[flatbuf_build_field(build, table, slot)] = value;
}

static inline void flatbuf_build_u16(struct flatbuf_build *build, const struct flatbuf_built *table,
                                     unsigned slot, uint16_t value)
{
    flatbuf_store_u16(build->payload + flatbuf_build_field(build, table, slot), value);
}

static inline void flatbuf_build_u32(struct flatbuf_build *build, const struct flatbuf_built *table,
                                     unsigned slot, uint32_t value)
{
    flatbuf_store_u32(build->payload + flatbuf_build_field(build, table, slot), value);
}

/* A union: its type in `slot`, its value in the next one, as an empty table. */
struct flatbuf_built flatbuf_build_union(struct flatbuf_build *build,
                                         const struct flatbuf_built *table, unsigned slot,
                                         uint8_t type);

/* These leave the field out when there is nothing to write. */
void flatbuf_build_string(struct flatbuf_build *build, const struct flatbuf_built *table,
                          unsigned slot, struct wire_str string);
void flatbuf_build_bytes(struct flatbuf_build *build, const struct flatbuf_built *table,
                         unsigned slot, struct wire_str bytes);
void flatbuf_build_pairs(struct flatbuf_build *build, const struct flatbuf_built *table,
                         unsigned slot, struct wire_pairs pairs);
/* Only as the last one. */
void flatbuf_build_body(struct flatbuf_build *build, const struct flatbuf_built *table,
                        unsigned slot, struct wire_str body, struct wire_out *out);

#endif
