/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which plugin's code a thread is in, written where it is found when the process has
 * crashed: with the thread that crashed, or that called exit().
 *
 * Whoever runs plugins may give each thread a place; without one nothing is written. A
 * place is written by its own thread only.
 */
#ifndef PLUGIN_INSIDE_H
#define PLUGIN_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/registry.h"

enum inside_phase {
    INSIDE_REQUEST,
    INSIDE_RESPONSE,
    INSIDE_INIT,
    INSIDE_PARSE_CONF,
    INSIDE_FREE_CONF,
    INSIDE_SHUTDOWN,
};

struct inside {
    _Atomic uint32_t plugin; /* its number in the registry plus one; 0: no plugin's code */
    uint32_t phase;
    uint32_t call_id; /* of the call that the thread last had to do with */
};

/* Of this thread. Found by signal handlers too, so it may not be allocated on first use. */
extern _Thread_local struct inside *inside_place __attribute__((tls_model("initial-exec")));

/* This is a child process that a plugin has forked: it shares the connections, and may not
 * come back from the plugin's code. Set once inside_watch_forks was called. */
extern bool inside_forked;

void inside_watch_forks(void);

/* Ends the child. */
_Noreturn void inside_end_child(void);

static inline void inside_call(uint32_t call_id)
{
    if (inside_place)
        inside_place->call_id = call_id;
}

static inline void inside_enter(const struct plugin *plugin, enum inside_phase phase)
{
    if (!inside_place)
        return;
    inside_place->phase = phase;
    atomic_store_explicit(&inside_place->plugin, plugin->number + 1, memory_order_release);
}

static inline void inside_leave(void)
{
    if (!inside_place)
        return;
    if (inside_forked)
        inside_end_child();
    atomic_store_explicit(&inside_place->plugin, 0, memory_order_release);
}

#endif
