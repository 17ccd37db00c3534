/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A talk: frames out and frames in on a connection. What they mean is not
 * known here.
 */

#include "ngx_http_ext_plugin.h"


static int ngx_http_ext_plugin_out_grow(struct wire_out *out, size_t more);
static void ngx_http_ext_plugin_wait(ngx_http_ext_plugin_talk_t *talk,
    ngx_event_t *ev);
static char *ngx_http_ext_plugin_late(ngx_http_ext_plugin_talk_t *talk,
    char *error);
static ngx_int_t ngx_http_ext_plugin_send_unsent(
    ngx_http_ext_plugin_talk_t *talk);


void
ngx_http_ext_plugin_talk_out(ngx_http_ext_plugin_talk_t *talk)
{
    talk->out.data = talk->peer->out;
    talk->out.len = 0;
    talk->out.capacity = talk->peer->size;
    talk->out.grow = ngx_http_ext_plugin_out_grow;
    talk->out.tail_from = SIZE_MAX;
    talk->out.tail = NULL;
    talk->out.tail_len = 0;
    talk->body = NULL;
}


static int
ngx_http_ext_plugin_out_grow(struct wire_out *out, size_t more)
{
    u_char                      *p;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = (ngx_http_ext_plugin_talk_t *)
           ((u_char *) out - offsetof(ngx_http_ext_plugin_talk_t, out));

    p = ngx_palloc(talk->pool, out->len + more);
    if (p == NULL) {
        return -ENOMEM;
    }

    if (out->len) {
        ngx_memcpy(p, out->data, out->len);
    }

    out->data = p;
    out->capacity = out->len + more;

    return 0;
}


/* Who is slow has read_timeout, and who is never through call_timeout. */

static void
ngx_http_ext_plugin_wait(ngx_http_ext_plugin_talk_t *talk, ngx_event_t *ev)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (talk->deadline - ngx_current_msec);

    if (ev->timer_set) {
        /* or nginx keeps an old one that is not far from the new one */
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, ngx_min(talk->runner->read_timeout,
                              (ngx_msec_t) ngx_max(left, 0)));
}


static char *
ngx_http_ext_plugin_late(ngx_http_ext_plugin_talk_t *talk, char *error)
{
    return ((ngx_msec_int_t) (talk->deadline - ngx_current_msec) <= 0)
           ? "was not through when call_timeout was over" : error;
}


void
ngx_http_ext_plugin_talk_pause(ngx_http_ext_plugin_talk_t *talk)
{
    ngx_event_t  *rev;

    talk->paused = 1;
    talk->paused_at = ngx_current_msec;

    rev = talk->peer->connection->read;

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }
}


ngx_int_t
ngx_http_ext_plugin_talk_send(ngx_http_ext_plugin_talk_t *talk)
{
    size_t             len;
    ssize_t            n;
    ngx_buf_t         *b;
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = talk->peer->connection;

    if (talk->paused) {
        talk->paused = 0;
        talk->deadline += ngx_current_msec - talk->paused_at;
    }

    if (talk->answered) {
        /* the frame that this one answers has done its duty */
        len = FRAME_HEADER_SIZE + talk->frame.size;
        n = talk->last - talk->start - len;

        if (n) {
            ngx_memmove(talk->start, talk->start + len, n);
        }

        talk->last = talk->start + n;
    }

    ngx_http_ext_plugin_wait(talk, c->read);

    n = 0;

    if (talk->body == NULL) {
        n = c->send(c, talk->out.data, talk->out.len);

        if (n == (ssize_t) talk->out.len) {
            return NGX_AGAIN;
        }

        if (n == NGX_ERROR) {
            talk->lost = !talk->answered;
            return ngx_http_ext_plugin_talk_fail(talk, "closed the connection",
                                                 0);
        }

        if (n == NGX_AGAIN) {
            n = 0;
        }
    }

    cl = ngx_alloc_chain_link(talk->pool);
    b = ngx_calloc_buf(talk->pool);

    if (cl == NULL || b == NULL) {
        return ngx_http_ext_plugin_talk_fail(talk, "no memory", 0);
    }

    b->start = talk->out.data;
    b->pos = b->start + n;
    b->last = b->start + talk->out.len;
    b->end = b->last;
    b->temporary = 1;

    cl->buf = b;
    cl->next = talk->body;

    talk->unsent = cl;
    talk->body = NULL;

    if (ngx_http_ext_plugin_send_unsent(talk) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_ext_plugin_send_unsent(ngx_http_ext_plugin_talk_t *talk)
{
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    c = talk->peer->connection;

    if (c->write->ready) {
        cl = c->send_chain(c, talk->unsent, 0);

        if (cl == NGX_CHAIN_ERROR) {
            talk->lost = !talk->answered;
            return ngx_http_ext_plugin_talk_fail(talk,
                                            "closed the connection", 0);
        }

        talk->unsent = cl;

        if (cl == NULL) {
            if (c->write->timer_set) {
                ngx_del_timer(c->write);
            }

            if (c->write->active
                && ngx_del_event(c->write, NGX_WRITE_EVENT, 0) != NGX_OK)
            {
                return ngx_http_ext_plugin_talk_fail(talk,
                                                 "could not be waited for", 0);
            }

            /* the time for the answer begins now */
            ngx_http_ext_plugin_wait(talk, c->read);

            return NGX_OK;
        }
    }

    ngx_http_ext_plugin_wait(talk, c->write);

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return ngx_http_ext_plugin_talk_fail(talk, "could not be waited for",
                                             0);
    }

    return NGX_AGAIN;
}


void
ngx_http_ext_plugin_talk_write(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_ext_plugin_peer_t  *peer;
    ngx_http_ext_plugin_talk_t  *talk;

    c = ev->data;
    peer = c->data;
    talk = peer->talk;

    if (ev->timedout) {
        (void) ngx_http_ext_plugin_talk_fail(talk,
                                      ngx_http_ext_plugin_late(talk,
                                         "timed out while it was sent to"), 0);
        (void) talk->received(talk, NGX_ERROR);
        return;
    }

    if (talk->unsent == NULL) {
        return;
    }

    switch (ngx_http_ext_plugin_send_unsent(talk)) {

    case NGX_OK:
        ngx_http_ext_plugin_talk_resume(talk);
        break;

    case NGX_ERROR:
        (void) talk->received(talk, NGX_ERROR);
        break;

    default: /* NGX_AGAIN */
        break;
    }
}


void
ngx_http_ext_plugin_talk_read(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_ext_plugin_peer_t  *peer;
    ngx_http_ext_plugin_talk_t  *talk;

    c = ev->data;
    peer = c->data;
    talk = peer->talk;

    if (ev->timedout || c->close) {
        /* "close" is worker_shutdown_timeout */
        (void) ngx_http_ext_plugin_talk_fail(talk,
                             ngx_http_ext_plugin_late(talk, "timed out"), 0);
        (void) talk->received(talk, NGX_ERROR);
        return;
    }

    ngx_http_ext_plugin_talk_resume(talk);
}


void
ngx_http_ext_plugin_talk_resume(ngx_http_ext_plugin_talk_t *talk)
{
    int                rc;
    char              *error;
    size_t             size;
    u_char            *p;
    ssize_t            n;
    ngx_err_t          err;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    /* while there is something to send the runner has nothing to say */

    while (!talk->paused && talk->unsent == NULL) {

        c = talk->peer->connection;
        rev = c->read;

        rc = frame_parse(talk->start, talk->last - talk->start, &talk->frame);

        if (rc == 0) {
            talk->answered = 1;

            if (talk->received(talk, NGX_OK) != NGX_AGAIN) {
                return;
            }

            continue;
        }

        size = FRAME_HEADER_SIZE + (size_t) talk->frame.size;

        if (rc == FRAME_NEED_PAYLOAD
            && (size_t) (talk->end - talk->start) < size)
        {
            p = ngx_palloc(talk->pool, size);
            if (p == NULL) {
                error = "sent a frame for which there is no memory";
                err = 0;
                goto failed;
            }

            talk->last = ngx_cpymem(p, talk->start, talk->last - talk->start);

            if (talk->start != talk->peer->in) {
                (void) ngx_pfree(talk->pool, talk->start);
            }

            talk->start = p;
            talk->end = p + size;
        }

        if (!rev->ready) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                error = "could not be waited for";
                err = 0;
                goto failed;
            }

            return;
        }

        ngx_set_socket_errno(0);

        n = c->recv(c, talk->last, talk->end - talk->last);

        if (n > 0) {
            talk->last += n;
            continue;
        }

        if (n == NGX_AGAIN) {
            continue;
        }

        err = (n == 0) ? 0 : ngx_socket_errno;

        /* the kernel's word for "closed with your bytes still unread" */
        talk->lost = (err == NGX_ECONNRESET && !talk->answered);

        error = (talk->last == talk->start)
                ? "closed the connection" : "closed the connection in a frame";
        goto failed;
    }

    return;

failed:

    (void) ngx_http_ext_plugin_talk_fail(talk, error, err);
    (void) talk->received(talk, NGX_ERROR);
}
