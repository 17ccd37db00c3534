/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one chosen system call of a test fail or do only a part, to see what the code
 * does then. The counterpart of fail_alloc.h.
 *
 * Works on the calls of our own code; a test's peer that is not to be hit uses read and
 * write, which are left alone. Counting is over all threads, and over the kinds chosen.
 */
#ifndef SUPPORT_FAIL_CALL_H
#define SUPPORT_FAIL_CALL_H

#include <stdbool.h>

enum fail_call_kind {
    FAIL_SEND = 1, /* send, sendmsg */
    FAIL_RECEIVE = 2,
    FAIL_EPOLL_ADD = 4,
    FAIL_EPOLL_CHANGE = 8,
    FAIL_ACCEPT = 16,
    FAIL_POLL = 32,
    FAIL_THREAD = 64, /* pthread_create */
};

/* In place of an errno: send and receive one byte and no more. */
#define FAIL_CALL_SHORT (-1)

/* From now on the n-th call of the kinds, counted from 0, fails, and no other. */
void fail_call_after(unsigned kinds, unsigned n, int error);

/* From now on the n-th call of the kinds and all that follow fail. */
void fail_call_from(unsigned kinds, unsigned n, int error);

/* No call fails any more; the count stands still. */
void fail_call_off(void);

/* Calls of the kinds since the last fail_call_after or fail_call_from. */
unsigned fail_call_count(void);

/* For those that stand in for a call elsewhere: whether this one is to fail, and how. */
bool fail_call_due(enum fail_call_kind kind, int *error);

#endif
