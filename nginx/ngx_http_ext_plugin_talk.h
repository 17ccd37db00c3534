/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to a runner and the frames on them, whatever these say and
 * whoever they are for: _client.c and _talk.c. ngx_http_ext_plugin.h has the
 * rest.
 */

#ifndef _NGX_HTTP_EXT_PLUGIN_TALK_H_INCLUDED_
#define _NGX_HTTP_EXT_PLUGIN_TALK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "wire/message.h"


typedef struct ngx_http_ext_plugin_peer_s  ngx_http_ext_plugin_peer_t;
typedef struct ngx_http_ext_plugin_talk_s  ngx_http_ext_plugin_talk_t;


/* A runner's address and how to use it, with this worker's connections. */

typedef struct {
    ngx_str_t                    name;           /* unix:/path */
    struct sockaddr_un           sockaddr;
    socklen_t                    socklen;
    ngx_uint_t                   keepalive;
    ngx_msec_t                   connect_timeout;
    ngx_msec_t                   read_timeout;
    ngx_msec_t                   call_timeout;
    ngx_uint_t                   questions;      /* at most, in a call */
    time_t                       conf_expire;
    unsigned                     managed:1;      /* nginx starts it */

    ngx_queue_t                  idle;           /* peers, latest used first */
    ngx_uint_t                   nidle;

    /*
     * which process listens there, as far as this worker knows: its tokens
     * mean nothing to another one; 0 before the first connection
     */
    uint64_t                     identity;
} ngx_http_ext_plugin_runner_t;


/* A connection to a runner. */

struct ngx_http_ext_plugin_peer_s {
    ngx_queue_t                    queue;
    ngx_connection_t              *connection;
    ngx_http_ext_plugin_runner_t  *runner;
    ngx_http_ext_plugin_talk_t    *talk;         /* NULL when idle */
    uint64_t                       identity;

    u_char                        *in;           /* buffer_size bytes each */
    u_char                        *out;
    size_t                         size;
};


/*
 * One use of a connection. The owner fills in the first group and gets, after
 * ngx_http_ext_plugin_talk_open() or _send() have given NGX_AGAIN, exactly one
 * call of opened() or received(). When rc is not NGX_OK the talk is closed
 * already, and `error` says why.
 */

struct ngx_http_ext_plugin_talk_s {
    ngx_http_ext_plugin_runner_t  *runner;
    ngx_pool_t                    *pool;         /* for what fits no buffer */
    ngx_log_t                     *log;
    size_t                         buffer_size;  /* of a new connection */
    ngx_msec_t                     deadline;     /* of all of it */
    void                         (*opened)(ngx_http_ext_plugin_talk_t *talk,
                                           ngx_int_t rc);
    /* NGX_AGAIN: another frame is expected; otherwise the talk may be gone */
    ngx_int_t                    (*received)(ngx_http_ext_plugin_talk_t *talk,
                                             ngx_int_t rc);

    ngx_http_ext_plugin_peer_t    *peer;         /* NULL when closed */
    struct frame                   frame;        /* in received() */
    char                          *error;
    ngx_err_t                      err;

    struct wire_out                out;
    ngx_chain_t                   *body;         /* goes after out */
    ngx_chain_t                   *unsent;

    u_char                        *start;        /* of what is received */
    u_char                        *last;
    u_char                        *end;

    ngx_event_t                    wait;         /* to connect once more */
    ngx_msec_t                     started;
    ngx_msec_t                     delay;
    ngx_msec_t                     paused_at;

    unsigned                       answered:1;   /* a frame has come */
    unsigned                       paused:1;     /* the owner is not ready */
    unsigned                       lost:1;       /* error, and nobody has
                                                    read what was sent */
};


/* _client.c */

/* NGX_OK: talk->peer is there. NGX_AGAIN: opened() comes. NGX_ERROR. */
ngx_int_t ngx_http_ext_plugin_talk_open(ngx_http_ext_plugin_talk_t *talk);
/* Leaves the connection for the next one who wants it. */
void ngx_http_ext_plugin_talk_keep(ngx_http_ext_plugin_talk_t *talk);
void ngx_http_ext_plugin_talk_close(ngx_http_ext_plugin_talk_t *talk);
/* Closes it and says why; NGX_ERROR. */
ngx_int_t ngx_http_ext_plugin_talk_fail(ngx_http_ext_plugin_talk_t *talk,
    char *error, ngx_err_t err);
void ngx_http_ext_plugin_close_idle(ngx_http_ext_plugin_runner_t *runner);

/* _talk.c */

/* Makes talk->out empty. */
void ngx_http_ext_plugin_talk_out(ngx_http_ext_plugin_talk_t *talk);
/* Sends talk->out, and talk->body behind it. NGX_AGAIN: received() comes. */
ngx_int_t ngx_http_ext_plugin_talk_send(ngx_http_ext_plugin_talk_t *talk);
/* The runner is not waited for, and its time stands still, until a _send(). */
void ngx_http_ext_plugin_talk_pause(ngx_http_ext_plugin_talk_t *talk);
/* Goes on to receive, after a send in a talk that was paused. */
void ngx_http_ext_plugin_talk_resume(ngx_http_ext_plugin_talk_t *talk);
void ngx_http_ext_plugin_talk_read(ngx_event_t *ev);
void ngx_http_ext_plugin_talk_write(ngx_event_t *ev);


#endif /* _NGX_HTTP_EXT_PLUGIN_TALK_H_INCLUDED_ */
