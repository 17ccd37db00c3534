/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_SIZE 256u

void buffer_init(struct buffer *buffer, size_t max)
{
    /* Sums of two lengths within the limit never overflow. */
    if (max > SIZE_MAX / 4)
        max = SIZE_MAX / 4;
    *buffer = (struct buffer){.max = max};
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity;
    size_t need;
    uint8_t *data;

    if (more <= capacity - buffer->len)
        return 0;
    if (more > buffer->max - buffer->len)
        return -EMSGSIZE;
    need = buffer->len + more;
    capacity = capacity ? capacity * 2 : BUFFER_FIRST_SIZE;
    if (capacity < need)
        capacity = need;
    if (capacity > buffer->max)
        capacity = buffer->max;
    /* One byte that is not counted: the NUL that formatting writes. */
    data = realloc(buffer->data, capacity + 1);
    if (!data)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    int err = buffer_reserve(buffer, len);

    if (err)
        return err;
    if (len)
        memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    return 0;
}

static int buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
    size_t room = buffer->capacity - buffer->len;
    char *at = buffer->data ? (char *)buffer->data + buffer->len : NULL;
    va_list again;
    int len;
    int err;

    va_copy(again, args);
    len = vsnprintf(at, at ? room + 1 : 0, format, args);
    if (len < 0) {
        err = -EMSGSIZE;
    } else if (at && (size_t)len <= room) {
        err = 0;
    } else {
        err = buffer_reserve(buffer, (size_t)len);
        if (!err && len)
            vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    if (!err)
        buffer->len += (size_t)len;
    return err;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int err;

    va_start(args, format);
    err = buffer_vprintf(buffer, format, args);
    va_end(args);
    return err;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->max);
}
