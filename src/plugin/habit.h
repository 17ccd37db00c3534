/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step's filter asks in nearly every call, though its plugin did not declare it:
 * it is then fetched before the filter is called, as if it had been declared.
 *
 * A question in the middle of a filter costs a thread change each way, one in advance
 * costs none: `make bench`, rows "one variable, asked in the filter" and "declared". A
 * habit is learnt from calls that ask, and unlearnt from calls that were spared a
 * question they did not have. Only variables: asking for one changes nothing at the
 * gateway, asking for a body would.
 *
 * Part of a chain's step; any thread.
 */
#ifndef PLUGIN_HABIT_H
#define PLUGIN_HABIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/flatbuf.h"

#define HABIT_NAME_MAX 62
#define HABITS_MAX 3

struct habit {
    _Atomic uint8_t state; /* 0: free, 1: being written, 2: the name stands */
    uint8_t len;
    char name[HABIT_NAME_MAX];
    _Atomic int32_t score;
};

struct habits {
    struct habit list[HABITS_MAX];
};

/* The filter asked for the variable, and it was not there. */
void habit_note(struct habits *habits, struct wire_str name);

/* The next habit that is worth fetching, at or behind *index, which becomes its place
 * plus one; NULL: none. */
struct habit *habit_next(struct habits *habits, unsigned *index);

/* It was fetched in advance; was it asked for? */
void habit_judge(struct habit *habit, bool used);

static inline struct wire_str habit_name(const struct habit *habit)
{
    return (struct wire_str){habit->name, habit->len};
}

#endif
