/* SPDX-License-Identifier: Apache-2.0 */
/* One comparison of `vars` as a map that gives 1 or 0, and text as a regular expression. */
#ifndef DEV_MATCH_VAR_H
#define DEV_MATCH_VAR_H

#include <stdio.h>

#include "base/buffer.h"
#include "dev/model.h"

/* Writes the block that makes $a6_c<number>. */
void match_var_write(FILE *to, const struct model_var *var, size_t number);

/* Appends an expression that matches the text itself. What does not fit is left out. */
void match_var_escape(struct buffer *regex, const char *text);

#endif
