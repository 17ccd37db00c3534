/* SPDX-License-Identifier: Apache-2.0 */
#include "client/heap_out.h"

#include <stdlib.h>

#include "wire/frame.h"

#define MAX_SIZE ((size_t)FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)
#define FIRST_SIZE 1024u

static int grow(struct wire_out *out, size_t more)
{
    size_t capacity = out->capacity ? out->capacity : FIRST_SIZE;
    uint8_t *data;

    if (more > MAX_SIZE - out->len)
        return -EMSGSIZE;
    while (capacity - out->len < more)
        capacity *= 2;
    if (capacity > MAX_SIZE)
        capacity = MAX_SIZE;
    data = realloc(out->data, capacity);
    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = capacity;
    return 0;
}

void heap_out_init(struct wire_out *out)
{
    *out = (struct wire_out){.grow = grow, .tail_from = SIZE_MAX};
}

void heap_out_free(struct wire_out *out)
{
    free(out->data);
    heap_out_init(out);
}
