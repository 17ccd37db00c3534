/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway knows when a runner asks in the middle of a call: variables and
 * bodies, as ExtraInfo frames that are ready to be sent.
 *
 * Filled once, then read only and used by any number of calls and threads. What
 * changes during a call is in its answers_turn.
 */
#ifndef CLIENT_ANSWERS_H
#define CLIENT_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"

/* A whole frame, header included. */
struct answers_frame {
    uint8_t *data;
    size_t len;
};

struct answers_variable;

struct answers {
    struct answers_variable *variables;
    size_t count;
    struct answers_frame nothing;
    struct answers_frame request_body;
    struct answers_frame response_body;
};

/* Knows nothing yet. 0, -ENOMEM. */
int answers_init(struct answers *answers);
void answers_free(struct answers *answers);

/* All copy. 0, -ENOMEM, -EMSGSIZE. A variable that is added again keeps its first
 * value. An empty request body counts as none, as the gateway has it. */
int answers_add_variable(struct answers *answers, struct wire_str name, struct wire_str value);
int answers_set_request_body(struct answers *answers, struct wire_str body);
int answers_set_response_body(struct answers *answers, struct wire_str body);

/* One call. */
struct answers_turn {
    bool response_phase;
    bool response_body_given; /* the gateway gives it only once */
    uint32_t asked;
};

/* The frame that answers the question; valid as long as the answers. */
struct answers_frame answers_find(const struct answers *answers, struct answers_turn *turn,
                                  const struct message_extra_info *question);

#endif
