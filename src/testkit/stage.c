/* SPDX-License-Identifier: Apache-2.0 */
#include "testkit/stage.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/heap_out.h"
#include "wire/frame.h"

/* As the runner's defaults. */
#define STAGE_MAX_MEMORY (1u << 20)
#define STAGE_DEADLINE_MS 56000u

/* How much longer than its deadline a suspended call is waited for: its a6_resume is due
 * in any case, and the call's memory is in use until then. */
#define STAGE_PATIENCE_MS 10000u

static struct stage *stage_of(struct call *call)
{
    return call->owner;
}

/* ---- what the call needs from its surroundings ---- */

static int answer(struct stage *stage, const struct call_question *question)
{
    struct message_extra_info message = {.type = question->type, .name = question->name};
    struct answers_frame frame;
    struct frame parsed;

    if (stage->gone_after >= 0 && stage->turn.asked >= stage->gone_after)
        return -ECANCELED;
    frame = answers_find(stage->answers, &stage->turn, &message);
    if (frame_parse(frame.data, frame.len, &parsed) != 0)
        return -EBADMSG;
    return call_answer(&stage->call, question, parsed.payload, parsed.size, true);
}

static int ask(struct call *call, const struct call_question *question)
{
    struct stage *stage = stage_of(call);

    if (clock_ms() >= call->deadline_ms || answer(stage, question) < 0)
        return -ECANCELED;
    return 0;
}

static void resume(struct call *call)
{
    struct stage *stage = stage_of(call);

    pthread_mutex_lock(&stage->mutex);
    stage->resume_due = true;
    pthread_cond_signal(&stage->resumed);
    pthread_mutex_unlock(&stage->mutex);
}

static void enter(struct call *call, const struct plugin *plugin)
{
    (void)call;
    (void)plugin;
}

static void leave(struct call *call)
{
    (void)call;
}

static const struct call_surroundings surroundings = {
    .ask = ask, .resume = resume, .enter = enter, .leave = leave};

int stage_init(struct stage *stage, const struct answers *answers)
{
    pthread_condattr_t attributes;
    int failed;

    *stage = (struct stage){.answers = answers, .gone_after = -1};
    stage->limits = (struct call_limits){.max_memory = STAGE_MAX_MEMORY,
                                         .max_body = FRAME_PAYLOAD_MAX,
                                         .deadline_ms = STAGE_DEADLINE_MS};
    heap_out_init(&stage->reply);
    call_init(&stage->call, &surroundings, &stage->limits, stage);
    pthread_mutex_init(&stage->mutex, NULL); /* these three cannot fail on Linux ... */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed = pthread_cond_init(&stage->resumed, &attributes); /* ... and this one hardly */
    pthread_condattr_destroy(&attributes);
    return -failed;
}

void stage_free(struct stage *stage)
{
    heap_out_free(&stage->reply);
    if (stage->stuck)
        return;
    call_free(&stage->call);
    pthread_cond_destroy(&stage->resumed);
    pthread_mutex_destroy(&stage->mutex);
}

/* ---- playing ---- */

/* False when the time, by clock_ms, came first. */
static bool wait_until(struct stage *stage, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool due;

    pthread_mutex_lock(&stage->mutex);
    while (!stage->resume_due)
        if (pthread_cond_timedwait(&stage->resumed, &stage->mutex, &until) == ETIMEDOUT)
            break;
    due = stage->resume_due;
    stage->resume_due = false;
    pthread_mutex_unlock(&stage->mutex);
    return due;
}

/* 0: go on. STAGE_LOST: the deadline has passed, and the call is failed. */
static int wait_for_resume(struct stage *stage)
{
    uint64_t deadline_ms = stage->call.deadline_ms;
    bool late;

    if (wait_until(stage, deadline_ms))
        return 0;
    late = call_abandon(&stage->call);
    if (!wait_until(stage, deadline_ms + STAGE_PATIENCE_MS))
        return -ETIMEDOUT;
    return late ? STAGE_LOST : 0;
}

static int run(struct stage *stage)
{
    struct call *call = &stage->call;

    for (;;) {
        int status = 0;

        switch (call_run(call, true)) {
        case CALL_DONE:
            return call_write_reply(call, &stage->reply);
        case CALL_ASK:
            if (answer(stage, &call->question) < 0)
                return STAGE_LOST;
            break;
        case CALL_BLOCKING:
            break;
        case CALL_WAITING:
            if (call->delay_ms)
                stage->delayed_ms += call->delay_ms;
            else
                status = wait_for_resume(stage);
            break;
        }
        if (status == STAGE_LOST) /* too late, but somebody waits for an answer */
            return message_write_error(&stage->reply, MESSAGE_SERVICE_UNAVAILABLE);
        if (status < 0)
            return status;
    }
}

int stage_play(struct stage *stage, struct chain *chain, const uint8_t *frame, size_t len)
{
    struct frame parsed;
    int status;

    if (stage->stuck)
        return -ETIMEDOUT;
    heap_out_free(&stage->reply);
    stage->delayed_ms = 0;
    stage->resume_due = false;
    if (frame_parse(frame, len, &parsed) != 0)
        return -EBADMSG;
    call_free(&stage->call); /* the limits may be others than before */
    call_init(&stage->call, &surroundings, &stage->limits, stage);
    stage->turn = (struct answers_turn){.response_phase = parsed.type == FRAME_HTTP_RESP_CALL};
    status = call_begin(&stage->call, (enum frame_type)parsed.type, parsed.payload, parsed.size);
    if (status == 0) {
        call_start(&stage->call, chain);
        status = run(stage);
    } else if (status == -ENOMEM) {
        status = message_write_error(&stage->reply, MESSAGE_SERVICE_UNAVAILABLE);
    }
    stage->asked = stage->turn.asked;
    stage->stuck = status == -ETIMEDOUT;
    if (!stage->stuck)
        call_end(&stage->call);
    return status;
}

const char *stage_why(int status)
{
    if (status == STAGE_LOST)
        return "a question was not understood";
    if (status == -ETIMEDOUT)
        return "it was suspended, and nobody has resumed it: a6_resume is due in any case";
    return strerror(-status);
}
