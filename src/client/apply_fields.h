/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of headers or args under change, with marks: the part of apply that knows
 * names and values and nothing of HTTP's rules. Only apply uses it.
 */
#ifndef CLIENT_APPLY_FIELDS_H
#define CLIENT_APPLY_FIELDS_H

#include "client/apply.h"

/* A list with the pairs in it as they are, and room for `more`. -ENOMEM. */
int apply_fields_make(struct arena *arena, struct wire_pairs pairs, uint32_t more,
                      struct apply_fields *fields);

bool apply_fields_same(struct wire_str a, struct wire_str b, bool fold_case);
bool apply_fields_is(struct wire_str name, const char *text); /* in any case */

/* Makes value the only one of the name. There must be room for one more. */
void apply_fields_set(struct apply_fields *fields, struct wire_str name, struct wire_str value,
                      bool fold_case);
void apply_fields_delete(struct apply_fields *fields, struct wire_str name, bool fold_case);

/* There must be room for one more. */
void apply_fields_add(struct apply_fields *fields, struct wire_str name, struct wire_str value);

/* Marks `after` with what changed from before: a list in the order of after, deleted
 * ones at the end. -ENOMEM. */
int apply_fields_compare(struct arena *arena, struct wire_pairs before, struct wire_vector after,
                         struct apply_fields *fields);

/* A copy in lower case; data NULL: no memory. */
struct wire_str apply_fields_lower(struct arena *arena, struct wire_str name);

#endif
