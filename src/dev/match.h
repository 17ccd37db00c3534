/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which route a request belongs to, as nginx's `map` and `geo` blocks.
 *
 * APISIX's order decides: an exact host before a wildcard, a longer wildcard before a
 * shorter one, any host last; then an exact uri before a prefix, a longer prefix before a
 * shorter one; then the priority; then the place. Each (host, uri) of each route is one
 * regular expression of one map, in that order, over one text:
 *
 *     host method conditions uri            example.org GET 011 /get
 *
 * where each condition (remote_addrs, one comparison of vars) is a digit of its own.
 */
#ifndef DEV_MATCH_H
#define DEV_MATCH_H

#include <stdio.h>

#include "dev/model.h"

/* Writes the blocks that make $a6_match: "route-ID", or "none". -ENOMEM, or -EINVAL with
 * the error set when there are more conditions than nginx has room for. */
int match_write(FILE *to, const struct model *model, struct error *error);

/* Text as one token of nginx's configuration, in quotes. */
void match_quote(FILE *to, const char *text);

#endif
