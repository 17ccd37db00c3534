/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a plugin's doing, for the log: with plugin, file, call and conf; the
 * same once for each conf, and then at debug level.
 */
#ifndef PLUGIN_CALL_COMPLAIN_H
#define PLUGIN_CALL_COMPLAIN_H

#include "plugin/call.h"

/* Of the filter that runs: "plugin NAME (FILE): request_filter <text>; call ID, conf KEY". */
__attribute__((format(printf, 2, 3))) void call_complain(struct call *call, const char *format,
                                                         ...);

/* A filter's result that is not A6_OK. */
void call_complain_result(struct call *call, a6_result result);

/* Of a step whose plugin has no filter for the phase that the conf names it in: it does
 * nothing there, and whoever wrote the route should know. A warning, once for the step. */
void call_complain_idle(const struct call *call, struct chain_step *step);

/* Of the reply, after the filters: names the one that made most of it, or all. */
void call_complain_reply(struct call *call, const char *text);

#endif
