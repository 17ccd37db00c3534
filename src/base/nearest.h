/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the name among those offered that is the fewest slips of the
 * keyboard away from what somebody wrote. A name of which only the beginning was
 * written, or that was gone on with ("warning" for "warn"), is one slip away.
 *
 *     nearest_begin(&nearest, written);
 *     for each right name: nearest_offer(&nearest, name);
 *     if (nearest_found(&nearest)) ...
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *written;
    const char *best;
    unsigned slips; /* of the best */
};

/* `written` and the offered names are borrowed as long as the struct is used. */
void nearest_begin(struct nearest *nearest, const char *written);
void nearest_offer(struct nearest *nearest, const char *name);

/* NULL when nothing is near enough to be what was meant: more than a third wrong. */
const char *nearest_found(const struct nearest *nearest);

/* Letters to insert, delete or change, or neighbours to swap, to make one name of the
 * other; '-' and '_' are the same and case does not count. Of longer names only the
 * first 63 bytes count. */
unsigned nearest_slips(const char *a, const char *b);

#endif
