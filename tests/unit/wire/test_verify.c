/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stop_payload.h"
#include "wire/schema.h"

/* Verifies a copy in memory of exactly this size, so that a sanitizer sees what is
 * read behind it. */
static int verify(const uint8_t *payload, uint32_t size, const struct flatbuf_table *schema)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, payload, size);
    int result = flatbuf_verify(copy, size, schema);
    free(copy);
    return result;
}

static void accepts_what_is_whole(void **state)
{
    uint8_t payload[STOP_SIZE];
    (void)state;
    stop_put(payload);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_http_req_reply), 0);
}

static void does_not_mind_where_it_stands(void **state)
{
    uint8_t *memory = malloc(STOP_SIZE + 3);
    (void)state;
    assert_non_null(memory);
    for (unsigned by = 0; by < 4; by++) {
        stop_put(memory + by);
        assert_int_equal(flatbuf_verify(memory + by, STOP_SIZE, &schema_http_req_reply), 0);
    }
    free(memory);
}

static void refuses_every_shorter_one(void **state)
{
    uint8_t payload[STOP_SIZE];
    (void)state;
    stop_put(payload);
    for (uint32_t size = 0; size < STOP_SIZE; size++)
        assert_int_equal(verify(payload, size, &schema_http_req_reply), -EBADMSG);
}

struct spoiled {
    const char *what;
    uint32_t at;
    unsigned width;
    uint32_t value;
    bool accepted;
};

/* From 110 on there are four zero bytes: a length of 0, or a table without fields, if
 * its place were not wrong. */
static const struct spoiled spoiled[] = {
    {"root offset 0", 0, 4, 0, false},
    {"root offset to the end", 0, 4, STOP_SIZE, false},
    {"root offset behind the end", 0, 4, STOP_SIZE + 4, false},
    {"root offset negative", 0, 4, 0xfffffffc, false},
    {"root offset not aligned", 0, 4, 110, false},
    {"root table with its offset half outside", 0, 4, STOP_SIZE - 2, false},

    {"vtable before the buffer", 20, 4, 24, false},
    {"vtable behind the buffer", 20, 4, (uint32_t)-200, false},
    {"vtable at an odd place", 20, 4, 20u - 111, false},
    {"vtable at the end", 20, 4, 20u - STOP_SIZE, false},
    {"vtable one byte before the end", 20, 4, 20u - (STOP_SIZE - 1), false},
    {"vtable of odd size", 4, 2, 9, false},
    {"vtable longer than the buffer", 4, 2, STOP_SIZE, false},
    {"vtable of no size: no fields", 4, 2, 0, true},
    {"vtable that ends before the union's value", 4, 2, 8, true},
    {"stated size of the table, which nobody looks at", 6, 2, 0xffff, true},

    {"u32 not aligned", 8, 2, 6, false},
    {"u32 across the end", 8, 2, STOP_SIZE - 20 - 2, false},
    {"u32 behind the end", 8, 2, 0xfffc, false},
    {"u32 on top of another field", 8, 2, 12, true},
    {"u16 not aligned", 40, 2, 13, false},
    {"u16 behind the end", 40, 2, 0x7ffe, false},
    {"u8 behind the end", 10, 2, 0x7fff, false},

    {"union without a type", 10, 2, 0, true},
    {"union of type none", 32, 1, 0, true},
    {"union of an unknown type", 32, 1, 3, true},
    {"union of another type, whose fields do not fit", 32, 1, 2, false},
    {"union without a value", 12, 2, 0, true},
    {"union value's offset 0", 28, 4, 0, false},
    {"union value behind the end", 28, 4, STOP_SIZE, false},
    {"union value not aligned", 28, 4, 110 - 28, false},

    {"vector's offset 0", 52, 4, 0, false},
    {"vector behind the end", 52, 4, STOP_SIZE, false},
    {"vector's offset negative", 52, 4, 0x80000000, false},
    {"vector not aligned", 52, 4, 110 - 52, false},
    {"vector with too many elements", 64, 4, 15, false},
    {"vector whose bytes wrap around", 64, 4, 0x40000001, false},
    {"vector with the greatest count", 64, 4, 0xffffffff, false},
    {"vector with no element", 64, 4, 0, true},

    {"element that leads to itself: an empty table", 68, 4, 0, true},
    {"element behind the end", 68, 4, STOP_SIZE, false},
    {"element not aligned", 68, 4, 110 - 68, false},
    {"element far before the buffer", 68, 4, 0xffffff00, false},
    {"entry's vtable at -1", 80, 4, 81, false},
    {"entry's vtable behind the buffer", 80, 4, (uint32_t)-4000, false},
    {"entry's vtable of odd size", 72, 2, 7, false},
    {"entry's name not aligned", 76, 2, 5, false},
    {"entry's name behind the end", 76, 2, STOP_SIZE, false},
    {"entry's value behind the end", 78, 2, 44, false},
    {"entry without a name", 76, 2, 0, true},
    {"entry without a value", 78, 2, 0, true},

    {"string's offset 0", 84, 4, 0, false},
    {"string behind the end", 84, 4, STOP_SIZE, false},
    {"string not aligned", 84, 4, 110 - 84, false},
    {"string longer than the buffer", 92, 4, STOP_SIZE, false},
    {"string to the end, its terminator outside", 92, 4, STOP_SIZE - 96, false},
    {"string with the greatest length", 92, 4, 0xffffffff, false},
    {"string whose terminator is no zero", 101, 1, 'x', false},
    {"string cut so that its terminator is no zero", 92, 4, 4, false},
    {"string that has a zero inside", 98, 1, 0, true},

    {"bytes' offset 0", 56, 4, 0, false},
    {"bytes behind the end", 56, 4, STOP_SIZE - 56, false},
    {"bytes one too long", 116, 4, 5, false},
    {"no bytes", 116, 4, 0, true},
    {"bytes not aligned", 56, 4, 110 - 56, false},
};

static void judges_each_damage(void **state)
{
    uint8_t payload[STOP_SIZE];
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
        const struct spoiled *s = &spoiled[i];
        stop_put(payload);
        stop_patch(payload, s->at, s->width, s->value);
        int result = verify(payload, STOP_SIZE, &schema_http_req_reply);
        if (result != (s->accepted ? 0 : -EBADMSG)) {
            print_error("%s: %d\n", s->what, result);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* The entry's only field leads to a whole string: nothing but the field's place is bad. */
static void refuses_an_offset_between_words(void **state)
{
    uint8_t payload[STOP_SIZE];

    (void)state;
    stop_put(payload);
    stop_patch(payload, 76, 4, HALVES(6, 0));
    stop_patch(payload, 86, 4, 6);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_http_req_reply), -EBADMSG);
    stop_put(payload);
    stop_patch(payload, 76, 4, HALVES(0, 10));
    stop_patch(payload, 90, 4, 14);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_http_req_reply), -EBADMSG);
}

/* APISIX leaves anything behind an empty string. */
static void accepts_an_empty_string_without_its_zero(void **state)
{
    uint8_t payload[STOP_SIZE];

    (void)state;
    stop_put(payload);
    stop_patch(payload, 104, 4, 0);
    stop_patch(payload, 108, 4, 0xffffffff);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_http_req_reply), 0);
    /* The byte itself must be there. */
    stop_patch(payload, 88, 4, STOP_SIZE - 88 - 4);
    stop_patch(payload, STOP_SIZE - 4, 4, 0);
    stop_patch(payload, 56, 4, 48);
    stop_patch(payload, 104, 4, 0);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_http_req_reply), -EBADMSG);
}

static void refuses_a_missing_field_that_is_required(void **state)
{
    static const struct flatbuf_field fields[] = {
        {.kind = FLATBUF_U32, .required = true},
        {.kind = FLATBUF_U16},
    };
    static const struct flatbuf_table schema = {.name = "test", .fields = fields, .count = 2};
    uint32_t words[] = {12, HALVES(8, 8), HALVES(4, 0), 8, 5};

    (void)state;
    assert_int_equal(verify((uint8_t *)words, sizeof(words), &schema), 0);
    words[2] = 0;
    assert_int_equal(verify((uint8_t *)words, sizeof(words), &schema), -EBADMSG);
    words[1] = HALVES(4, 8);
    assert_int_equal(verify((uint8_t *)words, sizeof(words), &schema), -EBADMSG);
}

/* A PrepareConf whose entries are all the same one, with a name of so many bytes. */
static int verify_repeated(uint32_t count, uint32_t name_len)
{
    /* Offsets lead forward only: the entry stands behind the vector. */
    uint32_t vector = 20;
    uint32_t vtable = vector + 4 + 4 * count;
    uint32_t entry = vtable + 8;
    uint32_t size = entry + 12 + (name_len / 4 + 1) * 4;
    uint8_t *payload = calloc(1, size);

    assert_non_null(payload);
    stop_patch(payload, 0, 4, 12);
    stop_patch(payload, 4, 4, HALVES(6, 8));
    stop_patch(payload, 8, 4, HALVES(4, 0));
    stop_patch(payload, 12, 4, 8);
    stop_patch(payload, 16, 4, vector - 16);
    stop_patch(payload, vector, 4, count);
    for (uint32_t i = 0; i < count; i++)
        stop_patch(payload, vector + 4 + 4 * i, 4, entry - (vector + 4 + 4 * i));
    stop_patch(payload, vtable, 4, HALVES(6, 8));
    stop_patch(payload, vtable + 4, 4, HALVES(4, 0));
    stop_patch(payload, entry, 4, 8);
    stop_patch(payload, entry + 4, 4, 4);
    stop_patch(payload, entry + 8, 4, name_len);
    int result = flatbuf_verify(payload, size, &schema_prepare_conf);
    free(payload);
    return result;
}

static void counts_the_tables(void **state)
{
    (void)state;
    assert_int_equal(verify_repeated(3, 5), 0);
    assert_int_equal(verify_repeated(999999, 0), 0);
    assert_int_equal(verify_repeated(1000000, 0), -EBADMSG);
}

static void counts_the_content(void **state)
{
    const uint32_t mib = 1 << 20;
    (void)state;
    assert_int_equal(verify_repeated(15, mib), 0);
    assert_int_equal(verify_repeated(16, mib - 1), 0);
    assert_int_equal(verify_repeated(16, mib), -EBADMSG);
    assert_int_equal(verify_repeated(900000, 1000), -EBADMSG);
}

/* A reply whose entries could have a third string, so that they are verified as any table
 * is; those of two strings have a shorter way. */
static const struct flatbuf_field long_entry[] = {
    {.kind = FLATBUF_STRING}, {.kind = FLATBUF_STRING}, {.kind = FLATBUF_STRING}};
static const struct flatbuf_table schema_long_entry = {.fields = long_entry, .count = 3};
static const struct flatbuf_field long_stop[] = {
    {.kind = FLATBUF_U16},
    {.kind = FLATBUF_TABLES, .table = &schema_long_entry},
    {.kind = FLATBUF_BYTES}};
static const struct flatbuf_table schema_long_stop = {.fields = long_stop, .count = 3};
static const struct flatbuf_table *const long_actions[] = {NULL, &schema_long_stop};
static const struct flatbuf_field long_reply[] = {
    {.kind = FLATBUF_U32},
    {.kind = FLATBUF_UNION_TYPE},
    {.kind = FLATBUF_UNION, .union_tables = long_actions, .members = 1}};
static const struct flatbuf_table schema_long_reply = {.fields = long_reply, .count = 3};

static void the_short_way_agrees_with_the_long_one(void **state)
{
    uint8_t payload[STOP_SIZE];
    unsigned agreed[2] = {0, 0};
    (void)state;
    stop_put(payload);
    assert_int_equal(verify(payload, STOP_SIZE, &schema_long_reply), 0);
    /* The vector of entries, the entry with its vtable, and both strings. */
    for (uint32_t at = 64; at < 112; at++) {
        for (unsigned value = 0; value < 256; value++) {
            stop_put(payload);
            payload[at] = (uint8_t)value;
            bool two = verify(payload, STOP_SIZE, &schema_http_req_reply) == 0;
            bool three = verify(payload, STOP_SIZE, &schema_long_reply) == 0;
            if (two == three)
                agreed[two]++;
            else /* another vtable, or a longer one: a third string, and that is none */
                assert_true(two && (at / 4 == 80 / 4 || at / 4 == 72 / 4));
        }
    }
    assert_true(agreed[false] > 1000 && agreed[true] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_whole),
        cmocka_unit_test(does_not_mind_where_it_stands),
        cmocka_unit_test(refuses_every_shorter_one),
        cmocka_unit_test(judges_each_damage),
        cmocka_unit_test(refuses_an_offset_between_words),
        cmocka_unit_test(accepts_an_empty_string_without_its_zero),
        cmocka_unit_test(refuses_a_missing_field_that_is_required),
        cmocka_unit_test(counts_the_tables),
        cmocka_unit_test(counts_the_content),
        cmocka_unit_test(the_short_way_agrees_with_the_long_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
