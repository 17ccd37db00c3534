/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/habit.h"

#include <string.h>

enum { FREE, WRITING, STANDS };

/* Fetched from here on; a habit that is used in fewer than four of five calls sinks
 * below it. */
#define WORTH 8
#define SCORE_MAX 24
#define UNUSED_COSTS 4

static void change(struct habit *habit, int32_t by)
{
    int32_t score = atomic_load_explicit(&habit->score, memory_order_relaxed) + by;

    /* Two threads may count as one: it is a tendency, not a sum. */
    if (score > SCORE_MAX)
        score = SCORE_MAX;
    if (score < 0)
        score = 0;
    atomic_store_explicit(&habit->score, score, memory_order_relaxed);
}

static bool stands(const struct habit *habit)
{
    return atomic_load_explicit(&habit->state, memory_order_acquire) == STANDS;
}

void habit_note(struct habits *habits, struct wire_str name)
{
    if (name.len > HABIT_NAME_MAX)
        return;
    for (unsigned i = 0; i < HABITS_MAX; i++) {
        struct habit *habit = &habits->list[i];
        uint8_t free_state = FREE;

        if (stands(habit)) {
            if (habit->len != name.len || memcmp(habit->name, name.data, name.len) != 0)
                continue;
            change(habit, 1);
            return;
        }
        if (!atomic_compare_exchange_strong(&habit->state, &free_state, WRITING))
            return; /* somebody writes it just now; there will be other calls */
        habit->len = (uint8_t)name.len;
        memcpy(habit->name, name.data, name.len);
        atomic_store_explicit(&habit->score, 1, memory_order_relaxed);
        atomic_store_explicit(&habit->state, STANDS, memory_order_release);
        return;
    }
}

struct habit *habit_next(struct habits *habits, unsigned *index)
{
    while (*index < HABITS_MAX) {
        struct habit *habit = &habits->list[(*index)++];
        if (!stands(habit))
            break; /* they are written in order */
        if (atomic_load_explicit(&habit->score, memory_order_relaxed) >= WORTH)
            return habit;
    }
    return NULL;
}

void habit_judge(struct habit *habit, bool used)
{
    change(habit, used ? 1 : -UNUSED_COSTS);
}
