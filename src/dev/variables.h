/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment variables in files, in the gateway's form: ${{NAME}}, or with a default
 * ${{NAME:=value}}. They are put in before the text is read as YAML, as the gateway does,
 * so that quotes decide whether "${{PORT}}" is a text or a number.
 */
#ifndef DEV_VARIABLES_H
#define DEV_VARIABLES_H

#include "base/buffer.h"
#include "dev/error.h"

/* Appends the text with all values put in. 0; -EINVAL for a variable that is neither set
 * nor has a default; -ENOMEM, also beyond the buffer's maximum. The error is set. */
int variables_replace(struct buffer *to, const char *text, size_t len, struct error *error);

#endif
