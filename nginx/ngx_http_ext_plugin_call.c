/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of one phase, from "the request has come this far" to "it may go
 * on": gets a token and a connection, sends the call, answers what the runner
 * asks, applies the reply. Tries again when the runner does not know the
 * token, or when it was replaced before it had read the call.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_call_try(ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_call_send(
    ngx_http_ext_plugin_call_t *call);
static void ngx_http_ext_plugin_call_opened(ngx_http_ext_plugin_talk_t *talk,
    ngx_int_t rc);
static void ngx_http_ext_plugin_call_again(ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_call_received(
    ngx_http_ext_plugin_talk_t *talk, ngx_int_t rc);
static ngx_int_t ngx_http_ext_plugin_call_frame(
    ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_call_error(
    ngx_http_ext_plugin_call_t *call);
static void ngx_http_ext_plugin_call_failed(ngx_http_ext_plugin_call_t *call);


static char  *ngx_http_ext_plugin_error_codes[] = {
    "answered BAD_REQUEST",
    "answered SERVICE_UNAVAILABLE",
    "did not find its own conf token"
};


uint64_t
ngx_http_ext_plugin_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


ngx_http_ext_plugin_call_t *
ngx_http_ext_plugin_call_create(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_http_ext_plugin_conf_t *conf)
{
    ngx_http_ext_plugin_call_t       *call;
    ngx_http_ext_plugin_loc_conf_t   *elcf;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    call = ngx_pcalloc(r->pool, sizeof(ngx_http_ext_plugin_call_t));
    if (call == NULL) {
        return NULL;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);
    emcf = ngx_http_get_module_main_conf(r, ngx_http_ext_plugin_module);

    call->talk.runner = conf->runner;
    call->talk.pool = r->pool;
    call->talk.log = r->connection->log;
    call->talk.buffer_size = elcf->buffer_size;
    call->talk.deadline = ngx_current_msec + conf->runner->call_timeout;
    call->talk.opened = ngx_http_ext_plugin_call_opened;
    call->talk.received = ngx_http_ext_plugin_call_received;

    call->request = r;
    call->conf = conf;
    call->phase = conf->chain->phase;
    call->id = ((uint32_t) ngx_worker << 22) | (emcf->next_id++ & 0x3fffff);
    call->started = ngx_http_ext_plugin_now();

    ctx->call = call;
    ctx->ran[call->phase] = conf->chain;

    /* what a Rewrite could not put in the place of the client's body, which
       led to an error page, is nothing for the response */
    ctx->new_body = NULL;

    return call;
}


ngx_int_t
ngx_http_ext_plugin_call_start(ngx_http_ext_plugin_call_t *call)
{
    call->starting = 1;

    ngx_http_ext_plugin_call_again(call);

    call->starting = 0;

    return call->done ? NGX_OK : NGX_AGAIN;
}


/* Begins, or begins again. */

static void
ngx_http_ext_plugin_call_again(ngx_http_ext_plugin_call_t *call)
{
    if (ngx_http_ext_plugin_call_try(call) == NGX_ERROR) {
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_ext_plugin_call_try(ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t                    rc;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = &call->talk;

    for ( ;; ) {
        rc = ngx_http_ext_plugin_conf_token(call->conf, call);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_ext_plugin_talk_open(talk);

        if (rc == NGX_OK) {
            rc = ngx_http_ext_plugin_call_send(call);
        }

        if (rc == NGX_DECLINED) {
            /* the token is another runner's: _send() has seen to it */
            continue;
        }

        if (rc == NGX_ERROR
            && talk->lost
            && ++call->lost < NGX_HTTP_EXT_PLUGIN_TRIES)
        {
            ngx_http_ext_plugin_close_idle(talk->runner);
            continue;
        }

        return rc;
    }
}


/* NGX_AGAIN, NGX_DECLINED: has to start anew, NGX_ERROR */

static ngx_int_t
ngx_http_ext_plugin_call_send(ngx_http_ext_plugin_call_t *call)
{
    int                          rc;
    ngx_http_ext_plugin_conf_t  *conf;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = &call->talk;
    conf = call->conf;

    if (conf->expires == 0 || conf->identity != talk->peer->identity) {

        ngx_http_ext_plugin_talk_close(talk);
        ngx_http_ext_plugin_close_idle(talk->runner);

        if (++call->prepared > 2 * NGX_HTTP_EXT_PLUGIN_TRIES) {
            talk->error = "is replaced again and again";
            talk->err = 0;
            return NGX_ERROR;
        }

        if (call->prepared > 1 && conf->expires) {
            /* not an old connection but an old token */
            ngx_http_ext_plugin_conf_forget(conf, conf->token, conf->identity);
        }

        return NGX_DECLINED;
    }

    call->token = conf->token;

    rc = call->write(call, call->token);

    if (rc != 0) {
        ngx_http_ext_plugin_talk_close(talk);

        talk->error = (rc == -EMSGSIZE) ? "cannot be sent a call this large"
                                        : "cannot be called: no memory";
        talk->err = 0;
        return NGX_ERROR;
    }

    return ngx_http_ext_plugin_talk_send(talk);
}


static void
ngx_http_ext_plugin_call_opened(ngx_http_ext_plugin_talk_t *talk, ngx_int_t rc)
{
    ngx_http_ext_plugin_call_t  *call;

    call = (ngx_http_ext_plugin_call_t *) talk;

    if (rc == NGX_OK) {
        rc = ngx_http_ext_plugin_call_send(call);
    }

    if (rc == NGX_DECLINED
        || (rc == NGX_ERROR
            && talk->lost && ++call->lost < NGX_HTTP_EXT_PLUGIN_TRIES))
    {
        ngx_http_ext_plugin_call_again(call);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);
    }
}


void
ngx_http_ext_plugin_call_token(ngx_http_ext_plugin_call_t *call, ngx_int_t rc)
{
    if (rc != NGX_OK) {
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);
        return;
    }

    ngx_http_ext_plugin_call_again(call);
}


static ngx_int_t
ngx_http_ext_plugin_call_received(ngx_http_ext_plugin_talk_t *talk,
    ngx_int_t rc)
{
    ngx_http_ext_plugin_call_t  *call;

    call = (ngx_http_ext_plugin_call_t *) talk;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    if (rc != NGX_OK) {
        if (talk->lost && ++call->lost < NGX_HTTP_EXT_PLUGIN_TRIES) {
            ngx_http_ext_plugin_close_idle(talk->runner);
            ngx_http_ext_plugin_call_again(call);

        } else {
            ngx_http_ext_plugin_call_done(call, NGX_ERROR);
        }

        return NGX_DONE;
    }

    return ngx_http_ext_plugin_call_frame(call);
}


static ngx_int_t
ngx_http_ext_plugin_call_frame(ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t                    rc;
    ngx_uint_t                   expected;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = &call->talk;

    expected = (call->phase == NGX_HTTP_EXT_PLUGIN_POST_RESP)
               ? FRAME_HTTP_RESP_CALL : FRAME_HTTP_REQ_CALL;

    if (talk->frame.type == FRAME_EXTRA_INFO) {

        if (++call->questions > talk->runner->questions) {
            /* every answer takes memory of the request */
            talk->error = "asked too many questions";
            ngx_http_ext_plugin_call_done(call, NGX_ERROR);
            return NGX_DONE;
        }

        rc = ngx_http_ext_plugin_info(call);

        if (rc == NGX_OK || rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_http_ext_plugin_call_done(call, rc);
        return NGX_DONE;
    }

    if (talk->frame.type == FRAME_ERROR) {
        return ngx_http_ext_plugin_call_error(call);
    }

    if (talk->frame.type != expected) {
        talk->error = "answered with a frame of the wrong type";
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);
        return NGX_DONE;
    }

    rc = call->reply(call);

    if (rc != NGX_ERROR) {
        ngx_http_ext_plugin_talk_keep(talk);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_ext_plugin_call_done(call, rc);
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_ext_plugin_call_error(ngx_http_ext_plugin_call_t *call)
{
    uint8_t                      code;
    uint64_t                     identity;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = &call->talk;

    if (message_read_error(talk->frame.payload, talk->frame.size, &code) != 0) {
        talk->error = "sent an error frame that is garbage";
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);
        return NGX_DONE;
    }

    if (code == MESSAGE_CONF_TOKEN_NOT_FOUND
        && ++call->tries < NGX_HTTP_EXT_PLUGIN_TRIES)
    {
        identity = talk->peer->identity;

        ngx_http_ext_plugin_talk_close(talk);
        ngx_http_ext_plugin_conf_forget(call->conf, call->token, identity);

        call->prepared = 0;
        ngx_http_ext_plugin_call_again(call);

        return NGX_DONE;
    }

    talk->error = (code <= MESSAGE_CONF_TOKEN_NOT_FOUND)
                  ? ngx_http_ext_plugin_error_codes[code]
                  : "answered an unknown error";

    ngx_http_ext_plugin_call_done(call, NGX_ERROR);

    return NGX_DONE;
}


void
ngx_http_ext_plugin_call_done(ngx_http_ext_plugin_call_t *call, ngx_int_t rc)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    ngx_http_ext_plugin_talk_close(&call->talk);

    ctx = ngx_http_ext_plugin_get_ctx(call->request);

    ctx->time[call->phase] += ngx_http_ext_plugin_now() - call->started;

    call->done = 1;
    call->rc = rc;

    if (rc == NGX_ERROR) {
        ngx_http_ext_plugin_call_failed(call);

    } else if (rc != NGX_OK) {
        /* the client's body cannot be had, or nginx is out of memory */
        ctx->outcome[call->phase] = (rc < NGX_HTTP_INTERNAL_SERVER_ERROR)
                                    ? NGX_HTTP_EXT_PLUGIN_ABORTED
                                    : NGX_HTTP_EXT_PLUGIN_FAILED;
    }

    if (!call->starting) {
        call->resume(call);
    }
}


static void
ngx_http_ext_plugin_call_failed(ngx_http_ext_plugin_call_t *call)
{
    ngx_uint_t                       degrade;
    ngx_http_request_t              *r;
    ngx_http_ext_plugin_ctx_t       *ctx;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    if (call->talk.error == NULL) {
        call->talk.error = "cannot be called: no memory";
    }

    /* or clients could choose to get past the plugins */
    degrade = elcf->degradation && call->refuse == 0;

    ctx->error.data = (u_char *) call->talk.error;
    ctx->error.len = ngx_strlen(call->talk.error);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, call->talk.err,
                  "ext_plugin_%V: the runner at %V %s%s",
                  &ngx_http_ext_plugin_phase_names[call->phase],
                  &call->talk.runner->name, call->talk.error,
                  degrade ? ", going on without it" : "");

    if (degrade) {
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_DEGRADED;
        call->rc = NGX_OK;

    } else {
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_FAILED;
        call->rc = call->refuse ? call->refuse : NGX_HTTP_SERVICE_UNAVAILABLE;
    }
}


void
ngx_http_ext_plugin_call_drop(ngx_http_ext_plugin_call_t *call)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    if (call->done) {
        return;
    }

    call->done = 1;

    ctx = ngx_http_ext_plugin_get_ctx(call->request);

    if (ctx) {
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_ABORTED;
        ctx->time[call->phase] += ngx_http_ext_plugin_now() - call->started;
    }

    if (call->waiting) {
        ngx_queue_remove(&call->queue);
        call->waiting = 0;
    }

    ngx_http_ext_plugin_talk_close(&call->talk);
}
