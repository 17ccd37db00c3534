/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/flatbuf_build.h"

#include <errno.h>

/* The two kinds of TextEntry that we write, by "has a value": vtable size, table
 * size, offset of the name, offset of the value. */
static const uint16_t pair_vtables[2][4] = {{8, 8, 4, 0}, {8, 12, 4, 8}};
#define PAIR_VTABLE_SIZE 8u

void flatbuf_size_pairs(struct flatbuf_size *size, struct wire_pairs pairs)
{
    if (!pairs.count)
        return;
    size->bytes += 4 + 4 * (uint64_t)pairs.count;
    /* Stopping early keeps the sum from wrapping, however often one string is named. */
    for (uint32_t i = 0; i < pairs.count && size->bytes <= FRAME_PAYLOAD_MAX; i++) {
        const struct wire_pair *pair = &pairs.first[i];
        bool valued = pair->value.data != NULL;
        if (!size->pair_vtables[valued]) {
            size->pair_vtables[valued] = true;
            size->bytes += PAIR_VTABLE_SIZE;
        }
        size->bytes += pair_vtables[valued][1] + (uint64_t)flatbuf_string_size(pair->name.len);
        flatbuf_size_string(size, pair->value);
    }
}

static bool body_stays_outside(const struct wire_out *out, struct wire_str body)
{
    return body.data && body.len && body.len >= out->tail_from;
}

int flatbuf_build_begin(struct flatbuf_build *build, struct wire_out *out, enum frame_type type,
                        const struct flatbuf_size *size, struct wire_str body)
{
    if (out->tail)
        return -EINVAL;
    if (size->bytes > FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;

    size_t inside = FRAME_HEADER_SIZE + (size_t)size->bytes;
    if (body_stays_outside(out, body))
        inside -= body.len;
    int failed = wire_out_reserve(out, inside);
    if (failed)
        return failed;

    uint8_t *frame = out->data + out->len;
    frame_put_header(frame, type, (uint32_t)size->bytes);
    *build = (struct flatbuf_build){.payload = frame + FRAME_HEADER_SIZE};
    return 0;
}

void flatbuf_build_end(const struct flatbuf_build *build, struct wire_out *out)
{
    out->len = (size_t)(build->payload - out->data) + build->end;
}

struct flatbuf_built flatbuf_build_table(struct flatbuf_build *build,
                                         const struct flatbuf_table *schema)
{
    uint32_t vtable_size = flatbuf_vtable_size(schema);
    struct flatbuf_built table = {schema, build->end + vtable_size, build->end};
    uint8_t *vtable = build->payload + table.vtable;

    memset(vtable, 0, (size_t)vtable_size + schema->inline_size);
    flatbuf_store_u16(vtable, (uint16_t)(4 + 2 * schema->count));
    flatbuf_store_u16(vtable + 2, schema->inline_size);
    flatbuf_store_u32(vtable + vtable_size, vtable_size);
    build->end += vtable_size + schema->inline_size;
    return table;
}

struct flatbuf_built flatbuf_build_root(struct flatbuf_build *build,
                                        const struct flatbuf_table *schema)
{
    build->end = 4;
    struct flatbuf_built table = flatbuf_build_table(build, schema);
    flatbuf_store_u32(build->payload, table.at);
    return table;
}

struct flatbuf_built flatbuf_build_union(struct flatbuf_build *build,
                                         const struct flatbuf_built *table, unsigned slot,
                                         uint8_t type)
{
    flatbuf_build_u8(build, table, slot, type);
    uint32_t at = flatbuf_build_field(build, table, slot + 1);
    struct flatbuf_built value =
        flatbuf_build_table(build, table->schema->fields[slot + 1].union_tables[type]);
    flatbuf_store_u32(build->payload + at, value.at - at);
    return value;
}

/* Makes the offset at position `at` lead to what is written next. */
static void link_next(struct flatbuf_build *build, uint32_t at)
{
    flatbuf_store_u32(build->payload + at, build->end - at);
}

static void put_string(struct flatbuf_build *build, uint32_t at, struct wire_str string)
{
    uint32_t size = flatbuf_string_size(string.len);
    uint8_t *to = build->payload + build->end;

    link_next(build, at);
    build->end += size;
    flatbuf_store_u32(to, string.len);
    flatbuf_store_u32(to + size - 4, 0);
    memcpy(to + 4, string.data, string.len);
}

void flatbuf_build_string(struct flatbuf_build *build, const struct flatbuf_built *table,
                          unsigned slot, struct wire_str string)
{
    if (string.data)
        put_string(build, flatbuf_build_field(build, table, slot), string);
}

void flatbuf_build_bytes(struct flatbuf_build *build, const struct flatbuf_built *table,
                         unsigned slot, struct wire_str bytes)
{
    if (!bytes.data)
        return;
    uint32_t padded = (bytes.len + 3) & ~3u;
    uint8_t *to = build->payload + build->end;

    link_next(build, flatbuf_build_field(build, table, slot));
    build->end += 4 + padded;
    /* Also right for no bytes: the word that is zeroed is the length then. */
    flatbuf_store_u32(to + padded, 0);
    flatbuf_store_u32(to, bytes.len);
    memcpy(to + 4, bytes.data, bytes.len);
}

void flatbuf_build_body(struct flatbuf_build *build, const struct flatbuf_built *table,
                        unsigned slot, struct wire_str body, struct wire_out *out)
{
    if (!body.data)
        return;
    uint8_t *to = build->payload + build->end;

    link_next(build, flatbuf_build_field(build, table, slot));
    flatbuf_store_u32(to, body.len);
    build->end += 4;
    if (body_stays_outside(out, body)) {
        out->tail = body.data;
        out->tail_len = body.len;
        return;
    }
    memcpy(to + 4, body.data, body.len);
    build->end += body.len;
}

/* The vtable of such pairs: written once for a message, before its first use. */
static uint32_t pair_vtable(struct flatbuf_build *build, bool valued)
{
    if (!build->pair_vtables[valued]) {
        build->pair_vtables[valued] = build->end;
        memcpy(build->payload + build->end, pair_vtables[valued], PAIR_VTABLE_SIZE);
        build->end += PAIR_VTABLE_SIZE;
    }
    return build->pair_vtables[valued];
}

/* element: position of the vector's offset that leads to the pair. */
static void put_pair(struct flatbuf_build *build, uint32_t element, const struct wire_pair *pair)
{
    bool valued = pair->value.data != NULL;
    uint32_t vtable = pair_vtable(build, valued);
    uint32_t table = build->end;

    link_next(build, element);
    flatbuf_store_u32(build->payload + table, table - vtable);
    build->end += pair_vtables[valued][1];
    put_string(build, table + 4, pair->name.data ? pair->name : (struct wire_str){"", 0});
    if (valued)
        put_string(build, table + 8, pair->value);
}

void flatbuf_build_pairs(struct flatbuf_build *build, const struct flatbuf_built *table,
                         unsigned slot, struct wire_pairs pairs)
{
    if (!pairs.count)
        return;
    uint32_t element = build->end + 4;

    link_next(build, flatbuf_build_field(build, table, slot));
    flatbuf_store_u32(build->payload + build->end, pairs.count);
    build->end = element + 4 * pairs.count;
    for (uint32_t i = 0; i < pairs.count; i++)
        put_pair(build, element + 4 * i, &pairs.first[i]);
}
