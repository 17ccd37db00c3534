/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods that the protocol knows, by number and name. Any thread.
 * Source: docs/protocol.md, "Schema".
 */
#ifndef CLIENT_METHOD_H
#define CLIENT_METHOD_H

#include <stddef.h>
#include <stdint.h>

/* "?" for a number outside the schema. */
const char *method_name(uint8_t method);

/* In upper case, as in HTTP. 0, or -ENOENT: the gateway refuses such a request itself. */
int method_find(const char *name, size_t len, uint8_t *method);

#endif
