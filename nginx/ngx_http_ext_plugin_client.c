/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to a runner: opened, used by one talk at a time, kept for the
 * next.
 *
 * A unix socket connects at once or not at all, so there is no state
 * "connecting"; what there is to wait for is room in the runner's backlog
 * and, if nginx starts the runner, the runner.
 */

#include "ngx_http_ext_plugin.h"


#define NGX_HTTP_EXT_PLUGIN_IDLE_TIMEOUT   180000
#define NGX_HTTP_EXT_PLUGIN_CONNECT_DELAY  50


static ngx_int_t ngx_http_ext_plugin_connect(ngx_http_ext_plugin_talk_t *talk);
static uint64_t ngx_http_ext_plugin_identity(ngx_http_ext_plugin_runner_t *rn,
    ngx_socket_t s);
static void ngx_http_ext_plugin_use(ngx_http_ext_plugin_talk_t *talk,
    ngx_http_ext_plugin_peer_t *peer);
static void ngx_http_ext_plugin_connect_again(ngx_event_t *ev);
static void ngx_http_ext_plugin_idle_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_close_peer(ngx_http_ext_plugin_peer_t *peer);


ngx_int_t
ngx_http_ext_plugin_talk_open(ngx_http_ext_plugin_talk_t *talk)
{
    ngx_queue_t                   *q;
    ngx_http_ext_plugin_peer_t    *peer;
    ngx_http_ext_plugin_runner_t  *rn;

    rn = talk->runner;

    talk->answered = 0;
    talk->paused = 0;
    talk->lost = 0;
    talk->error = NULL;
    talk->err = 0;
    talk->delay = 0;

    while (!ngx_queue_empty(&rn->idle)) {
        q = ngx_queue_head(&rn->idle);
        peer = ngx_queue_data(q, ngx_http_ext_plugin_peer_t, queue);

        ngx_queue_remove(q);
        rn->nidle--;

        if (peer->connection->read->ready) {
            /* something has come that nobody asked for */
            ngx_http_ext_plugin_close_peer(peer);
            continue;
        }

        peer->connection->idle = 0;
        ngx_http_ext_plugin_use(talk, peer);

        return NGX_OK;
    }

    talk->started = ngx_current_msec;

    return ngx_http_ext_plugin_connect(talk);
}


static ngx_int_t
ngx_http_ext_plugin_connect(ngx_http_ext_plugin_talk_t *talk)
{
    uint64_t                       identity;
    ngx_err_t                      err;
    ngx_int_t                      event;
    ngx_pool_t                    *pool;
    ngx_socket_t                   s;
    ngx_connection_t              *c;
    ngx_http_ext_plugin_peer_t    *peer;
    ngx_http_ext_plugin_runner_t  *rn;

    rn = talk->runner;

    s = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (s == (ngx_socket_t) -1) {
        return ngx_http_ext_plugin_talk_fail(talk, "socket() failed",
                                        ngx_socket_errno);
    }

    if (connect(s, (struct sockaddr *) &rn->sockaddr, rn->socklen) == -1) {
        err = ngx_socket_errno;
        (void) ngx_close_socket(s);

        if (err != NGX_EAGAIN
            && !(rn->managed
                 && (err == NGX_ECONNREFUSED || err == NGX_ENOENT)))
        {
            return ngx_http_ext_plugin_talk_fail(talk, "connect() failed", err);
        }

        if (ngx_current_msec - talk->started >= rn->connect_timeout) {
            return ngx_http_ext_plugin_talk_fail(talk,
                                   "connect() failed up to the timeout", err);
        }

        talk->delay = talk->delay ? talk->delay * 2 : 1;
        if (talk->delay > NGX_HTTP_EXT_PLUGIN_CONNECT_DELAY) {
            talk->delay = NGX_HTTP_EXT_PLUGIN_CONNECT_DELAY;
        }

        talk->wait.handler = ngx_http_ext_plugin_connect_again;
        talk->wait.data = talk;
        talk->wait.log = talk->log;

        ngx_add_timer(&talk->wait, talk->delay);

        return NGX_AGAIN;
    }

    identity = ngx_http_ext_plugin_identity(rn, s);

    c = ngx_get_connection(s, talk->log);
    if (c == NULL) {
        (void) ngx_close_socket(s);
        return ngx_http_ext_plugin_talk_fail(talk, "no connection is free", 0);
    }

    c->log = talk->log;
    c->read->log = talk->log;
    c->write->log = talk->log;
    c->type = SOCK_STREAM;
    c->recv = ngx_recv;
    c->send = ngx_send;
    c->recv_chain = ngx_recv_chain;
    c->send_chain = ngx_send_chain;
    c->sendfile = 1;
    c->log_error = NGX_ERROR_INFO;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;

    pool = ngx_create_pool(sizeof(ngx_pool_t)
                           + sizeof(ngx_http_ext_plugin_peer_t) + 64,
                           ngx_cycle->log);
    if (pool == NULL) {
        goto failed;
    }

    c->pool = pool;

    peer = ngx_pcalloc(pool, sizeof(ngx_http_ext_plugin_peer_t));
    if (peer == NULL) {
        goto failed;
    }

    peer->connection = c;
    peer->runner = rn;
    peer->identity = identity;
    peer->size = talk->buffer_size;

    peer->in = ngx_palloc(pool, peer->size);
    peer->out = ngx_palloc(pool, peer->size);
    if (peer->in == NULL || peer->out == NULL) {
        goto failed;
    }

    /* not for writing: a unix socket would report every frame that is read */

    event = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? NGX_CLEAR_EVENT
                                                    : NGX_LEVEL_EVENT;

    if (ngx_add_event(c->read, NGX_READ_EVENT, event) != NGX_OK) {
        goto failed;
    }

    c->write->ready = 1;

    if (rn->identity != identity) {
        /* another runner than before: what the old one said is void */
        rn->identity = identity;
        ngx_http_ext_plugin_close_idle(rn);
    }

    ngx_http_ext_plugin_use(talk, peer);

    return NGX_OK;

failed:

    pool = c->pool;
    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }

    return ngx_http_ext_plugin_talk_fail(talk,
                                      "a connection could not be set up", 0);
}


/* The process that listens and the socket's file, in one number. */

static uint64_t
ngx_http_ext_plugin_identity(ngx_http_ext_plugin_runner_t *rn, ngx_socket_t s)
{
    uint64_t      id[4];
    uint64_t      h;
    socklen_t     len;
    ngx_uint_t    i;
    struct stat   st;
    struct ucred  cred;

    ngx_memzero(id, sizeof(id));

    len = sizeof(struct ucred);

    if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        id[0] = (uint64_t) cred.pid;
    }

    if (stat(rn->sockaddr.sun_path, &st) == 0) {
        id[1] = (uint64_t) st.st_ino;
        id[2] = (uint64_t) st.st_ctim.tv_sec;
        id[3] = (uint64_t) st.st_ctim.tv_nsec;
    }

    h = 14695981039346656037ull;

    for (i = 0; i < 4; i++) {
        h = (h ^ id[i]) * 1099511628211ull;
        h ^= h >> 29;
    }

    return h ? h : 1;
}


static void
ngx_http_ext_plugin_use(ngx_http_ext_plugin_talk_t *talk,
    ngx_http_ext_plugin_peer_t *peer)
{
    ngx_connection_t  *c;

    talk->peer = peer;
    talk->start = peer->in;
    talk->last = peer->in;
    talk->end = peer->in + peer->size;
    talk->unsent = NULL;

    peer->talk = talk;

    c = peer->connection;
    c->data = peer;
    c->sent = 0;
    c->log = talk->log;
    c->read->log = talk->log;
    c->write->log = talk->log;
    c->pool->log = talk->log;
    c->read->handler = ngx_http_ext_plugin_talk_read;
    c->write->handler = ngx_http_ext_plugin_talk_write;

    ngx_http_ext_plugin_talk_out(talk);
}


static void
ngx_http_ext_plugin_connect_again(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = ev->data;

    rc = ngx_http_ext_plugin_connect(talk);

    if (rc != NGX_AGAIN) {
        talk->opened(talk, rc);
    }
}


ngx_int_t
ngx_http_ext_plugin_talk_fail(ngx_http_ext_plugin_talk_t *talk, char *error,
    ngx_err_t err)
{
    ngx_http_ext_plugin_talk_close(talk);

    talk->error = error;
    talk->err = err;

    return NGX_ERROR;
}


void
ngx_http_ext_plugin_talk_keep(ngx_http_ext_plugin_talk_t *talk)
{
    ngx_queue_t                   *q;
    ngx_connection_t              *c;
    ngx_http_ext_plugin_peer_t    *peer, *old;
    ngx_http_ext_plugin_runner_t  *rn;

    peer = talk->peer;
    rn = talk->runner;
    c = peer->connection;

    if (rn->keepalive == 0
        || talk->unsent
        || talk->start + FRAME_HEADER_SIZE + talk->frame.size != talk->last
        || peer->identity != rn->identity
        || c->read->eof
        || c->read->error
        || c->write->error
        || ngx_exiting
        || ngx_terminate)
    {
        ngx_http_ext_plugin_talk_close(talk);
        return;
    }

    if (rn->nidle == rn->keepalive) {
        q = ngx_queue_last(&rn->idle);
        old = ngx_queue_data(q, ngx_http_ext_plugin_peer_t, queue);

        ngx_queue_remove(q);
        rn->nidle--;

        ngx_http_ext_plugin_close_peer(old);
    }

    talk->peer = NULL;
    peer->talk = NULL;

    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;
    c->read->handler = ngx_http_ext_plugin_idle_handler;
    c->write->handler = ngx_http_empty_handler;

    ngx_add_timer(c->read, NGX_HTTP_EXT_PLUGIN_IDLE_TIMEOUT);

    ngx_queue_insert_head(&rn->idle, &peer->queue);
    rn->nidle++;

    if (c->read->ready) {
        ngx_http_ext_plugin_idle_handler(c->read);
    }
}


static void
ngx_http_ext_plugin_idle_handler(ngx_event_t *ev)
{
    ssize_t                      n;
    u_char                       buf[1];
    ngx_connection_t            *c;
    ngx_http_ext_plugin_peer_t  *peer;

    c = ev->data;
    peer = c->data;

    if (!c->close && !ev->timedout) {

        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(ev, 0) == NGX_OK) {
                return;
            }
        }
    }

    ngx_queue_remove(&peer->queue);
    peer->runner->nidle--;

    ngx_http_ext_plugin_close_peer(peer);
}


void
ngx_http_ext_plugin_close_idle(ngx_http_ext_plugin_runner_t *rn)
{
    ngx_queue_t                 *q;
    ngx_http_ext_plugin_peer_t  *peer;

    while (!ngx_queue_empty(&rn->idle)) {
        q = ngx_queue_head(&rn->idle);
        peer = ngx_queue_data(q, ngx_http_ext_plugin_peer_t, queue);

        ngx_queue_remove(q);
        rn->nidle--;

        ngx_http_ext_plugin_close_peer(peer);
    }
}


void
ngx_http_ext_plugin_talk_close(ngx_http_ext_plugin_talk_t *talk)
{
    if (talk->wait.timer_set) {
        ngx_del_timer(&talk->wait);
    }

    if (talk->peer) {
        ngx_http_ext_plugin_close_peer(talk->peer);
        talk->peer = NULL;
    }
}


static void
ngx_http_ext_plugin_close_peer(ngx_http_ext_plugin_peer_t *peer)
{
    ngx_pool_t  *pool;

    pool = peer->connection->pool;

    ngx_close_connection(peer->connection);
    ngx_destroy_pool(pool);
}
