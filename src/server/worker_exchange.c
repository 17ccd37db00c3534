/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "plugin/call_memory.h"
#include "server/worker_loop.h"

#define OUTPUT_FIRST ((size_t)4096)
#define OUTPUT_MAX ((size_t)FRAME_PAYLOAD_MAX + 65536)
#define TAIL_FROM ((size_t)16384)

static int output_grow(struct wire_out *out, size_t more)
{
    size_t capacity = out->capacity ? out->capacity : OUTPUT_FIRST;

    if (more > OUTPUT_MAX - out->len)
        return -EMSGSIZE;
    while (capacity - out->len < more)
        capacity *= 2;
    uint8_t *data = realloc(out->data, capacity);
    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = capacity;
    return 0;
}

/* Room for at least `more` bytes. */
static int input_reserve(struct input *input, size_t more)
{
    if (input->capacity - input->len >= more)
        return 0;
    if (input->start) {
        memmove(input->data, input->data + input->start, input->len - input->start);
        input->len -= input->start;
        input->start = 0;
        if (input->capacity - input->len >= more)
            return 0;
    }
    if (more > INPUT_MAX - input->len)
        return -EMSGSIZE;
    size_t capacity = input->capacity ? input->capacity : INPUT_FIRST;
    while (capacity - input->len < more)
        capacity *= 2;
    if (capacity > INPUT_MAX)
        capacity = INPUT_MAX;
    uint8_t *data = realloc(input->data, capacity);
    if (!data)
        return -ENOMEM;
    input->data = data;
    input->capacity = capacity;
    return 0;
}

struct exchange *exchange_new(struct loop *loop)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (!exchange)
        return NULL;
    exchange->loop = loop;
    exchange->out.grow = output_grow;
    exchange->out.tail_from = TAIL_FROM;
    call_init(&exchange->call, &exchange_surroundings, &loop->worker->limits, exchange);
    if (input_reserve(&exchange->in, INPUT_FIRST) < 0 ||
        output_grow(&exchange->out, OUTPUT_FIRST) < 0) {
        exchange_free(exchange);
        return NULL;
    }
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    call_free(&exchange->call);
    for (unsigned i = 0; i < exchange->held_count; i++)
        free(exchange->held[i].data);
    free(exchange->in.data);
    free(exchange->spare.data);
    free(exchange->out.data);
    free(exchange->tail_owner);
    free(exchange);
}

/* What is still to come of the last frame, as far as its header says so already. */
static size_t missing(const struct input *in)
{
    const uint8_t *at = in->data + in->start;
    size_t len = in->len - in->start;
    struct frame frame;

    for (;;) {
        switch (frame_parse(at, len, &frame)) {
        case 0:
            at += FRAME_HEADER_SIZE + frame.size;
            len -= FRAME_HEADER_SIZE + frame.size;
            break;
        case FRAME_NEED_PAYLOAD:
            return FRAME_HEADER_SIZE + frame.size - len;
        default:
            return 0;
        }
    }
}

int input_make_room(struct input *in)
{
    if (in->len < in->capacity)
        return 0;
    size_t more = missing(in);
    size_t trusted = in->len * INPUT_TRUST;
    size_t room = INPUT_MAX - (in->len - in->start); /* whole frames may stand before it */
    if (more > trusted)
        more = trusted;
    if (more > room)
        more = room;
    return input_reserve(in, more ? more : 1);
}

/* Puts `in` aside with the bytes up to `end`, which are viewed, and goes on reading into
 * another buffer that begins with what came after them. */
static int set_aside(struct exchange *exchange, size_t end)
{
    struct input fresh = exchange->spare;
    size_t rest = exchange->in.len - end;

    fresh.start = fresh.len = 0;
    if (exchange->held_count == EXCHANGE_HELD || input_reserve(&fresh, rest ? rest : 1) < 0)
        return -ENOMEM;
    if (rest)
        memcpy(fresh.data, exchange->in.data + end, rest);
    fresh.len = rest;
    exchange->held[exchange->held_count++] = exchange->in;
    exchange->spare = (struct input){0};
    exchange->in = fresh; /* analyzer: exchange_free frees it. */
    return 0;
}

int exchange_hold(struct exchange *exchange)
{
    if (!exchange->frame_size)
        return 0;
    int error = set_aside(exchange, exchange->in.start + exchange->frame_size);
    if (!error)
        exchange->frame_size = 0;
    return error;
}

/* Brings the `size` bytes at `at` to the front; what they jump over moves up. */
static int bring_forward(struct input *in, size_t at, size_t size)
{
    uint8_t *copy = malloc(size);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, in->data + at, size);
    memmove(in->data + in->start + size, in->data + in->start, at - in->start);
    memcpy(in->data + in->start, copy, size);
    free(copy);
    return 0;
}

int exchange_find_answer(struct exchange *exchange, struct frame *frame)
{
    struct input *in = &exchange->in;
    size_t at = in->start;

    while (frame_parse(in->data + at, in->len - at, frame) == 0) {
        size_t size = FRAME_HEADER_SIZE + frame->size;
        if (frame->type == FRAME_EXTRA_INFO) {
            int error = at == in->start ? 0 : bring_forward(in, at, size);
            frame->payload = in->data + in->start + FRAME_HEADER_SIZE;
            return error;
        }
        at += size;
    }
    return EXCHANGE_NO_ANSWER;
}

int exchange_take_answer(struct exchange *exchange, const struct call_question *question,
                         const struct frame *frame)
{
    size_t size = FRAME_HEADER_SIZE + frame->size;
    bool stays = question->type != MESSAGE_INFO_VAR && frame->size >= EXCHANGE_HOLD_FROM &&
                 set_aside(exchange, exchange->in.start + size) == 0;

    if (!stays)
        exchange->in.start += size;
    return call_answer(&exchange->call, question, frame->payload, frame->size, stays);
}

static void keep_or_free(struct input *kept, struct input *input, _Atomic bool *trim_due)
{
    if (!kept->data && input->capacity <= INPUT_KEEP) {
        *kept = (struct input){.data = input->data, .capacity = input->capacity};
        return;
    }
    atomic_store_explicit(trim_due, true, memory_order_relaxed);
    free(input->data);
}

void exchange_end_call(struct exchange *exchange)
{
    call_end(&exchange->call);
    exchange->in.start += exchange->frame_size;
    exchange->frame_size = 0;
    for (unsigned i = 0; i < exchange->held_count; i++)
        keep_or_free(&exchange->spare, &exchange->held[i], &exchange->loop->worker->trim_due);
    exchange->held_count = 0;
    if (exchange->in.start == exchange->in.len)
        exchange->in.start = exchange->in.len = 0;
}

bool exchange_is_held_elsewhere(const struct exchange *exchange)
{
    switch (exchange->place) {
    case EXCHANGE_READING:
    case EXCHANGE_ASKING:
        return false;
    case EXCHANGE_PARKED:
        return exchange->call.delay_ms == 0;
    case EXCHANGE_RUNNING:
    case EXCHANGE_PARSING:
        return true;
    }
    return true;
}

void exchange_discard(struct exchange *exchange)
{
    exchange_end_call(exchange);
    exchange_release_chain(exchange);
    exchange_free(exchange);
}

void exchange_release_chain(struct exchange *exchange)
{
    if (exchange->lent)
        chain_drop(exchange->lent);
    if (exchange->parsed)
        chain_drop(exchange->parsed);
    exchange->lent = exchange->parsed = NULL;
}

bool exchange_is_idle(const struct exchange *exchange)
{
    return exchange->place == EXCHANGE_READING && exchange->in.start == exchange->in.len &&
           exchange->out.len == 0;
}

static void output_clear(struct exchange *exchange)
{
    struct wire_out *out = &exchange->out;

    exchange->sent = 0;
    out->len = 0;
    out->tail = NULL;
    out->tail_len = 0;
    if (exchange->tail_owner) {
        free(exchange->tail_owner);
        exchange->tail_owner = NULL;
        atomic_store_explicit(&exchange->loop->worker->trim_due, true, memory_order_relaxed);
    }
    if (out->capacity > INPUT_KEEP) {
        uint8_t *data = realloc(out->data, OUTPUT_FIRST);
        if (data) {
            out->data = data;
            out->capacity = OUTPUT_FIRST;
            atomic_store_explicit(&exchange->loop->worker->trim_due, true, memory_order_relaxed);
        }
    }
}

/* Sends what is left of the buffer and of the tail behind it, in one go. */
static ssize_t send_with_tail(const struct wire_out *out, size_t sent, int fd)
{
    union {
        const void *borrowed;
        void *base;
    } tail = {out->tail};
    size_t head = sent < out->len ? out->len - sent : 0;
    size_t skip = head ? 0 : sent - out->len;
    struct iovec iov[2] = {{out->data + sent, head},
                           {(char *)tail.base + skip, out->tail_len - skip}};
    struct msghdr message = {.msg_iov = head ? iov : iov + 1, .msg_iovlen = head ? 2 : 1};

    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The call, whose the tail is, may end before it is sent. -EAGAIN, or -EINVAL. */
static int keep_tail(struct exchange *exchange)
{
    static_assert(TAIL_FROM >= CALL_MEMORY_LARGE, "a tail has a block of its own");

    if (exchange->out.tail_len && !exchange->tail_owner) {
        exchange->tail_owner = call_memory_part_with(&exchange->call, exchange->out.tail);
        if (!exchange->tail_owner)
            return -EINVAL;
    }
    return -EAGAIN;
}

int exchange_send(struct exchange *exchange, int fd)
{
    struct wire_out *out = &exchange->out;

    while (exchange->sent < out->len + out->tail_len) {
        ssize_t done = out->tail_len ? send_with_tail(out, exchange->sent, fd)
                                     : send(fd, out->data + exchange->sent,
                                            out->len - exchange->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            int error = -errno;
            return error == -EAGAIN ? keep_tail(exchange) : error;
        }
        exchange->sent += (size_t)done;
    }
    output_clear(exchange);
    return 0;
}

int exchange_write_reply(struct exchange *exchange)
{
    struct call *call = &exchange->call;

    log_debug("call %u is answered: %s phase, conf %s", call->id,
              call->phase == CALL_REQUEST ? "request" : "response",
              call->chain ? call->chain->key : "unknown");
    return call_write_reply(call, &exchange->out) < 0
               ? exchange_error(exchange, MESSAGE_SERVICE_UNAVAILABLE)
               : 0;
}

int exchange_error(struct exchange *exchange, enum message_error code)
{
    return message_write_error(&exchange->out, code);
}

void exchange_queue(struct exchange *exchange, struct exchange ***end)
{
    exchange->next = NULL;
    **end = exchange;
    *end = &exchange->next;
}

struct exchange *exchange_unqueue(struct exchange *first)
{
    struct exchange *rest = first->next;

    first->next = NULL;
    return rest;
}
