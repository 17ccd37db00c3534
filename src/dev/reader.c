/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

const char *reader_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

static int wrong_kind(struct reader *reader, const json_t *value, const char *wanted)
{
    return error_set(reader->error, "must be %s, not %s", wanted, reader_kind(value));
}

static const struct reader_key *find_key(const struct reader_key *keys, const char *name)
{
    for (; keys->name; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

static int unknown_key(struct reader *reader, const struct reader_key *keys, const char *name)
{
    struct nearest nearest;

    nearest_begin(&nearest, name);
    for (; keys->name; keys++)
        nearest_offer(&nearest, keys->name);
    if (nearest_found(&nearest))
        return error_set(reader->error, "the key '%s' is not supported here; did you mean '%s'?",
                         name, nearest_found(&nearest));
    return error_set(reader->error, "the key '%s' is not supported here", name);
}

int reader_object(struct reader *reader, json_t *object, const struct reader_key *keys, void *to)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return wrong_kind(reader, object, "an object");
    json_object_foreach(object, name, value)
    {
        const struct reader_key *key = find_key(keys, name);
        int result;

        if (!key && reader->unknown) {
            reader->unknown(reader->user, name);
            continue;
        }
        if (!key)
            return unknown_key(reader, keys, name);
        result = key->take ? key->take(reader, value, to) : 0;
        if (result < 0) {
            error_within(reader->error, name);
            return result;
        }
    }
    return 0;
}

void *reader_alloc(struct reader *reader, size_t size)
{
    void *memory = arena_alloc(reader->arena, size ? size : 1);

    if (!memory)
        (void)error_memory(reader->error);
    else
        memset(memory, 0, size);
    return memory;
}

int reader_text(struct reader *reader, json_t *value, const char **text)
{
    if (!json_is_string(value))
        return wrong_kind(reader, value, "a string");
    if (strlen(json_string_value(value)) != json_string_length(value))
        return error_set(reader->error, "has a zero byte in it");
    *text = json_string_value(value);
    return 0;
}

int reader_id(struct reader *reader, json_t *value, const char **text)
{
    char digits[32];
    size_t len;
    int result;

    if (json_is_integer(value)) {
        int written =
            snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        char *copy = arena_copy(reader->arena, digits, (size_t)written);

        *text = copy;
        result = copy ? 0 : error_memory(reader->error);
    } else {
        result = reader_text(reader, value, text);
    }
    if (result < 0 || !*text)
        return result;
    len = strlen(*text);
    if (len < 1 || len > 64 ||
        strspn(*text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
        return error_set(reader->error, "an id is 1 to 64 letters, digits, '-', '_' and '.'");
    return 0;
}

int reader_integer(struct reader *reader, json_t *value, long least, long most, long *to)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value))
        return wrong_kind(reader, value, "a whole number");
    if (number < least || number > most)
        return error_set(reader->error, "must be %ld to %ld", least, most);
    *to = (long)number;
    return 0;
}

int reader_bool(struct reader *reader, json_t *value, bool *to)
{
    if (!json_is_boolean(value))
        return wrong_kind(reader, value, "true or false");
    *to = json_is_true(value);
    return 0;
}

int reader_list(struct reader *reader, json_t *value, struct text_list *list,
                int (*check)(struct reader *reader, const char *text))
{
    json_t *item;
    size_t i;
    int result = 0;

    if (!json_is_array(value) || json_array_size(value) == 0)
        return error_set(reader->error, "must be a list that is not empty");
    if (list->count > 0)
        return error_set(reader->error, "is given twice, as one and as a list");
    list->items = reader_alloc(reader, json_array_size(value) * sizeof(*list->items));
    if (!list->items)
        return -ENOMEM;
    json_array_foreach(value, i, item)
    {
        result = reader_text(reader, item, &list->items[i]);
        if (result == 0 && check)
            result = check(reader, list->items[i]);
        if (result < 0)
            return result;
        list->count = i + 1;
    }
    return 0;
}

int reader_single(struct reader *reader, json_t *value, struct text_list *list,
                  int (*check)(struct reader *reader, const char *text))
{
    int result;

    if (list->count > 0)
        return error_set(reader->error, "is given twice, as one and as a list");
    list->items = reader_alloc(reader, sizeof(*list->items));
    if (!list->items)
        return -ENOMEM;
    result = reader_text(reader, value, &list->items[0]);
    if (result == 0 && check)
        result = check(reader, list->items[0]);
    list->count = result == 0;
    return result;
}

int reader_check_text(struct reader *reader, json_t *value, void *to)
{
    const char *text;

    (void)to;
    return json_is_null(value) ? 0 : reader_text(reader, value, &text);
}

int reader_check_labels(struct reader *reader, json_t *value, void *to)
{
    const char *name;
    json_t *label;

    (void)to;
    if (!json_is_null(value) && !json_is_object(value))
        return wrong_kind(reader, value, "an object");
    json_object_foreach(value, name, label)
    {
        int result = reader_check_text(reader, label, NULL);
        if (result < 0) {
            error_within(reader->error, name);
            return result;
        }
    }
    return 0;
}
