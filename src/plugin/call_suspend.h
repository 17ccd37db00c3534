/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A suspended call: two threads may look at it at once, the one in which the filter runs
 * (later the call's owner), and the holder of the a6_pending. They meet in one atomic
 * number; everything else belongs to one of them.
 */
#ifndef PLUGIN_CALL_SUSPEND_H
#define PLUGIN_CALL_SUSPEND_H

#include "plugin/call.h"

/* The filter has returned. True: the call is parked, and is the holder's: nothing of it
 * may be touched any more. False: the holder has resumed already; *result is what it
 * said. */
bool call_suspend_park(struct call *call, a6_result *result);

/* After around->resume: what the holder said. */
a6_result call_suspend_result(const struct call *call);

/* The functions of the host's table. */
a6_pending *call_suspend(a6_call *handle);
int call_suspend_resume(a6_pending *pending, a6_result result);

#endif
