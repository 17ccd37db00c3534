/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_suspend.h"

#include <errno.h>

/*
 *   RUNNING --filter returns--> PARKED --a6_resume--> RESUMED   around->resume, call_run
 *      |                          +------abandoned--> ABANDONED around->resume, call_end
 *      +-----a6_resume--> RESUMED_EARLY                         the filter's thread goes on
 */
enum { RUNNING, PARKED, RESUMED_EARLY, RESUMED, ABANDONED, ABANDONED_RESUMED };

struct call_suspension {
    a6_pending base; /* first: the plugin's pointer is ours */
    struct call *call;
    a6_result result; /* the holder's, until it is resumed */
    _Atomic int state;
};

a6_pending *call_suspend(a6_call *handle)
{
    struct call *call = (struct call *)(void *)handle;
    struct call_suspension *suspension;

    if (call->suspension || !call->current)
        return NULL;
    suspension = arena_alloc(&call->arena, sizeof(*suspension));
    if (!suspension)
        return NULL;
    suspension->base.host = &call_host;
    suspension->call = call;
    suspension->result = A6_ERROR;
    atomic_init(&suspension->state, RUNNING);
    call->suspension = suspension;
    return &suspension->base;
}

/* Steps to `to` if the state is `from`; else gives the state that it is. */
static int step(struct call_suspension *suspension, int from, int to)
{
    atomic_compare_exchange_strong_explicit(&suspension->state, &from, to, memory_order_acq_rel,
                                            memory_order_acquire);
    return from;
}

bool call_suspend_park(struct call *call, a6_result *result)
{
    struct call_suspension *suspension = call->suspension;

    if (step(suspension, RUNNING, PARKED) == RUNNING)
        return true;
    *result = suspension->result;
    return false;
}

a6_result call_suspend_result(const struct call *call)
{
    return call->suspension->result;
}

int call_suspend_resume(a6_pending *pending, a6_result result)
{
    struct call_suspension *suspension = (struct call_suspension *)(void *)pending;
    struct call *call = suspension->call;
    int state = atomic_load_explicit(&suspension->state, memory_order_acquire);

    if (state != RUNNING && state != PARKED && state != ABANDONED)
        return -EALREADY; /* a second a6_resume: not allowed, but seen in time */
    suspension->result = result;
    /* From the winning step on, the call is the other side's. */
    if (state == RUNNING && (state = step(suspension, RUNNING, RESUMED_EARLY)) == RUNNING)
        return 0;
    if (state == PARKED && step(suspension, PARKED, RESUMED) == PARKED) {
        call->around->resume(call);
        return 0;
    }
    atomic_store_explicit(&suspension->state, ABANDONED_RESUMED, memory_order_release);
    call->around->resume(call);
    return -ECANCELED;
}

bool call_abandon(struct call *call)
{
    return call->suspension && step(call->suspension, PARKED, ABANDONED) == PARKED;
}

bool call_abandoned(const struct call *call)
{
    return call->suspension &&
           atomic_load_explicit(&call->suspension->state, memory_order_acquire) >= ABANDONED;
}
