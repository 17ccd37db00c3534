/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ngx_http_ext_plugin_module: the gateway's side of the plugin protocol.
 *
 * Who calls whom:
 *
 *     _request.c, _filter.c   the phases and filters that nginx runs
 *         _call.c             one call of a phase, from the token to the reply
 *             _conf.c         tokens of this worker
 *             _zone.c         and those shared by all
 *             _prepare.c      PrepareConf, one at a time for a conf
 *             _talk.c         frames out and in
 *             _client.c       connections to a runner
 *         _message.c          the call itself
 *         _info.c             answers to what the runner asks
 *         _collect.c          a response body, if it asks for it
 *         _stop.c _rewrite.c _response.c   what a reply does to the request
 *     _cmd.c _child.c         the runner as a child of nginx
 */

#ifndef _NGX_HTTP_EXT_PLUGIN_H_INCLUDED_
#define _NGX_HTTP_EXT_PLUGIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_md5.h>

#include "wire/message.h"
#include "ngx_http_ext_plugin_talk.h"


#define NGX_HTTP_EXT_PLUGIN_PRE_REQ    0
#define NGX_HTTP_EXT_PLUGIN_POST_REQ   1
#define NGX_HTTP_EXT_PLUGIN_POST_RESP  2
#define NGX_HTTP_EXT_PLUGIN_PHASES     3

/* a bit of c->buffered that no module of nginx uses, and not a low-level one */
#define NGX_HTTP_EXT_PLUGIN_BUFFERED   0x80

#define NGX_HTTP_EXT_PLUGIN_TRIES      3

/* more headers or args than this in one reply are refused */
#define NGX_HTTP_EXT_PLUGIN_CHANGES    1000

/* pairs that are put together on the stack; more go to the pool */
#define NGX_HTTP_EXT_PLUGIN_PAIRS      64


typedef struct ngx_http_ext_plugin_call_s  ngx_http_ext_plugin_call_t;


/* The plugins of one phase, as written in one block of the configuration. */

typedef struct {
    ngx_uint_t                   phase;
    ngx_array_t                  plugins;        /* of struct wire_pair */
    ngx_str_t                    key;
    u_char                       digest[16];
} ngx_http_ext_plugin_chain_t;


/* A chain at a runner: what a token stands for. */

typedef struct {
    ngx_http_ext_plugin_chain_t   *chain;
    ngx_http_ext_plugin_runner_t  *runner;
    u_char                         digest[16];   /* key of the shared slot */

    /* of this worker */
    uint32_t                       token;
    time_t                         expires;      /* 0: no token */
    uint64_t                       identity;     /* who gave it */
    ngx_queue_t                    waiting;      /* calls */
    ngx_event_t                    poll;         /* another worker prepares */
    uint32_t                       failures;     /* when that was first seen */
    void                          *prepare;      /* in progress here */
} ngx_http_ext_plugin_conf_t;


/* A conf in shared memory. */

typedef struct {
    u_char                         digest[16];
    uint64_t                       identity;
    time_t                         expires;      /* 0: no token */
    uint32_t                       token;
    uint32_t                       failures;     /* to prepare it */
    ngx_pid_t                      locker;       /* who prepares it, or 0 */
} ngx_http_ext_plugin_slot_t;


typedef enum {
    NGX_HTTP_EXT_PLUGIN_NONE = 0,                /* nothing to change */
    NGX_HTTP_EXT_PLUGIN_STOPPED,
    NGX_HTTP_EXT_PLUGIN_REWRITTEN,
    NGX_HTTP_EXT_PLUGIN_FAILED,
    NGX_HTTP_EXT_PLUGIN_DEGRADED,
    NGX_HTTP_EXT_PLUGIN_ABORTED                  /* nobody waited for the end */
} ngx_http_ext_plugin_outcome_e;


/* One call of one phase. */

struct ngx_http_ext_plugin_call_s {
    ngx_http_ext_plugin_talk_t     talk;
    ngx_http_request_t            *request;
    ngx_http_ext_plugin_conf_t    *conf;
    ngx_uint_t                     phase;

    /* writes the call to talk.out: as message_write_...() */
    int                          (*write)(ngx_http_ext_plugin_call_t *call,
                                          uint32_t token);
    /* applies the reply: NGX_OK, NGX_AGAIN when ngx_http_ext_plugin_call_done()
       will come later, NGX_ERROR with talk.error, or an HTTP status */
    ngx_int_t                    (*reply)(ngx_http_ext_plugin_call_t *call);
    /* goes on with the request; not if _call_start() gave the result */
    void                         (*resume)(ngx_http_ext_plugin_call_t *call);

    ngx_queue_t                    queue;        /* in conf->waiting */
    uint32_t                       id;
    uint32_t                       token;
    ngx_uint_t                     prepared;     /* tokens that were no good */
    ngx_uint_t                     tries;
    ngx_uint_t                     lost;
    ngx_uint_t                     questions;    /* that the runner has asked */
    uint64_t                       started;      /* us */
    ngx_int_t                      refuse;       /* the status of a failure that
                                                    the client brings about */
    ngx_int_t                      rc;           /* when done */

    unsigned                       waiting:1;    /* is in conf->waiting */
    unsigned                       starting:1;   /* inside _call_start() */
    unsigned                       done:1;
};


typedef enum {
    NGX_HTTP_EXT_PLUGIN_PASS = 0,                /* nothing is held */
    NGX_HTTP_EXT_PLUGIN_HOLD,                    /* header and body wait */
    NGX_HTTP_EXT_PLUGIN_COLLECT,                 /* so they do, and the runner
                                                    waits for the whole body */
    NGX_HTTP_EXT_PLUGIN_COLLECTED,
    NGX_HTTP_EXT_PLUGIN_RELEASE,                 /* the header is sent, the body
                                                    that was held is not yet */
    NGX_HTTP_EXT_PLUGIN_DISCARD                  /* another body was sent */
} ngx_http_ext_plugin_hold_e;


typedef struct {
    ngx_http_request_t            *request;
    ngx_http_ext_plugin_call_t    *call;         /* in progress or just done */

    /* called already, and not again after a redirect */
    ngx_http_ext_plugin_chain_t   *ran[NGX_HTTP_EXT_PLUGIN_PHASES];
    u_char                         outcome[NGX_HTTP_EXT_PLUGIN_PHASES];
    uint64_t                       time[NGX_HTTP_EXT_PLUGIN_PHASES];   /* us */
    ngx_str_t                      error;

    ngx_array_t                   *resp_headers; /* of struct wire_pair */
    ngx_str_t                      stop_body;
    ngx_buf_t                     *new_body;     /* request or response */

    ngx_http_ext_plugin_hold_e     hold;
    ngx_chain_t                   *held;
    ngx_chain_t                  **held_last;
    off_t                          collected;
    ngx_buf_t                     *chunk;        /* of held, with room left */

    unsigned                       content:1;    /* its phase has begun */
    unsigned                       complete:1;   /* held has the end */
    unsigned                       stopped:1;
    unsigned                       filtering:1;  /* inside the body filter */
    unsigned                       reading:1;    /* inside ngx_http_read_client_
                                                    request_body() */
    unsigned                       read_done:1;
    unsigned                       info:1;       /* the request body is read for
                                                    the runner */
    unsigned                       resp_info:1;  /* it asked for the response */
} ngx_http_ext_plugin_ctx_t;


typedef struct {
    ngx_array_t                    runners;      /* of _runner_t * */
    ngx_array_t                    confs;        /* of _conf_t * */
    ngx_http_ext_plugin_runner_t  *managed;      /* by ext_plugin_cmd */
    ngx_uint_t                     managed_http;
    ngx_shm_zone_t                *shm_zone;
    ngx_array_t                   *cmd;          /* of ngx_str_t */
    uint32_t                       cycle;        /* a number for it */
    uint32_t                       next_id;      /* of this worker */
    ngx_array_t                    changed;      /* of ngx_uint_t: variables */
} ngx_http_ext_plugin_main_conf_t;


typedef struct {
    ngx_http_ext_plugin_runner_t  *runner;
    ngx_http_ext_plugin_chain_t   *chains[NGX_HTTP_EXT_PLUGIN_PHASES];
    ngx_http_ext_plugin_conf_t    *confs[NGX_HTTP_EXT_PLUGIN_PHASES];
    ngx_flag_t                     degradation;
    ngx_flag_t                     subrequests;
    size_t                         buffer_size;
    size_t                         max_body;
} ngx_http_ext_plugin_loc_conf_t;


extern ngx_module_t  ngx_http_ext_plugin_module;
extern ngx_str_t     ngx_http_ext_plugin_phase_names[];


/* _directives.c */

/* A level that has switched off what it would inherit. */
extern ngx_http_ext_plugin_chain_t  ngx_http_ext_plugin_off;

char *ngx_http_ext_plugin_runner(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ext_plugin_plugin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* Of a size, when it is set. */
char *ngx_http_ext_plugin_check_buffer(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_ext_plugin_check_body(ngx_conf_t *cf, void *post, void *data);

/* _zone.c */

char *ngx_http_ext_plugin_zone_add(ngx_conf_t *cf,
    ngx_http_ext_plugin_main_conf_t *emcf);
/* In a worker, before all the others. */
void ngx_http_ext_plugin_zone_use(ngx_shm_zone_t *shm_zone);
void ngx_http_ext_plugin_zone_lock(void);
void ngx_http_ext_plugin_zone_unlock(void);
/* Only while locked. NULL: not there, or no room to create it. */
ngx_http_ext_plugin_slot_t *ngx_http_ext_plugin_slot(u_char *digest,
    ngx_uint_t create);
/* Who is alive of a cycle's workers, a cycle being any number. */
void ngx_http_ext_plugin_worker_enter(uint32_t cycle);
void ngx_http_ext_plugin_worker_leave(void);
ngx_uint_t ngx_http_ext_plugin_worker_alive(ngx_pid_t pid);
ngx_uint_t ngx_http_ext_plugin_worker_others(uint32_t cycle);

/* _conf.c */

/* NGX_OK: conf->token is good. NGX_AGAIN: the call waits, and
   ngx_http_ext_plugin_call_token() comes. NGX_ERROR: talk.error. */
ngx_int_t ngx_http_ext_plugin_conf_token(ngx_http_ext_plugin_conf_t *conf,
    ngx_http_ext_plugin_call_t *call);
/* The token is not good, unless there is another one already. */
void ngx_http_ext_plugin_conf_forget(ngx_http_ext_plugin_conf_t *conf,
    uint32_t token, uint64_t identity);
/* The end of a PrepareConf. */
void ngx_http_ext_plugin_conf_store(ngx_http_ext_plugin_conf_t *conf,
    uint32_t token, uint64_t identity);
void ngx_http_ext_plugin_conf_wake(ngx_http_ext_plugin_conf_t *conf,
    ngx_int_t rc, char *error, ngx_err_t err);
void ngx_http_ext_plugin_conf_unlock(ngx_http_ext_plugin_conf_t *conf);

/* _prepare.c */

/* NGX_AGAIN, or NGX_ERROR with *error. */
ngx_int_t ngx_http_ext_plugin_prepare(ngx_http_ext_plugin_conf_t *conf,
    size_t buffer_size, char **error, ngx_err_t *err);

/* _call.c */

ngx_http_ext_plugin_call_t *ngx_http_ext_plugin_call_create(
    ngx_http_request_t *r, ngx_http_ext_plugin_ctx_t *ctx,
    ngx_http_ext_plugin_conf_t *conf);
/* NGX_AGAIN: resume() comes. NGX_OK: call->rc is set. */
ngx_int_t ngx_http_ext_plugin_call_start(ngx_http_ext_plugin_call_t *call);
void ngx_http_ext_plugin_call_token(ngx_http_ext_plugin_call_t *call,
    ngx_int_t rc);
/* NGX_OK, an HTTP status, or NGX_ERROR with call->talk.error */
void ngx_http_ext_plugin_call_done(ngx_http_ext_plugin_call_t *call,
    ngx_int_t rc);
/* Ends a call of which nobody wants the result. */
void ngx_http_ext_plugin_call_drop(ngx_http_ext_plugin_call_t *call);
uint64_t ngx_http_ext_plugin_now(void);

/* _request.c */

ngx_int_t ngx_http_ext_plugin_pre_req_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_ext_plugin_post_req_handler(ngx_http_request_t *r);
ngx_http_ext_plugin_ctx_t *ngx_http_ext_plugin_get_ctx(ngx_http_request_t *r);
ngx_http_ext_plugin_ctx_t *ngx_http_ext_plugin_create_ctx(
    ngx_http_request_t *r);
/* The conf needs no call any more, in a location with this elcf. */
ngx_uint_t ngx_http_ext_plugin_has_run(ngx_http_ext_plugin_ctx_t *ctx,
    ngx_http_ext_plugin_conf_t *conf, ngx_http_ext_plugin_loc_conf_t *elcf);
/* While a call is out: watches for the client going away. NGX_ERROR. */
ngx_int_t ngx_http_ext_plugin_suspend(ngx_http_request_t *r);

/* _message.c */

int ngx_http_ext_plugin_write_req_call(ngx_http_ext_plugin_call_t *call,
    uint32_t token);
/* Decodes args for sending; *pairs may point to the given room. */
ngx_int_t ngx_http_ext_plugin_args(ngx_http_request_t *r,
    struct wire_pair *room, ngx_uint_t nroom, struct wire_pairs *pairs);

/* _stop.c */

ngx_int_t ngx_http_ext_plugin_stop(ngx_http_ext_plugin_call_t *call,
    struct message_http_req_reply_view *reply);
/* Sends what _stop() has prepared; for a phase handler to return. */
ngx_int_t ngx_http_ext_plugin_send_stop(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
/* A copy of bytes of a reply; NULL data when out of memory. */
ngx_str_t ngx_http_ext_plugin_copy(ngx_pool_t *pool, struct wire_str str);

/* _rewrite.c */

ngx_int_t ngx_http_ext_plugin_rewrite(ngx_http_ext_plugin_call_t *call,
    struct message_http_req_reply_view *reply);
/* Reads the client's body: NGX_OK, NGX_AGAIN (then _body_read() of _call's
   owner comes), or an HTTP status. */
ngx_int_t ngx_http_ext_plugin_read_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
ngx_int_t ngx_http_ext_plugin_replace_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);

/* _headers_in.c */

ngx_int_t ngx_http_ext_plugin_set_headers_in(ngx_http_request_t *r,
    struct wire_vector changes);
/* The body has so many bytes, whatever the client said. NGX_OK, or an HTTP
   status */
ngx_int_t ngx_http_ext_plugin_set_length(ngx_http_request_t *r, off_t length);

/* _headers_out.c */

/* Adds one to r->headers_out; known ones get their places. NGX_DECLINED: the
   header is nginx's own business and was left out. */
ngx_int_t ngx_http_ext_plugin_add_header_out(ngx_http_request_t *r,
    struct wire_pair *pair, ngx_uint_t lowcase);
/* Room for a header's text with what cannot stand there percent-encoded. */
ngx_int_t ngx_http_ext_plugin_header_text(ngx_pool_t *pool, ngx_str_t *dst,
    struct wire_str *src, ngx_uint_t name, ngx_uint_t lowcase);
/* What the client would get, as pairs. */
ngx_int_t ngx_http_ext_plugin_headers_out(ngx_http_request_t *r,
    struct wire_pair *room, ngx_uint_t nroom, struct wire_pairs *pairs);
ngx_uint_t ngx_http_ext_plugin_excluded(struct wire_str *name);

/* _response.c */

int ngx_http_ext_plugin_write_resp_call(ngx_http_ext_plugin_call_t *call,
    uint32_t token);
ngx_int_t ngx_http_ext_plugin_resp_reply(ngx_http_ext_plugin_call_t *call);
ngx_int_t ngx_http_ext_plugin_resp_failed(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);

/* _filter.c */

ngx_int_t ngx_http_ext_plugin_filter_init(ngx_conf_t *cf);
/* The request is going away. */
void ngx_http_ext_plugin_filter_cleanup(ngx_http_ext_plugin_ctx_t *ctx);

/* _collect.c */

/* Makes the whole response body available: NGX_OK (ctx->held), NGX_AGAIN, then
   ngx_http_ext_plugin_info_body() comes, or NGX_ERROR with talk.error. */
ngx_int_t ngx_http_ext_plugin_collect(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
/* Holds more of it. The links are the caller's; so are bufs without data, which
   he uses again. */
ngx_int_t ngx_http_ext_plugin_keep(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in);
/* Collects more of it. NGX_OK: that was all. NGX_AGAIN: there is more to come.
   NGX_ERROR with talk.error; then it is held as it came. */
ngx_int_t ngx_http_ext_plugin_gather(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in);

/* _info.c */

/* talk.frame is an ExtraInfo: as call->reply. NGX_OK: the answer is under way;
   NGX_AGAIN: the talk is paused until _info_body() */
ngx_int_t ngx_http_ext_plugin_info(ngx_http_ext_plugin_call_t *call);
void ngx_http_ext_plugin_info_body(ngx_http_ext_plugin_call_t *call,
    ngx_int_t rc);

/* _cmd.c */

ngx_int_t ngx_http_ext_plugin_cmd_start(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_main_conf_t *emcf);
void ngx_http_ext_plugin_cmd_stop(ngx_cycle_t *cycle);

/* _variables.c */

ngx_int_t ngx_http_ext_plugin_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_ext_plugin_init_variables(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_main_conf_t *emcf);
/* nginx takes values from the request again, which has been changed. */
void ngx_http_ext_plugin_forget_variables(ngx_http_request_t *r);


#endif /* _NGX_HTTP_EXT_PLUGIN_H_INCLUDED_ */
