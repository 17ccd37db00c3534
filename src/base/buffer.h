/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow up to a maximum. There is no buffer without one.
 *
 * `data` moves when the buffer grows. Growing doubles, so the cost of n bytes is in
 * the order of n. One thread at a time.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max;
};

/* Takes no memory yet. */
void buffer_init(struct buffer *buffer, size_t max);

/* Room for `more` bytes behind len. 0, -ENOMEM, or -EMSGSIZE past the maximum; then
 * the buffer is as it was. */
int buffer_reserve(struct buffer *buffer, size_t more);

int buffer_append(struct buffer *buffer, const void *data, size_t len);

/* Formats at the end, without a NUL. Errors as above. */
__attribute__((format(printf, 2, 3))) int buffer_printf(struct buffer *buffer, const char *format,
                                                        ...);

/* Frees the memory; the buffer can be used again. */
void buffer_free(struct buffer *buffer);

#endif
