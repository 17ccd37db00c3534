/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just enough FlatBuffers: a verifier driven by tables of the schema, loads that are
 * plain once a buffer is verified, and a builder. No I/O, any thread.
 *
 * Verified means: every offset, vtable, string terminator, vector length, alignment
 * and union of every field that the schema knows lies within the buffer, and tables
 * nest no deeper than the schema does. Unknown later fields are ignored, shared
 * vtables and any order of fields are accepted: a newer gateway keeps working.
 * Source: the FlatBuffers binary format; docs/protocol.md, "Schema".
 */
#ifndef WIRE_FLATBUF_H
#define WIRE_FLATBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/out.h"

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
};

/* 0, or -EBADMSG. */
int flatbuf_verify(const uint8_t *buffer, uint32_t size, const struct flatbuf_table *root);

/*
 * Loads from a verified buffer. A table is named by its address; slots are numbered
 * as in the schema. An absent scalar is 0.
 */
const uint8_t *flatbuf_root(const uint8_t *buffer);
uint8_t flatbuf_u8(const uint8_t *table, unsigned slot);
uint16_t flatbuf_u16(const uint8_t *table, unsigned slot);
uint32_t flatbuf_u32(const uint8_t *table, unsigned slot);
struct wire_str flatbuf_bytes(const uint8_t *table, unsigned slot); /* string or bytes */
struct wire_vector flatbuf_vector(const uint8_t *table, unsigned slot);
const uint8_t *flatbuf_table_at(struct wire_vector vector, uint32_t index);
const uint8_t *flatbuf_union(const uint8_t *table, unsigned slot); /* NULL: absent */

#endif
