/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call asks from the gateway, once, and keeps: variables and the two bodies.
 * Asked in advance through CALL_ASK, or by a filter in the middle of its run.
 */
#ifndef PLUGIN_CALL_ASKED_H
#define PLUGIN_CALL_ASKED_H

#include "plugin/call.h"

/* The largest body whose answer fits a frame. */
#define CALL_BODY_MAX (FRAME_PAYLOAD_MAX - 27u)

/* Sets call->question to the next thing that the step declared and that is not here;
 * false when there is none. */
bool call_asked_next(struct call *call, struct chain_step *step);

/* After a step: did its filter ask for what it was expected to? */
void call_asked_judge(struct call *call);

/* An answer that is wanted after CALL_ASK but was never given counts as no answer. */
void call_asked_settle(struct call *call);

/* For filters: 0, -EINVAL, -ENOMEM, -ECANCELED, -EMSGSIZE. */
int call_asked_var(struct call *call, a6_str name, struct wire_str *value);
int call_asked_body(struct call *call, enum message_info type, struct wire_str *body);

/* Whether the plugin that runs takes so many bytes: 0 or -EMSGSIZE. */
int call_asked_check_size(const struct call *call, const struct plugin *plugin, uint64_t len);

#endif
