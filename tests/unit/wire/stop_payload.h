/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payload laid by hand, so that it owes nothing to our builder: an HTTPReqCall reply
 * that stops with 403, one header and a body. Every word has its position in front, so
 * that a test can spoil the one that it means.
 */
#ifndef WIRE_STOP_PAYLOAD_H
#define WIRE_STOP_PAYLOAD_H

#include <stdint.h>
#include <string.h>

#define HALVES(low, high) ((uint32_t)(low) | (uint32_t)(high) << 16)

static const uint32_t stop_words[] = {
    /*   0 */ 20,             /* the root table */
    /*   4 */ HALVES(10, 16), /* its vtable: sizes of vtable and table, */
    /*   8 */ HALVES(4, 12),  /* id, action type, */
    /*  12 */ HALVES(8, 0),   /* action */
    /*  16 */ 0,
    /*  20 */ 16,             /* root table: back to its vtable, */
    /*  24 */ 7,              /* id, */
    /*  28 */ 20,             /* action, */
    /*  32 */ 1,              /* action type: Stop */
    /*  36 */ HALVES(10, 16), /* Stop's vtable: sizes, */
    /*  40 */ HALVES(12, 4),  /* status, headers, */
    /*  44 */ HALVES(8, 0),   /* body */
    /*  48 */ 12,             /* Stop: back to its vtable, */
    /*  52 */ 12,             /* headers, */
    /*  56 */ 60,             /* body, */
    /*  60 */ 403,            /* status */
    /*  64 */ 1,              /* headers: how many, */
    /*  68 */ 12,             /* the entry */
    /*  72 */ HALVES(8, 12),  /* entry's vtable: sizes, */
    /*  76 */ HALVES(4, 8),   /* name, value */
    /*  80 */ 8,              /* entry: back to its vtable, */
    /*  84 */ 8,              /* name, */
    /*  88 */ 16,             /* value */
    /*  92 */ 5,              /* name: length, */
    /*  96 */ 0x6d616e78,     /* "xnam", */
    /* 100 */ 0x00000065,     /* "e" */
    /* 104 */ 2,              /* value: length, */
    /* 108 */ 0x00006b6f,     /* "ok" */
    /* 112 */ 0,
    /* 116 */ 4,          /* body: length, */
    /* 120 */ 0x79646f62, /* "body" */
};

enum { STOP_SIZE = sizeof(stop_words) };

static inline void stop_put(uint8_t *payload)
{
    memcpy(payload, stop_words, STOP_SIZE);
}

static inline void stop_patch(uint8_t *payload, uint32_t at, unsigned width, uint32_t value)
{
    memcpy(payload + at, &value, width);
}

#endif
