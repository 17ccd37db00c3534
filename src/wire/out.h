/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a message is written: bytes in memory that the owner knows how to grow.
 *
 * A connection's output, an nginx pool buffer and a test's array are all one of
 * these, so a message is built in the place that it is sent from. A large body that
 * stands at the end of a message is not copied: it is left as `tail`, borrowed from
 * the writer's caller, and is sent after the bytes.
 */
#ifndef WIRE_OUT_H
#define WIRE_OUT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct wire_out {
    uint8_t *data;
    size_t len;
    size_t capacity;
    /* Makes room so that capacity - len >= more; may move data. 0, or -ENOMEM or
     * -EMSGSIZE with everything as it was. NULL: fixed. */
    int (*grow)(struct wire_out *out, size_t more);

    /* Bodies of at least so many bytes become the tail; SIZE_MAX: never. */
    size_t tail_from;
    const void *tail;
    size_t tail_len;
};

/* Room for `more` bytes. 0, -ENOMEM, -EMSGSIZE. */
static inline int wire_out_reserve(struct wire_out *out, size_t more)
{
    if (out->capacity - out->len >= more)
        return 0;
    return out->grow ? out->grow(out, more) : -EMSGSIZE;
}

#endif
