/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LEN 63
/* Letters from which on a mere beginning says what was meant. */
#define BEGINNING_MIN 3

void nearest_begin(struct nearest *nearest, const char *written)
{
    nearest->written = written;
    nearest->best = NULL;
    nearest->slips = UINT_MAX;
}

static int fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_slips(const char *a, const char *b)
{
    /* Rows of the usual table of distances between prefixes; two before this one
     * are enough, the older one for swapped neighbours. */
    unsigned rows[3][NAME_MAX_LEN + 1];
    size_t a_len = strnlen(a, NAME_MAX_LEN);
    size_t b_len = strnlen(b, NAME_MAX_LEN);

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *older = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;

            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = least(row[j], older[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

/* "warning" for "warn", "log" for "log-level". */
static bool one_begins_the_other(const char *a, const char *b)
{
    size_t len = 0;

    while (a[len] && b[len] && fold(a[len]) == fold(b[len]))
        len++;
    return len >= BEGINNING_MIN && (!a[len] || !b[len]);
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    unsigned slips = nearest_slips(nearest->written, name);

    if (slips > 1 && one_begins_the_other(nearest->written, name))
        slips = 1;
    if (slips < nearest->slips) {
        nearest->slips = slips;
        nearest->best = name;
    }
}

const char *nearest_found(const struct nearest *nearest)
{
    size_t len;

    if (!nearest->best)
        return NULL;
    len = strlen(nearest->best);
    /* One slip is always forgiven, in names of two letters or more. */
    if (nearest->slips > (len < 2 ? 0 : len / 3 > 1 ? len / 3 : 1))
        return NULL;
    return nearest->best;
}
