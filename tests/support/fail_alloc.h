/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one chosen allocation of a test fail, to see what the code does then.
 *
 * Works on malloc, calloc, realloc and mmap of anonymous memory as our own code and the
 * test call them (not on those inside libc or another library). Counting is over all threads. The
 * usual form asks for every allocation in turn:
 *
 *     for (unsigned n = 0;; n++) {
 *         fail_alloc_after(n);
 *         error = store_put(...);
 *         fail_alloc_off();
 *         if (fail_alloc_count() <= n)
 *             break;   // it made no more than n allocations: all have failed once
 *         assert_int_equal(error, -ENOMEM);
 *     }
 */
#ifndef SUPPORT_FAIL_ALLOC_H
#define SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>

/* From now on the n-th allocation, counted from 0, fails, and no other. */
void fail_alloc_after(unsigned n);

/* From now on the n-th allocation and all that follow fail. */
void fail_alloc_from(unsigned n);

/* No allocation fails any more; the count stands still. */
void fail_alloc_off(void);

/* Allocations since the last fail_alloc_after or fail_alloc_from, up to fail_alloc_off. */
unsigned fail_alloc_count(void);

/* Whether the allocation that was to fail has been asked for. */
bool fail_alloc_hit(void);

#endif
