/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/variables.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128

/* Both ends without white space. */
static void trim(const char **text, size_t *len)
{
    while (*len > 0 && isspace((unsigned char)**text)) {
        ++*text;
        --*len;
    }
    while (*len > 0 && isspace((unsigned char)(*text)[*len - 1]))
        --*len;
}

static size_t name_length(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && (isalnum((unsigned char)text[i]) || text[i] == '_'))
        i++;
    return i;
}

/* What stands between the braces: NAME, or NAME:=default. */
static int put_value(struct buffer *to, const char *text, size_t len, struct error *error)
{
    char name[NAME_MAX_BYTES];
    const char *value, *preset = NULL;
    size_t name_len;

    trim(&text, &len);
    name_len = name_length(text, len);
    if (len >= name_len + 2 && memcmp(text + name_len, ":=", 2) == 0) {
        preset = text + name_len + 2;
        len -= name_len + 2;
        trim(&preset, &len);
    } else if (len != name_len) {
        name_len = 0;
    }
    if (name_len == 0 || name_len >= sizeof(name))
        return error_set(error, "${{...}} must have the name of an environment variable in it, "
                                "with a default after ':=' if it needs one");
    memcpy(name, text, name_len);
    name[name_len] = '\0';
    value = getenv(name);
    if (!value && !preset)
        return error_set(error,
                         "the environment variable %s is not set; set it, or give it a default: "
                         "${{%s:=value}}",
                         name, name);
    if (value)
        len = strlen(value);
    return buffer_append(to, value ? value : preset, len) < 0 ? error_memory(error) : 0;
}

int variables_replace(struct buffer *to, const char *text, size_t len, struct error *error)
{
    const char *end = text + len;

    while (text < end) {
        const char *start = memmem(text, (size_t)(end - text), "${{", 3);
        const char *stop = start ? memmem(start, (size_t)(end - start), "}}", 2) : NULL;
        size_t plain = stop ? (size_t)(start - text) : (size_t)(end - text);

        if (buffer_append(to, text, plain) < 0)
            return error_memory(error);
        if (!stop)
            break;
        if (put_value(to, start + 3, (size_t)(stop - start) - 3, error) < 0)
            return -EINVAL;
        text = stop + 2;
    }
    return 0;
}
