/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange: what a connection needs while something is under way on it. The bytes
 * received, the call that runs, the bytes to send.
 *
 * Idle connections have none; a loop lends its spare ones, so that a call that is read,
 * run and answered in one go finds everything warm in the cache and allocates nothing.
 *
 * Who may touch it: the driver of its loop, unless it is `away`: then the one thread
 * that runs its call has it, until that thread posts NEWS_BACK. Fields that both look
 * at in that time are atomic; what is marked "loop's" is the driver's even then.
 */
#ifndef SERVER_WORKER_EXCHANGE_H
#define SERVER_WORKER_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/call.h"
#include "server/worker_confs.h"
#include "server/worker_timer.h"

struct conn;
struct loop;
struct conf_record;

/* Bytes received: those in [start, len) are still to be looked at. */
struct input {
    uint8_t *data;
    size_t start;
    size_t len;
    size_t capacity;
};

#define INPUT_FIRST ((size_t)16384)
/* One frame of the largest size, and as much more as one read brings. */
#define INPUT_MAX ((size_t)FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX + INPUT_FIRST)
/* How many times as much as it has sent a peer is believed to send. */
#define INPUT_TRUST 16u
/* Buffers above this size are not kept for the next call. */
#define INPUT_KEEP ((size_t)65536)

/* The payload of the call and both bodies: nothing else has to stay in place. */
#define EXCHANGE_HELD 3
/* Bodies of at least so many bytes stay where they were received. */
#define EXCHANGE_HOLD_FROM 4096u

/* What exchange_find_answer gives besides 0. */
enum { EXCHANGE_NO_ANSWER = 1 };

enum exchange_place {
    EXCHANGE_READING, /* no call, or not the whole of one yet */
    EXCHANGE_RUNNING, /* a thread runs the call, or will */
    EXCHANGE_ASKING,  /* the gateway was asked; the loop waits for its answer */
    EXCHANGE_PARKED,  /* suspended or delayed by the plugin */
    EXCHANGE_PARSING, /* another call parses the conf */
};

/* Who has hold of the connection while the exchange is apart. */
enum exchange_grip { GRIP_FREE, GRIP_IO, GRIP_SEVERED };

enum exchange_news { NEWS_BACK = 1, NEWS_RESUMED = 2, NEWS_PARSED = 4 };

struct exchange {
    struct call call;
    struct loop *loop;
    struct conn *conn;     /* NULL: it was severed; when it comes back it is freed */
    struct exchange *next; /* among a loop's spare ones, or in the crew's queue */

    enum exchange_place place; /* loop's */
    bool away;                 /* loop's: a thread that does not drive the loop has it */
    bool apart;                /* that thread's: it knows that it has not the loop */
    bool lost;                 /* loop's: counted in worker->lost_threads */
    bool resumed;              /* loop's: resumed before it was back */
    bool parked;               /* what BACK means: wait for resume, not done */
    uint64_t turn;             /* of the loop, while a filter runs on it */
    uint64_t deadline_ms;      /* loop's */
    struct chain *lent;        /* loop's: reference that keeps the chain while apart */
    struct chain *parsed;      /* reference from confs_parse, when it ran apart */
    _Atomic uint32_t grip;     /* GRIP_FREE unless it is away */
    _Atomic pid_t thread;      /* that is inside its filter, for the watchdog; 0: none */
    uint32_t news;             /* under the loop's inbox lock, as the next */
    struct exchange *news_next;
    struct confs_waiter waiter;
    struct timer timer; /* loop's; what it means depends on the place */

    size_t frame_size; /* of the call's frame, header included; 0: it is held */
    struct input in;
    struct input spare;
    struct input held[EXCHANGE_HELD];
    unsigned held_count;

    struct wire_out out;
    size_t sent;      /* of out, and then of its tail */
    void *tail_owner; /* has the tail's bytes when the call has ended; NULL: the call has */
};

/* NULL: no memory. */
struct exchange *exchange_new(struct loop *loop);
void exchange_free(struct exchange *exchange);

/* Room for the next read, at most INPUT_MAX in all. It may suffice for the whole frame that
 * is coming, but is no more than INPUT_TRUST times what has come: announcing costs a peer
 * nothing. Moves data only when nothing views it. -ENOMEM, -EMSGSIZE. */
int input_make_room(struct input *input);

/* Makes the bytes of the current frame stay in place until exchange_end_call, whatever
 * comes in. -ENOMEM. */
int exchange_hold(struct exchange *exchange);

/* Whether the answer to a question has come; then it is at in.start. A peer that
 * pipelines has sent its next calls before it: they stay, behind it. -ENOMEM. */
int exchange_find_answer(struct exchange *exchange, struct frame *frame);

/* Hands the answer at in.start to the call. -EBADMSG, -ENOMEM. */
int exchange_take_answer(struct exchange *exchange, const struct call_question *question,
                         const struct frame *frame);

/* Ends the call and lets its bytes go. */
void exchange_end_call(struct exchange *exchange);

/* Whether a thread or the holder of a suspended call still has it, and NEWS will come. */
bool exchange_is_held_elsewhere(const struct exchange *exchange);

/* Ends and frees one that has no connection any more. */
void exchange_discard(struct exchange *exchange);

/* Drops the references that kept the call's chain. */
void exchange_release_chain(struct exchange *exchange);

/* Nothing received is unlooked at, nothing is left to send. */
bool exchange_is_idle(const struct exchange *exchange);

/* Sends what is there. 0: all is sent; -EAGAIN: the rest must wait, and while there is a
 * tail nothing may be appended; other -errno: the connection is broken. */
int exchange_send(struct exchange *exchange, int fd);

/* Appends the call's reply, or an Error frame if that cannot be made. -ENOMEM. */
int exchange_write_reply(struct exchange *exchange);

/* Appends an Error frame. */
int exchange_error(struct exchange *exchange, enum message_error code);

/* The crew's queue: appends; takes the first off and gives the rest. */
void exchange_queue(struct exchange *exchange, struct exchange ***end);
struct exchange *exchange_unqueue(struct exchange *first);

/* Runs the call on this thread, which may block, and posts NEWS_BACK. */
void exchange_run_apart(struct exchange *exchange);

/* The same for a call that is in the middle of its run: `next` is what call_run gave. */
void exchange_finish_apart(struct exchange *exchange, enum call_next next);

/* What a filter meets in a worker: how it asks, suspends and resumes; see worker_apart.c. */
extern const struct call_surroundings exchange_surroundings;

#endif
