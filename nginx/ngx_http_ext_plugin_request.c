/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request phases: pre_req runs in nginx's preaccess phase, post_req in the
 * precontent phase.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_req_handler(ngx_http_request_t *r,
    ngx_uint_t phase);
static ngx_int_t ngx_http_ext_plugin_req_result(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
static void ngx_http_ext_plugin_req_resume(ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_req_reply(
    ngx_http_ext_plugin_call_t *call);
static void ngx_http_ext_plugin_cleanup(void *data);


ngx_int_t
ngx_http_ext_plugin_pre_req_handler(ngx_http_request_t *r)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    if (r->internal) {

        /* a redirect: what is refused from here on has no content yet */

        ctx = ngx_http_ext_plugin_get_ctx(r);

        if (ctx && r == r->main) {
            ctx->content = 0;
        }
    }

    return ngx_http_ext_plugin_req_handler(r, NGX_HTTP_EXT_PLUGIN_PRE_REQ);
}


ngx_int_t
ngx_http_ext_plugin_post_req_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_ext_plugin_ctx_t       *ctx;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    rc = ngx_http_ext_plugin_req_handler(r, NGX_HTTP_EXT_PLUGIN_POST_REQ);

    if (rc == NGX_DECLINED
        && r == r->main
        && elcf->confs[NGX_HTTP_EXT_PLUGIN_POST_RESP])
    {
        ctx = ngx_http_ext_plugin_create_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->content = 1;

        /* the runner may ask for the request's body in the response phase */
        r->preserve_body = 1;
    }

    return rc;
}


static ngx_int_t
ngx_http_ext_plugin_req_handler(ngx_http_request_t *r, ngx_uint_t phase)
{
    ngx_http_ext_plugin_ctx_t       *ctx;
    ngx_http_ext_plugin_call_t      *call;
    ngx_http_ext_plugin_conf_t      *conf;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    conf = elcf->confs[phase];

    if (conf == NULL || (r != r->main && !elcf->subrequests)) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_ext_plugin_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call = ctx->call;

    if (call) {
        if (!call->done) {
            return NGX_AGAIN;
        }

        if (call->conf == conf) {
            return ngx_http_ext_plugin_req_result(r, ctx);
        }
    }

    if (ngx_http_ext_plugin_has_run(ctx, conf, elcf)) {
        return NGX_DECLINED;
    }

    call = ngx_http_ext_plugin_call_create(r, ctx, conf);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->write = ngx_http_ext_plugin_write_req_call;
    call->reply = ngx_http_ext_plugin_req_reply;
    call->resume = ngx_http_ext_plugin_req_resume;

    if (r->method < NGX_HTTP_GET || r->method > NGX_HTTP_TRACE) {
        call->starting = 1;
        call->refuse = NGX_HTTP_NOT_IMPLEMENTED;
        call->talk.error = "cannot be told of this request's method";
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);

        return ngx_http_ext_plugin_req_result(r, ctx);
    }

    if (ngx_http_ext_plugin_call_start(call) == NGX_OK) {
        return ngx_http_ext_plugin_req_result(r, ctx);
    }

    if (ngx_http_ext_plugin_suspend(r) != NGX_OK) {
        /* the reply must not come to a request that sends its error page */
        ngx_http_ext_plugin_call_drop(call);
        ctx->call = NULL;

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * A chain that has answered is not called again for a request, whatever this is
 * redirected to. But what one location lets through without its plugins,
 * another one may not; and the error page of a call that has failed must not
 * lead around the plugins.
 */

ngx_uint_t
ngx_http_ext_plugin_has_run(ngx_http_ext_plugin_ctx_t *ctx,
    ngx_http_ext_plugin_conf_t *conf, ngx_http_ext_plugin_loc_conf_t *elcf)
{
    ngx_uint_t  phase;

    phase = conf->chain->phase;

    if (ctx->ran[phase] != conf->chain) {
        return 0;
    }

    switch (ctx->outcome[phase]) {

    case NGX_HTTP_EXT_PLUGIN_FAILED:
    case NGX_HTTP_EXT_PLUGIN_ABORTED:
        return 0;

    case NGX_HTTP_EXT_PLUGIN_DEGRADED:
        return elcf->degradation;

    default:
        return 1;
    }
}


static ngx_int_t
ngx_http_ext_plugin_req_result(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ctx->call->rc;
    ctx->call = NULL;

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->stopped) {
        return ngx_http_ext_plugin_send_stop(r, ctx);
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_ext_plugin_suspend(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (r == r->main) {

        if (c->read->ready) {
            ngx_post_event(c->read, &ngx_posted_events);

        } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_OK;
}


static void
ngx_http_ext_plugin_req_resume(ngx_http_ext_plugin_call_t *call)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = call->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_ext_plugin_req_reply(ngx_http_ext_plugin_call_t *call)
{
    struct frame                        *frame;
    ngx_http_ext_plugin_ctx_t           *ctx;
    struct message_http_req_reply_view   reply;

    frame = &call->talk.frame;

    if (message_read_http_req_reply(frame->payload, frame->size, &reply) != 0) {
        call->talk.error = "answered garbage";
        return NGX_ERROR;
    }

    if (reply.id != call->id) {
        call->talk.error = "answered another call than this one";
        return NGX_ERROR;
    }

    ctx = ngx_http_ext_plugin_get_ctx(call->request);

    switch (reply.action) {

    case MESSAGE_ACTION_NONE:
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_NONE;
        return NGX_OK;

    case MESSAGE_ACTION_STOP:
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_STOPPED;
        return ngx_http_ext_plugin_stop(call, &reply);

    case MESSAGE_ACTION_REWRITE:
        ctx->outcome[call->phase] = NGX_HTTP_EXT_PLUGIN_REWRITTEN;
        return ngx_http_ext_plugin_rewrite(call, &reply);

    default:
        call->talk.error = "answered with an unknown action";
        return NGX_ERROR;
    }
}


/*
 * nginx forgets the modules' contexts on an internal redirect; ours is found
 * again through the pool, as long as the request lives.
 */

ngx_http_ext_plugin_ctx_t *
ngx_http_ext_plugin_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_ext_plugin_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_ext_plugin_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler != ngx_http_ext_plugin_cleanup) {
                continue;
            }

            ctx = cln->data;

            if (ctx->request == r) {
                ngx_http_set_ctx(r, ctx, ngx_http_ext_plugin_module);

                if (ctx->call && !ctx->call->done) {
                    /* it was for what the request was before: reading the
                       body for it has failed, and led to an error page */
                    ngx_http_ext_plugin_call_drop(ctx->call);
                    ctx->call = NULL;
                }

                return ctx;
            }
        }

        return NULL;
    }

    return ctx;
}


ngx_http_ext_plugin_ctx_t *
ngx_http_ext_plugin_create_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t         *hcln;
    ngx_pool_cleanup_t         *cln;
    ngx_http_ext_plugin_ctx_t  *ctx;

    ctx = ngx_http_ext_plugin_get_ctx(r);
    if (ctx) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_ext_plugin_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->held_last = &ctx->held;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    /* the pool goes when the connection may be gone: see to it before */

    hcln = ngx_http_cleanup_add(r, 0);
    if (hcln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_ext_plugin_cleanup;
    cln->data = ctx;

    hcln->handler = ngx_http_ext_plugin_cleanup;
    hcln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_ext_plugin_module);

    return ctx;
}


static void
ngx_http_ext_plugin_cleanup(void *data)
{
    ngx_http_ext_plugin_ctx_t  *ctx = data;

    if (ctx->request == NULL) {
        return;
    }

    if (ctx->call) {
        ngx_http_ext_plugin_call_drop(ctx->call);
        ctx->call = NULL;
    }

    ngx_http_ext_plugin_filter_cleanup(ctx);
}
