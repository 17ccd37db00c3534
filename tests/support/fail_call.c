/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fail_call.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *data, size_t len, int flags);
int __real_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

static _Atomic unsigned kinds_to_fail; /* 0: none is counted */
static _Atomic unsigned seen;
static _Atomic unsigned first_to_fail;
static _Atomic unsigned last_to_fail;
static _Atomic int how;

static void begin(unsigned kinds, unsigned first, unsigned last, int error)
{
    kinds_to_fail = 0;
    seen = 0;
    first_to_fail = first;
    last_to_fail = last;
    how = error;
    kinds_to_fail = kinds;
}

void fail_call_after(unsigned kinds, unsigned n, int error)
{
    begin(kinds, n, n, error);
}

void fail_call_from(unsigned kinds, unsigned n, int error)
{
    begin(kinds, n, UINT_MAX, error);
}

void fail_call_off(void)
{
    kinds_to_fail = 0;
}

unsigned fail_call_count(void)
{
    return seen;
}

bool fail_call_due(enum fail_call_kind kind, int *error)
{
    if (!(kinds_to_fail & kind))
        return false;
    unsigned number = atomic_fetch_add(&seen, 1);
    *error = how;
    return number >= first_to_fail && number <= last_to_fail;
}

/* True: the call fails, errno is set. *shorten: it is to do one byte. */
static bool fails(enum fail_call_kind kind, bool *shorten)
{
    int error;

    *shorten = false;
    if (!fail_call_due(kind, &error))
        return false;
    *shorten = error == FAIL_CALL_SHORT;
    if (!*shorten)
        errno = error;
    return !*shorten;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    bool shorten;

    if (fails(FAIL_SEND, &shorten))
        return -1;
    return __real_send(fd, data, shorten && len ? 1 : len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec one;
    struct msghdr less = *message;
    bool shorten;

    if (fails(FAIL_SEND, &shorten))
        return -1;
    if (shorten && message->msg_iovlen) {
        one = (struct iovec){message->msg_iov[0].iov_base, message->msg_iov[0].iov_len ? 1 : 0};
        less.msg_iov = &one;
        less.msg_iovlen = 1;
    }
    return __real_sendmsg(fd, &less, flags);
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags)
{
    bool shorten;

    if (fails(FAIL_RECEIVE, &shorten))
        return -1;
    return __real_recv(fd, data, shorten && len ? 1 : len, flags);
}

int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    bool shorten;

    if (operation != EPOLL_CTL_DEL &&
        fails(operation == EPOLL_CTL_ADD ? FAIL_EPOLL_ADD : FAIL_EPOLL_CHANGE, &shorten))
        return -1;
    return __real_epoll_ctl(set, operation, fd, event);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    bool shorten;

    return fails(FAIL_ACCEPT, &shorten) ? -1 : __real_accept4(fd, address, size, flags);
}
