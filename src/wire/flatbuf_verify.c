/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions are bytes from the buffer's start. Each check is done before the load
 * that it allows, in the form `room < need` or `offset > size - position`, which no
 * number from the wire can make wrap.
 *
 * Time is linear in the size: a vector's elements are visited once for each field
 * that leads to it, a table has few fields, and strings are not read.
 */
#include <errno.h>

#include "wire/flatbuf.h"

/* Both are Google's. */
#define TABLES_MAX 1000000u
#define BUFFER_MIN 12u

struct verifier {
    const uint8_t *data;
    uint32_t size;
    uint32_t tables_left;
    uint32_t content_left;
};

/* Sets *target to what the offset at position `at` leads to. The caller knows that
 * the offset itself is inside. */
static bool offset_target(const struct verifier *v, uint32_t at, uint32_t *target)
{
    uint32_t offset = flatbuf_load_u32(v->data + at);
    *target = at + offset;
    return offset != 0 && offset < v->size - at;
}

/* A length, and so many elements after it. Sets *count. */
static inline bool vector_verify(const struct verifier *v, uint32_t at, uint32_t element,
                                 uint32_t *count)
{
    if (at % 4 != 0 || v->size - at < 4)
        return false;
    *count = flatbuf_load_u32(v->data + at);
    return *count <= (v->size - at - 4) / element;
}

/* Bytes; a string has a zero byte behind them, or, if it is empty, any byte. */
static inline bool content_verify(struct verifier *v, uint32_t at, bool string)
{
    uint32_t len;
    if (!vector_verify(v, at, 1, &len) || len > v->content_left)
        return false;
    v->content_left -= len;
    if (!string)
        return true;
    return v->size - at - 4 > len && (v->data[at + 4 + len] == 0 || len == 0);
}

/* Sets *vtable to the position of the table's vtable, which is whole and even. */
static bool vtable_verify(const struct verifier *v, uint32_t table, uint32_t *vtable)
{
    int64_t at = (int64_t)table - (int32_t)flatbuf_load_u32(v->data + table);
    if (at < 0 || at % 2 != 0 || at > (int64_t)v->size - 2)
        return false;
    *vtable = (uint32_t)at;
    uint32_t vtable_size = flatbuf_load_u16(v->data + at);
    return vtable_size % 2 == 0 && vtable_size <= v->size - *vtable;
}

static uint32_t vtable_entry(const struct verifier *v, uint32_t vtable, unsigned slot)
{
    unsigned entry = 4 + 2 * slot;
    if (entry >= flatbuf_load_u16(v->data + vtable))
        return 0;
    return flatbuf_load_u16(v->data + vtable + entry);
}

/* Headers, args and confs are vectors of tables of two strings that all share one
 * vtable: it is verified when it changes, not for every entry. */
struct string_pair {
    uint32_t vtable; /* position */
    uint32_t first;  /* the fields' offsets in the table, 0 for absent */
    uint32_t second;
    uint32_t reach; /* bytes of the table that are looked at */
};

static bool string_pair_vtable(const struct verifier *v, uint32_t table, struct string_pair *pair)
{
    if (!vtable_verify(v, table, &pair->vtable))
        return false;
    pair->first = vtable_entry(v, pair->vtable, 0);
    pair->second = vtable_entry(v, pair->vtable, 1);
    pair->reach = 4 + (pair->first > pair->second ? pair->first : pair->second);
    return pair->first % 4 == 0 && pair->second % 4 == 0;
}

static inline bool string_field_verify(struct verifier *v, uint32_t at)
{
    uint32_t target;
    return offset_target(v, at, &target) && content_verify(v, target, true);
}

static bool string_pairs_verify(struct verifier *v, uint32_t at, uint32_t count)
{
    /* No vtable yet. One that is said to be there is no vtable, it is odd: the reach
     * refuses it. */
    struct string_pair pair = {.vtable = UINT32_MAX, .reach = UINT32_MAX};

    for (uint32_t end = at + 4 * count; at < end; at += 4) {
        uint32_t offset = flatbuf_load_u32(v->data + at);
        if (offset >= v->size - at)
            return false;
        uint32_t table = at + offset;
        if (table % 4 != 0 || v->size - table < 4)
            return false;
        if (table - flatbuf_load_u32(v->data + table) != pair.vtable &&
            !string_pair_vtable(v, table, &pair))
            return false;
        if (v->size - table < pair.reach)
            return false;
        if (pair.first && !string_field_verify(v, table + pair.first))
            return false;
        if (pair.second && !string_field_verify(v, table + pair.second))
            return false;
    }
    return true;
}

static bool is_string_pair(const struct flatbuf_table *table)
{
    return table->count == 2 && table->fields[0].kind == FLATBUF_STRING &&
           table->fields[1].kind == FLATBUF_STRING && !table->fields[0].required &&
           !table->fields[1].required;
}

static bool table_verify(struct verifier *v, uint32_t table, const struct flatbuf_table *schema);

static bool tables_verify(struct verifier *v, uint32_t at, const struct flatbuf_table *schema)
{
    uint32_t count;
    if (!vector_verify(v, at, 4, &count) || count > v->tables_left)
        return false;
    if (is_string_pair(schema)) {
        v->tables_left -= count;
        return string_pairs_verify(v, at + 4, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t element = at + 4 + 4 * i;
        uint32_t offset = flatbuf_load_u32(v->data + element);
        if (offset >= v->size - element || !table_verify(v, element + offset, schema))
            return false;
    }
    return true;
}

/* `type` is the position of the union's type, 0 when that is absent. */
static bool union_verify(struct verifier *v, uint32_t at, uint32_t type,
                         const struct flatbuf_field *field)
{
    uint8_t member = type ? v->data[type] : 0;
    if (member == 0 || member > field->members)
        return true;
    return table_verify(v, at, field->union_tables[member]);
}

static uint32_t kind_size(enum flatbuf_kind kind)
{
    switch (kind) {
    case FLATBUF_U8:
    case FLATBUF_UNION_TYPE:
        return 1;
    case FLATBUF_U16:
        return 2;
    default:
        return 4;
    }
}

/* `before` is the position of the field one slot earlier, for unions. */
static bool field_verify(struct verifier *v, uint32_t at, uint32_t before,
                         const struct flatbuf_field *field)
{
    uint32_t size = kind_size(field->kind);
    uint32_t target;

    if (at % size != 0 || at > v->size || v->size - at < size)
        return false;
    switch (field->kind) {
    case FLATBUF_STRING:
        return offset_target(v, at, &target) && content_verify(v, target, true);
    case FLATBUF_BYTES:
        return offset_target(v, at, &target) && content_verify(v, target, false);
    case FLATBUF_TABLES:
        return offset_target(v, at, &target) && tables_verify(v, target, field->table);
    case FLATBUF_UNION:
        return offset_target(v, at, &target) && union_verify(v, target, before, field);
    default:
        return true;
    }
}

static bool table_verify(struct verifier *v, uint32_t table, const struct flatbuf_table *schema)
{
    uint32_t vtable;
    uint32_t before = 0;

    if (table % 4 != 0 || v->size - table < 4 || v->tables_left-- == 0)
        return false;
    if (!vtable_verify(v, table, &vtable))
        return false;
    for (unsigned slot = 0; slot < schema->count; slot++) {
        const struct flatbuf_field *field = &schema->fields[slot];
        uint32_t offset = vtable_entry(v, vtable, slot);
        uint32_t at = offset ? table + offset : 0;
        if (offset ? !field_verify(v, at, before, field) : field->required)
            return false;
        before = at;
    }
    return true;
}

int flatbuf_verify(const uint8_t *buffer, uint32_t size, const struct flatbuf_table *root)
{
    struct verifier v = {
        .data = buffer,
        .size = size,
        .tables_left = TABLES_MAX,
        .content_left = FLATBUF_CONTENT_MAX,
    };
    uint32_t table;

    if (size < BUFFER_MIN || size > INT32_MAX || !offset_target(&v, 0, &table))
        return -EBADMSG;
    return table_verify(&v, table, root) ? 0 : -EBADMSG;
}
