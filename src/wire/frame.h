/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the gateway's stream: type (1 byte), length of the payload (3 bytes,
 * big-endian), payload. No I/O, no memory of its own, any thread.
 * Source: docs/protocol.md, "Frame".
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_SIZE 4u
#define FRAME_PAYLOAD_MAX 0xffffffu

enum frame_type {
    FRAME_ERROR = 0,
    FRAME_PREPARE_CONF = 1,
    FRAME_HTTP_REQ_CALL = 2,
    FRAME_EXTRA_INFO = 3,
    FRAME_HTTP_RESP_CALL = 4,
};

struct frame {
    uint8_t type; /* as received: may be none of enum frame_type */
    uint32_t size;
    const uint8_t *payload; /* borrowed from the bytes given */
};

/* What frame_parse gives besides 0. */
enum {
    FRAME_NEED_HEADER = 1,  /* fewer than four bytes */
    FRAME_NEED_PAYLOAD = 2, /* type and size are set, the payload is not whole yet */
};

/* Looks for a frame at the start of len bytes. 0: whole, and it takes
 * FRAME_HEADER_SIZE + size bytes. Never fails: every three bytes are a length. */
static inline int frame_parse(const uint8_t *data, size_t len, struct frame *frame)
{
    if (len < FRAME_HEADER_SIZE)
        return FRAME_NEED_HEADER;
    frame->type = data[0];
    frame->size = (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    frame->payload = data + FRAME_HEADER_SIZE;
    return len - FRAME_HEADER_SIZE < frame->size ? FRAME_NEED_PAYLOAD : 0;
}

/* size must not pass FRAME_PAYLOAD_MAX. */
static inline void frame_put_header(uint8_t *at, enum frame_type type, uint32_t size)
{
    at[0] = (uint8_t)type;
    at[1] = (uint8_t)(size >> 16);
    at[2] = (uint8_t)(size >> 8);
    at[3] = (uint8_t)size;
}

#endif
