/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call on a stage with HTTP at both ends: from the request (or the upstream's response)
 * to what the upstream and the client see.
 */
#ifndef TESTKIT_STAGE_HTTP_H
#define TESTKIT_STAGE_HTTP_H

#include "client/http_args.h"
#include "testkit/stage.h"

/* What stage_http_play gives besides 0 and what stage_play gives. */
enum {
    STAGE_ERROR = 2, /* the runner's reply is an Error frame */
};

/* Plays the message through the chain and applies the reply as the gateway does. The
 * outcome lives in the arena and borrows from http and stage. 0, STAGE_LOST, STAGE_ERROR,
 * -errno. */
int stage_http_play(struct stage *stage, struct chain *chain, const struct http_args *http,
                    struct arena *arena, struct apply_outcome *outcome);

#endif
