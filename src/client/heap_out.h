/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire_out in memory from malloc, up to the size of the largest frame. One thread
 * at a time.
 */
#ifndef CLIENT_HEAP_OUT_H
#define CLIENT_HEAP_OUT_H

#include "wire/out.h"

/* Takes no memory yet. */
void heap_out_init(struct wire_out *out);

/* Frees the memory; the output can be used again. */
void heap_out_free(struct wire_out *out);

#endif
