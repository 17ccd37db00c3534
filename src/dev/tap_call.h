/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call as an object for the log and the page:
 *
 *     {"phase": "pre-req", "conf": "route-1", "plugins": ["say"], "asked": ["$remote_addr"],
 *      "did": "answered 200", "changes": [{"mark": "+", "what": "header", "name": "x",
 *      "value": "1"}], "us": 120}
 *
 * or with "error" instead of "did". Objects are the caller's; NULL objects are passed over.
 */
#ifndef DEV_TAP_CALL_H
#define DEV_TAP_CALL_H

#include <jansson.h>

#include "wire/frame.h"
#include "wire/message.h"

/* What a PrepareConf says: {"key", "phase", "conf", "plugins"}; NULL: it is none. */
json_t *tap_call_conf(const struct frame *prepare);

/* The token of a call; 0 for a frame that cannot be read. */
uint32_t tap_call_token(const struct frame *call);

/* conf: of the call's token, or NULL when it is not known. */
json_t *tap_call_begin(json_t *conf);

/* The runner asks something: an ExtraInfo. */
void tap_call_asked(json_t *call, const struct frame *question);

/* asked: the call's frame; answered: the reply, or an Error. */
void tap_call_answered(json_t *call, const struct frame *asked, const struct frame *answered);

#endif
