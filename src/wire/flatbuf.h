/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just enough FlatBuffers: a verifier driven by tables of the schema, and loads that
 * are plain once a buffer is verified. (The builder is flatbuf_build.h.) No I/O, no
 * memory of its own, any thread.
 *
 * Verified means: every offset, vtable, string terminator, vector length, alignment
 * and union of every field that the schema knows lies within the buffer, and tables
 * nest no deeper than the schema does. Unknown later fields are ignored, shared
 * vtables and any order of fields are accepted: a newer gateway keeps working.
 *
 * It accepts and rejects what Google's C++ verifier does, limits included (1,000,000
 * tables; the inline size that a vtable states is not looked at), with two exceptions:
 *
 * - More is accepted: an empty string may have any byte where its terminator should
 *   be. APISIX 3.18 writes such strings, for every empty header, arg and conf.
 * - Less is accepted: strings and byte vectors may overlap or be shared, but their
 *   lengths together may not pass FLATBUF_CONTENT_MAX. Otherwise 16 MiB could speak
 *   of a million strings of 15 MiB each, and whoever copies them would be lost.
 *
 * Source: the FlatBuffers binary format; docs/protocol.md, "Schema".
 */
#ifndef WIRE_FLATBUF_H
#define WIRE_FLATBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "FlatBuffers are little-endian, and the loads and stores below are plain copies"
#endif

#define FLATBUF_CONTENT_MAX 0xffffffu

/* Bytes in a verified buffer; data is NULL when the field is absent. */
struct wire_str {
    const char *data;
    uint32_t len;
};

/* A vector of tables in a verified buffer; first is NULL when the field is absent. */
struct wire_vector {
    const uint8_t *first; /* the first element's offset */
    uint32_t count;
};

enum flatbuf_kind {
    FLATBUF_U8,
    FLATBUF_U16,
    FLATBUF_U32,
    FLATBUF_STRING,
    FLATBUF_BYTES,      /* vector of u8 */
    FLATBUF_TABLES,     /* vector of tables */
    FLATBUF_UNION_TYPE, /* u8; the union's value is the next slot */
    FLATBUF_UNION,
};

struct flatbuf_table;

struct flatbuf_field {
    enum flatbuf_kind kind;
    bool required;
    uint8_t at; /* where the builder puts it: bytes from the table's start */
    /* FLATBUF_TABLES: the element's table. FLATBUF_UNION: the tables by type, from
     * 1; a type above `members` is one that we do not know, and its value is not
     * looked at. */
    const struct flatbuf_table *table;
    const struct flatbuf_table *const *union_tables;
    uint8_t members;
};

struct flatbuf_table {
    const char *name;
    const struct flatbuf_field *fields; /* in slot order */
    uint8_t count;
    uint8_t inline_size; /* of a built table: a multiple of 4 */
};

/* 0, or -EBADMSG. */
int flatbuf_verify(const uint8_t *buffer, uint32_t size, const struct flatbuf_table *root);

/* The bytes may stand anywhere in memory, so a load is a copy; on the machines that
 * we know it is one instruction. */
static inline uint16_t flatbuf_load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t flatbuf_load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/*
 * Loads from a verified buffer. A table is named by its address; slots are numbered
 * as in the schema. An absent scalar is 0.
 */
static inline const uint8_t *flatbuf_root(const uint8_t *buffer)
{
    return buffer + flatbuf_load_u32(buffer);
}

/* The field's place in the buffer, NULL when it is absent. */
static inline const uint8_t *flatbuf_field_at(const uint8_t *table, unsigned slot)
{
    const uint8_t *vtable = table - (int32_t)flatbuf_load_u32(table);
    unsigned entry = 4 + 2 * slot;
    if (entry >= flatbuf_load_u16(vtable))
        return NULL;
    unsigned offset = flatbuf_load_u16(vtable + entry);
    return offset ? table + offset : NULL;
}

static inline uint8_t flatbuf_u8(const uint8_t *table, unsigned slot)
{
    const uint8_t *at = flatbuf_field_at(table, slot);
    return at ? *at : 0;
}

static inline uint16_t flatbuf_u16(const uint8_t *table, unsigned slot)
{
    const uint8_t *at = flatbuf_field_at(table, slot);
    return at ? flatbuf_load_u16(at) : 0;
}

static inline uint32_t flatbuf_u32(const uint8_t *table, unsigned slot)
{
    const uint8_t *at = flatbuf_field_at(table, slot);
    return at ? flatbuf_load_u32(at) : 0;
}

/* What the offset at `at` leads to, NULL for no offset. */
static inline const uint8_t *flatbuf_follow(const uint8_t *at)
{
    return at ? at + flatbuf_load_u32(at) : NULL;
}

/* A string or a vector of bytes. A string has a zero byte behind its last one; an
 * empty one is given that here, because the wire may lack it. */
static inline struct wire_str flatbuf_bytes(const uint8_t *table, unsigned slot)
{
    const uint8_t *bytes = flatbuf_follow(flatbuf_field_at(table, slot));
    if (!bytes)
        return (struct wire_str){NULL, 0};
    uint32_t len = flatbuf_load_u32(bytes);
    return (struct wire_str){len ? (const char *)bytes + 4 : "", len};
}

static inline struct wire_vector flatbuf_vector(const uint8_t *table, unsigned slot)
{
    const uint8_t *vector = flatbuf_follow(flatbuf_field_at(table, slot));
    if (!vector)
        return (struct wire_vector){NULL, 0};
    return (struct wire_vector){vector + 4, flatbuf_load_u32(vector)};
}

/* index < vector.count. */
static inline const uint8_t *flatbuf_table_at(struct wire_vector vector, uint32_t index)
{
    const uint8_t *at = vector.first + 4 * (size_t)index;
    return at + flatbuf_load_u32(at);
}

/* The union's value, by the slot of the value (its type is the slot before), NULL
 * when it is absent. It is a verified table only if its type is a known one. */
static inline const uint8_t *flatbuf_union(const uint8_t *table, unsigned slot)
{
    return flatbuf_follow(flatbuf_field_at(table, slot));
}

#endif
