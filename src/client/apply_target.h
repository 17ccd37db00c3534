/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request line's target as the gateway builds it after a rewrite. Only apply uses
 * it.
 */
#ifndef CLIENT_APPLY_TARGET_H
#define CLIENT_APPLY_TARGET_H

#include "client/apply.h"

/*
 * path absent: that of the old target. args NULL: the old target's as they were sent;
 * otherwise those that are not deleted. -ENOMEM.
 */
int apply_target_make(struct arena *arena, struct wire_str old, struct wire_str path,
                      const struct apply_fields *args, struct wire_str *target);

#endif
