/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fail_alloc.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

static _Atomic bool counting;
static _Atomic bool hit;
static _Atomic unsigned seen;
static _Atomic unsigned first_to_fail = UINT_MAX;
static _Atomic unsigned last_to_fail = UINT_MAX;

static void begin(unsigned first, unsigned last)
{
    counting = false;
    hit = false;
    seen = 0;
    first_to_fail = first;
    last_to_fail = last;
    counting = true;
}

void fail_alloc_after(unsigned n)
{
    begin(n, n);
}

void fail_alloc_from(unsigned n)
{
    begin(n, UINT_MAX);
}

void fail_alloc_off(void)
{
    counting = false;
}

unsigned fail_alloc_count(void)
{
    return seen;
}

bool fail_alloc_hit(void)
{
    return hit;
}

static bool to_fail(void)
{
    unsigned number;

    if (!counting)
        return false;
    number = atomic_fetch_add(&seen, 1);
    if (number < first_to_fail || number > last_to_fail)
        return false;
    hit = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return to_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return to_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return to_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (flags & MAP_ANONYMOUS && to_fail())
        return MAP_FAILED;
    return __real_mmap(at, size, protection, flags, fd, offset);
}
