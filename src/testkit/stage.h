/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays one call of the gateway without a socket: a frame goes in, the plugins of a
 * chain run, what they ask is answered from a script, and the reply comes out as the
 * runner would send it. For the test kit and `c-runner try`.
 *
 * Delays are not waited for but added up; a suspended call is waited for. One thread,
 * but for what plugins do themselves.
 */
#ifndef TESTKIT_STAGE_H
#define TESTKIT_STAGE_H

#include <pthread.h>

#include "client/answers.h"
#include "plugin/call.h"

struct stage {
    struct call_limits limits;     /* may be changed before stage_play */
    const struct answers *answers; /* borrowed; NULL: nothing is known */
    int64_t gone_after;            /* the gateway vanishes after so many answers; -1: never */

    /* what came out of the last stage_play */
    struct wire_out reply; /* one frame */
    uint64_t delayed_ms;
    uint32_t asked;

    struct call call;
    struct answers_turn turn;
    pthread_mutex_t mutex;
    pthread_cond_t resumed;
    bool resume_due;
    bool stuck; /* somebody still has the call: it is never freed */
};

/* What stage_play gives besides 0. */
enum {
    STAGE_LOST = 1, /* the gateway vanished or did not understand: there is no reply */
};

/* 0, -ENOMEM; stage_free is due in any case. */
int stage_init(struct stage *stage, const struct answers *answers);
void stage_free(struct stage *stage);

/* Runs the frame's call (its 4 bytes of header included) through the chain. 0 with a
 * frame in stage->reply; STAGE_LOST; -EBADMSG: the frame is no call; -ENOMEM;
 * -ETIMEDOUT: a suspended call was not resumed, even long after its deadline, and its
 * memory is lost. */
int stage_play(struct stage *stage, struct chain *chain, const uint8_t *frame, size_t len);

/* What a status other than 0 means, for a person. */
const char *stage_why(int status);

#endif
