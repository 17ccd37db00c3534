/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_accept.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "server/worker_conn.h"
#include "server/worker_loop.h"
#include "server/worker_privileges.h"

#define ACCEPT_AT_ONCE 32
#define PAUSE_MS 100u

void accept_start(struct loop *loop)
{
    if (loop->accepting || atomic_load(&loop->worker->draining) ||
        atomic_load(&loop->worker->handing_over))
        return;
    if (loop_watch_accept(loop, true) == 0)
        loop->accepting = true;
}

void accept_stop(struct loop *loop)
{
    timers_cancel(&loop->timers, &loop->accept_timer);
    if (loop->accepting)
        (void)loop_watch_accept(loop, false);
    loop->accepting = false;
}

static void pause_accepting(struct loop *loop)
{
    accept_stop(loop);
    (void)timers_set(&loop->timers, &loop->accept_timer, clock_ms() + PAUSE_MS);
}

void accept_place(struct worker *worker, struct loop *own, int fd)
{
    struct loop *least = own ? own : worker->loops[0];

    for (unsigned i = 0; i < worker->loop_count; i++) {
        if (atomic_load_explicit(&worker->loops[i]->conn_count, memory_order_relaxed) <
            atomic_load_explicit(&least->conn_count, memory_order_relaxed))
            least = worker->loops[i];
    }
    if (least == own) {
        (void)conn_open(own, fd);
        return;
    }
    struct conn *conn = conn_new(least, fd);
    if (conn)
        loop_post_conn(least, conn);
}

bool accept_some(struct loop *loop)
{
    struct worker *worker = loop->worker;
    uint32_t max = worker->heritage->config->max_connections;

    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        if (max && atomic_load_explicit(&worker->connections, memory_order_relaxed) >= max) {
            log_warn("%u connections are open: no more are accepted until one is closed (see "
                     "--max-connections)",
                     max);
            pause_accepting(loop);
            return false;
        }
        int fd = accept4(worker->heritage->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (privileges_allow(worker->heritage->config, fd))
                accept_place(worker, loop, fd);
            else
                close(fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EBADF || errno == ENOTSOCK)
            worker_lost_descriptor("listening socket", errno);
        if (errno != EAGAIN) {
            log_warn("no connection can be accepted for now: %s", strerror(errno));
            pause_accepting(loop);
        }
        return false;
    }
    return true;
}
