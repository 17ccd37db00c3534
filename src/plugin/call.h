/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the gateway as a small machine without I/O: given a frame and a chain,
 * it runs the plugins in order until the reply is known, and stops where something
 * from outside is needed. Whoever runs it (an event loop, a pool thread, the
 * command-line tools) supplies that and goes on.
 *
 *     call_begin -> call_start -> call_run -+-> CALL_DONE     -> call_write_reply -> call_end
 *                                    ^      +-> CALL_ASK      -> send the question, call_answer
 *                                    |      +-> CALL_BLOCKING -> go to a thread that may block
 *                                    |      +-> CALL_WAITING  -> resume() or the delay says when
 *                                    +---------- go on -------+
 *
 * A call object is used again for the next call without allocating: its arena keeps
 * its first block. The payload given to call_begin is viewed, not copied, and must
 * stay in place until call_end. One thread at a time, except for the few functions
 * that say otherwise.
 */
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "plugin/chain.h"
#include "wire/message.h"

enum call_phase { CALL_REQUEST, CALL_RESPONSE };

enum call_next {
    CALL_DONE,     /* call_write_reply is due */
    CALL_ASK,      /* call->question is to be put to the gateway, then call_answer, call_run */
    CALL_BLOCKING, /* the next filter may block: call_run(call, true) on a pool thread */
    CALL_WAITING,  /* for call->delay_ms, or, if that is 0, for around->resume */
};

struct call_question {
    enum message_info type;
    struct wire_str name;
};

struct call;

/* What a filter in the middle of its run needs from its surroundings. All are called
 * in the thread that runs the filter, but resume and, while the call is suspended, ask. */
struct call_surroundings {
    /* Puts the question and waits for the answer; hands it to call_answer before it
     * returns. 0, -ECANCELED when the gateway is gone or the deadline has passed. Comes
     * from the holder's thread while the call is suspended. */
    int (*ask)(struct call *call, const struct call_question *question);
    /* A suspended call is to go on: call_run is due. Any thread; perhaps before the
     * call_run that ends in CALL_WAITING has returned, and perhaps within it. */
    void (*resume)(struct call *call);
    /* Around every call of a filter, for the watchdog. leave is not called if it never
     * returns. */
    void (*enter)(struct call *call, const struct plugin *plugin);
    void (*leave)(struct call *call);
};

/* Limits of one call; the same for all calls of a worker. */
struct call_limits {
    size_t max_memory;    /* what arena and changes take */
    size_t max_body;      /* of a body asked for */
    uint32_t deadline_ms; /* of a filter that names none */
};

struct call_request;  /* call_request.h: the request and its changes */
struct call_response; /* call_response.h */
struct call_asked;    /* call_asked.h: what was asked from the gateway */
struct call_value;
struct call_block;
struct call_suspension;

struct call {
    union {
        a6_call base;
        a6_request request;
        a6_response response;
    } handle; /* first: the plugin's pointer is ours */

    const struct call_surroundings *around;
    const struct call_limits *limits;
    void *owner; /* the runner of the call: connection and so on */

    enum call_phase phase;
    uint32_t id;
    uint32_t token;
    uint32_t step;       /* the plugin that runs or runs next */
    struct chain *chain; /* borrowed from call_start to call_end */
    /* While its filter runs, and until it has finished when it is suspended. */
    const struct plugin *current;
    const struct plugin *speaker; /* who answered or set the body last; NULL: none */
    bool fetched;                 /* what this step declared is here, as far as it can be had */
    bool failed;                  /* reply with SERVICE_UNAVAILABLE */
    bool delayed;                 /* a6_delay was called by the filter that runs */
    bool misused;                 /* suspended, but the filter did not return A6_PENDING */
    bool filtered;                /* a filter has run */
    enum { CALL_NOT_PARKED, CALL_PARKED_DELAY, CALL_PARKED_SUSPENDED } parked;
    /* By clock_ms(). now_ms: the owner may set it before call_run to save a look at the
     * clock; 0: call_run looks itself. */
    uint64_t now_ms;
    uint64_t started_ms;  /* the first filter was entered; 0: none yet */
    uint64_t deadline_ms; /* set when a filter is entered */
    const char *reason;   /* what a6_error said; in the arena, or when that is full, cut: */
    char spare_reason[128];

    union {
        struct call_request *as_request;
        struct call_response *as_response;
    } message; /* in the arena */

    struct call_question question; /* valid after CALL_ASK */
    uint32_t delay_ms;             /* valid after CALL_WAITING; 0: until resume */
    struct call_suspension *suspension;
    struct call_asked *asking; /* what the next call_answer is for */
    struct call_asked *asked;  /* variables asked so far */
    struct call_asked *request_body;
    struct call_asked *response_body;
    struct call_value *values; /* a6_set */

    struct call_block *blocks; /* what is too large for the arena */
    size_t block_bytes;
    struct arena arena;
};

/* Takes no memory yet. */
void call_init(struct call *call, const struct call_surroundings *around,
               const struct call_limits *limits, void *owner);
void call_free(struct call *call);

/* Reads the payload of a FRAME_HTTP_REQ_CALL or FRAME_HTTP_RESP_CALL; then call->token
 * and call->id are set. 0, -EBADMSG, -ENOMEM; call_end is due in any case. */
int call_begin(struct call *call, enum frame_type type, const uint8_t *payload, uint32_t size);

/* Gives it the chain to run; chain stays the caller's and must live until call_end. */
void call_start(struct call *call, struct chain *chain);

/* Runs until something is needed. may_block: this thread can be spared. */
enum call_next call_run(struct call *call, bool may_block);

/* The answer to call->question or to an ask. Copies what it keeps, unless `stays`: then
 * the payload's bytes stay in place until call_end. -EBADMSG: not a valid answer; the
 * stream is lost. */
int call_answer(struct call *call, const struct call_question *question, const uint8_t *payload,
                uint32_t size, bool stays);

/* Appends the reply, or an Error frame when the call failed or its reply does not fit a
 * frame (which is logged). -ENOMEM: nothing was written. A tail that `out` has then is
 * the call's memory: call_end has to wait until it is sent. */
int call_write_reply(struct call *call, struct wire_out *out);

/* Makes the call ready for the next call_begin. */
void call_end(struct call *call);

/*
 * Gives up a call that is parked after CALL_WAITING with delay_ms 0 (deadline passed,
 * gateway gone). Its owner's thread, never while call_run runs.
 * true: the holder of the a6_pending is late. Reply with an error; the object with its
 * arena and payload must stay as it is until around->resume is called for it, with
 * call_abandoned(call) true, and is then ended instead of run.
 * false: the holder has resumed already; around->resume was or will be called.
 */
bool call_abandon(struct call *call);
bool call_abandoned(const struct call *call);

/* Marks the call as failed: its reply is SERVICE_UNAVAILABLE. */
void call_fail(struct call *call);

/* The host's table that plugins get. */
extern const a6_host call_host;

#endif
