/* SPDX-License-Identifier: Apache-2.0 */
#include "client/apply_fields.h"

#include <errno.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool apply_fields_same(struct wire_str a, struct wire_str b, bool fold_case)
{
    if (a.len != b.len)
        return false;
    if (!fold_case)
        return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
    for (uint32_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool apply_fields_is(struct wire_str name, const char *text)
{
    struct wire_str other = {.data = text, .len = (uint32_t)strlen(text)};

    return apply_fields_same(name, other, true);
}

struct wire_str apply_fields_lower(struct arena *arena, struct wire_str name)
{
    char *copy = arena_copy(arena, name.data, name.len);

    if (!copy)
        return (struct wire_str){0};
    for (uint32_t i = 0; i < name.len; i++)
        copy[i] = lower(copy[i]);
    return (struct wire_str){.data = copy, .len = name.len};
}

int apply_fields_make(struct arena *arena, struct wire_pairs pairs, uint32_t more,
                      struct apply_fields *fields)
{
    size_t room = (size_t)pairs.count + more;

    fields->count = 0;
    fields->first = arena_alloc(arena, (room ? room : 1) * sizeof(*fields->first));
    if (!fields->first)
        return -ENOMEM;
    for (uint32_t i = 0; i < pairs.count; i++)
        fields->first[fields->count++] = (struct apply_field){
            .name = pairs.first[i].name,
            .value = pairs.first[i].value,
        };
    return 0;
}

void apply_fields_add(struct apply_fields *fields, struct wire_str name, struct wire_str value)
{
    fields->first[fields->count++] = (struct apply_field){
        .name = name,
        .value = value,
        .mark = APPLY_ADDED,
    };
}

static void remove_at(struct apply_fields *fields, uint32_t at)
{
    fields->count--;
    memmove(fields->first + at, fields->first + at + 1,
            (fields->count - at) * sizeof(*fields->first));
}

/* Takes one field out; what was never there before leaves no trace. */
static void take_out(struct apply_fields *fields, uint32_t *at)
{
    struct apply_field *field = &fields->first[*at];

    if (field->mark == APPLY_ADDED) {
        remove_at(fields, (*at)--);
        return;
    }
    if (field->mark == APPLY_CHANGED)
        field->value = field->before;
    field->mark = APPLY_DELETED;
}

static bool present_equal(struct wire_str a, struct wire_str b)
{
    return !a.data == !b.data && apply_fields_same(a, b, false);
}

static void replace(struct apply_field *field, struct wire_str value)
{
    struct wire_str original = field->mark == APPLY_CHANGED ? field->before : field->value;

    if (field->mark != APPLY_ADDED) {
        field->before = original;
        field->mark = present_equal(original, value) ? APPLY_SAME : APPLY_CHANGED;
    }
    field->value = value;
}

void apply_fields_set(struct apply_fields *fields, struct wire_str name, struct wire_str value,
                      bool fold_case)
{
    bool done = false;

    for (uint32_t i = 0; i < fields->count; i++) {
        if (!apply_fields_same(fields->first[i].name, name, fold_case))
            continue;
        if (done) {
            take_out(fields, &i);
            continue;
        }
        replace(&fields->first[i], value);
        done = true;
    }
    if (!done)
        apply_fields_add(fields, name, value);
}

void apply_fields_delete(struct apply_fields *fields, struct wire_str name, bool fold_case)
{
    for (uint32_t i = 0; i < fields->count; i++)
        if (apply_fields_same(fields->first[i].name, name, fold_case))
            take_out(fields, &i);
}

/* The old field that a new one stands for: one with the same value, else one with the
 * same name. Used up old fields carry the mark APPLY_SAME. NULL: none. */
static struct apply_field *counterpart(struct apply_fields *old, struct wire_pair pair)
{
    struct apply_field *found = NULL;

    for (uint32_t i = 0; i < old->count; i++) {
        struct apply_field *field = &old->first[i];

        if (field->mark != APPLY_DELETED || !apply_fields_same(field->name, pair.name, true))
            continue;
        if (apply_fields_same(field->value, pair.value, false))
            return field;
        if (!found)
            found = field;
    }
    return found;
}

int apply_fields_compare(struct arena *arena, struct wire_pairs before, struct wire_vector after,
                         struct apply_fields *fields)
{
    struct apply_fields old;
    int status = apply_fields_make(arena, before, 0, &old);

    if (status == 0)
        status =
            apply_fields_make(arena, (struct wire_pairs){0}, before.count + after.count, fields);
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < old.count; i++)
        old.first[i].mark = APPLY_DELETED;
    for (uint32_t i = 0; i < after.count; i++) {
        struct wire_pair pair = message_pair_at(after, i);
        struct apply_field *was = counterpart(&old, pair);

        apply_fields_add(fields, pair.name, pair.value);
        if (was) {
            struct apply_field *now = &fields->first[fields->count - 1];

            was->mark = APPLY_SAME;
            now->before = was->value;
            now->mark =
                apply_fields_same(was->value, pair.value, false) ? APPLY_SAME : APPLY_CHANGED;
        }
    }
    for (uint32_t i = 0; i < old.count; i++)
        if (old.first[i].mark == APPLY_DELETED)
            fields->first[fields->count++] = old.first[i];
    return 0;
}
