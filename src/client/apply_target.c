/* SPDX-License-Identifier: Apache-2.0 */
#include "client/apply_target.h"

#include <errno.h>
#include <string.h>

struct text {
    char *data;
    uint32_t len;
};

/* The gateway's two ways of percent-encoding: a path keeps all but what would end it
 * or is no printable ASCII, an arg keeps only unreserved characters. */
static bool path_keeps(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("#%?", c);
}

static bool arg_keeps(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("-._~!*'()", c));
}

static void put(struct text *text, const char *data, uint32_t len)
{
    if (len)
        memcpy(text->data + text->len, data, len);
    text->len += len;
}

static void put_encoded(struct text *text, struct wire_str from, bool (*keeps)(unsigned char))
{
    static const char digits[] = "0123456789ABCDEF";

    for (uint32_t i = 0; i < from.len; i++) {
        unsigned char c = (unsigned char)from.data[i];
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (keeps(c))
            put(text, (const char *)&from.data[i], 1);
        else
            put(text, escaped, 3);
    }
}

static void put_args(struct text *text, const struct apply_fields *args)
{
    char before = '?';

    for (uint32_t i = 0; i < args->count; i++) {
        const struct apply_field *arg = &args->first[i];

        if (arg->mark == APPLY_DELETED)
            continue;
        put(text, &before, 1);
        put_encoded(text, arg->name, arg_keeps);
        if (arg->value.data) {
            put(text, "=", 1);
            put_encoded(text, arg->value, arg_keeps);
        }
        before = '&';
    }
}

int apply_target_make(struct arena *arena, struct wire_str old, struct wire_str path,
                      const struct apply_fields *args, struct wire_str *target)
{
    const char *question = old.len ? memchr(old.data, '?', old.len) : NULL;
    uint32_t old_path = question ? (uint32_t)(question - old.data) : old.len;
    size_t room = (size_t)old.len + 3 * (size_t)path.len + 1;
    struct text text = {0};

    for (uint32_t i = 0; args && i < args->count; i++)
        room += 3 * ((size_t)args->first[i].name.len + args->first[i].value.len) + 2;
    text.data = arena_alloc(arena, room);
    if (!text.data)
        return -ENOMEM;
    if (path.data)
        put_encoded(&text, path, path_keeps);
    else
        put(&text, old.data, old_path);
    if (args)
        put_args(&text, args);
    else if (question)
        put(&text, question, old.len - old_path);
    *target = (struct wire_str){.data = text.data, .len = text.len};
    return 0;
}
