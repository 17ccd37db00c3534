/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the gateway: frames in, frames out, one call at a time, in order.
 * The loop's driver only.
 */
#ifndef SERVER_WORKER_CONN_H
#define SERVER_WORKER_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

struct exchange;
struct loop;

struct conn {
    int fd;
    bool readable;   /* a read would perhaps bring something */
    bool hangup;     /* the end of the stream is near: read until it */
    bool ended;      /* the end of the stream was read */
    bool want_write; /* the epoll set watches for room to send */
    bool closing;    /* to be closed when all is sent */
    struct loop *loop;
    struct exchange *exchange; /* NULL while nothing is under way */
    struct conn *next, *previous;
};

/* What handling a connection came to. */
enum conn_outcome {
    CONN_STAYS,
    CONN_GONE,      /* it was closed and freed */
    CONN_LOOP_LOST, /* this thread does not drive the loop any more: touch nothing */
};

/* Puts the descriptor, which is nonblocking, into the loop; it is closed on failure.
 * -errno. */
int conn_open(struct loop *loop, int fd);
void conn_close(struct conn *conn);

/* Any thread: one that the loop is to adopt, and counted as its own from now on: who
 * places the next connection sees it. NULL: no memory, and the descriptor is closed. */
struct conn *conn_new(struct loop *loop, int fd);

/* Gives back one that was not adopted. */
void conn_drop(struct conn *conn);

/* Adopts one that was made for the loop. -errno: it is gone. */
int conn_adopt(struct loop *loop, struct conn *conn);

/* Gives an idle connection, with what is still unread in it, to a newer worker. */
enum conn_outcome conn_hand_over(struct conn *conn);

enum conn_outcome conn_event(struct conn *conn, uint32_t events);

/* Goes on after something under way came to its end or to its next step. */
enum conn_outcome conn_go_on(struct conn *conn);

/* Closes it without losing a call: what the peer has sent so far is answered first, and
 * what it sends from now on fails at its side, where it can be sent again. */
enum conn_outcome conn_finish(struct conn *conn);

/* Sends what is there and watches for room if it must. 0, -EAGAIN, other -errno: broken. */
int conn_flush(struct conn *conn);

/* News of an exchange of this loop. */
enum conn_outcome conn_news(struct exchange *exchange, uint32_t news);

/* The exchange's timer is due. */
enum conn_outcome conn_timeout(struct exchange *exchange, uint64_t now_ms);

/* Begins with the call whose frame is at the input's start; see worker_call.c. */
enum conn_outcome conn_call(struct conn *conn, uint8_t type, const uint8_t *payload, uint32_t size);

/* Runs the exchange's call on the driver's thread as far as it goes. */
enum conn_outcome conn_run(struct conn *conn);

/* Ends the call with an Error frame instead of a reply. */
enum conn_outcome conn_fail(struct conn *conn, enum message_error code);

/* Handles the answer to the question that the exchange asked. */
enum conn_outcome conn_answer(struct conn *conn, const struct frame *frame);

#endif
