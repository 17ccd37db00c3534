/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response on its way out. While the runner decides, the header is not
 * sent, and what the content handler produces is held: as references, so that
 * the handler itself stops when its buffers are full. Only when the runner
 * asks for the body is it collected in memory.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_ext_plugin_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_ext_plugin_resp_resume(ngx_http_ext_plugin_call_t *call);
static void ngx_http_ext_plugin_other_response(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_ext_plugin_release(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_ext_plugin_send_header(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
static ngx_int_t ngx_http_ext_plugin_pass(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in);
static void ngx_http_ext_plugin_discard(ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_ext_plugin_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_ext_plugin_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_ext_plugin_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_header_filter(ngx_http_request_t *r)
{
    ngx_http_ext_plugin_ctx_t       *ctx;
    ngx_http_ext_plugin_call_t      *call;
    ngx_http_ext_plugin_conf_t      *conf;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    ctx = ngx_http_ext_plugin_get_ctx(r);

    if (ctx == NULL || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx->hold != NGX_HTTP_EXT_PLUGIN_PASS) {

        /* another response takes the place of the one that waits */

        if (ctx->call) {
            ngx_http_ext_plugin_call_drop(ctx->call);
            ctx->call = NULL;
        }

        ctx->held = NULL;
        ctx->held_last = &ctx->held;
        ctx->new_body = NULL;

        ngx_http_ext_plugin_filter_cleanup(ctx);
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    conf = elcf->confs[NGX_HTTP_EXT_PLUGIN_POST_RESP];

    if (conf == NULL
        || !ctx->content
        || ngx_http_ext_plugin_has_run(ctx, conf, elcf)
        || r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        return ngx_http_ext_plugin_send_header(r, ctx);
    }

    call = ngx_http_ext_plugin_call_create(r, ctx, conf);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->write = ngx_http_ext_plugin_write_resp_call;
    call->reply = ngx_http_ext_plugin_resp_reply;
    call->resume = ngx_http_ext_plugin_resp_resume;

    if (r->method == NGX_HTTP_HEAD) {
        r->header_only = 1;
    }

    ctx->hold = NGX_HTTP_EXT_PLUGIN_HOLD;

    if (ngx_http_ext_plugin_call_start(call) == NGX_OK) {
        ctx->call = NULL;
        return ngx_http_ext_plugin_release(r, ctx, call->rc);
    }

    /* nobody is to write, nor to time the client out, until the release */

    r->connection->buffered |= NGX_HTTP_EXT_PLUGIN_BUFFERED;
    r->connection->write->delayed = 1;

    return NGX_OK;
}


static void
ngx_http_ext_plugin_resp_resume(ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_ext_plugin_ctx_t  *ctx;

    r = call->request;
    c = r->connection;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    ngx_http_set_log_request(c->log, r);

    ctx->call = NULL;

    rc = ngx_http_ext_plugin_release(r, ctx, call->rc);

    if (rc > NGX_OK && !ctx->filtering && !r->main->blocked) {
        ngx_http_ext_plugin_other_response(r, ctx, rc);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        c->error = 1;
    }

    /* wakes whoever produces the body, or waits to finish the request */

    ngx_post_event(c->write, &ngx_posted_events);

    if (!ctx->filtering) {
        ngx_http_run_posted_requests(c);
    }
}


/* A filter wants another response, such as 416 for a bad range. */

static void
ngx_http_ext_plugin_other_response(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_upstream_t  *u;

    ngx_http_ext_plugin_discard(ctx->held);

    ctx->held = NULL;
    ctx->held_last = &ctx->held;
    ctx->hold = NGX_HTTP_EXT_PLUGIN_PASS;

    u = r->upstream;

    if (u && u->cleanup) {
        /* it finalizes the request too when it goes, and is no more needed */
        r->main->count++;
        (*u->cleanup)(r);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_ext_plugin_release(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_int_t rc)
{
    ngx_chain_t        out;
    ngx_connection_t  *c;

    c = r->connection;

    c->buffered &= ~NGX_HTTP_EXT_PLUGIN_BUFFERED;
    c->write->delayed = 0;

    if (rc != NGX_OK && ngx_http_ext_plugin_resp_failed(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->hold = NGX_HTTP_EXT_PLUGIN_RELEASE;

    rc = ngx_http_ext_plugin_send_header(r, ctx);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (!r->header_only && ctx->new_body == NULL) {
        return ngx_http_ext_plugin_body_filter(r, NULL);
    }

    ngx_http_ext_plugin_discard(ctx->held);

    ctx->held = NULL;
    ctx->held_last = &ctx->held;
    ctx->hold = NGX_HTTP_EXT_PLUGIN_DISCARD;

    if (r->header_only) {
        return rc;
    }

    out.buf = ctx->new_body;
    out.next = NULL;

    ctx->new_body = NULL;

    return ngx_http_ext_plugin_pass(r, ctx, &out) == NGX_ERROR ? NGX_ERROR
                                                               : NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_send_header(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_uint_t         i;
    struct wire_pair  *pair;

    if (ctx->resp_headers) {
        pair = ctx->resp_headers->elts;

        for (i = 0; i < ctx->resp_headers->nelts; i++) {
            if (ngx_http_ext_plugin_add_header_out(r, &pair[i], 1)
                == NGX_ERROR)
            {
                return NGX_ERROR;
            }
        }

        ctx->resp_headers = NULL;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_ext_plugin_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                   rc;
    ngx_chain_t                *out;
    ngx_http_ext_plugin_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_ext_plugin_module);

    if (ctx == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    switch (ctx->hold) {

    case NGX_HTTP_EXT_PLUGIN_PASS:
        return ngx_http_next_body_filter(r, in);

    case NGX_HTTP_EXT_PLUGIN_HOLD:
    case NGX_HTTP_EXT_PLUGIN_COLLECTED:

        /* a pipe that sees a writable client would ask without end */
        r->connection->write->delayed = 1;

        return ngx_http_ext_plugin_keep(r, ctx, in) == NGX_OK ? NGX_AGAIN
                                                              : NGX_ERROR;

    case NGX_HTTP_EXT_PLUGIN_COLLECT:

        rc = ngx_http_ext_plugin_gather(r, ctx, in);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        r->connection->write->delayed = 1;

        if (rc == NGX_OK) {
            ctx->hold = NGX_HTTP_EXT_PLUGIN_COLLECTED;
        }

        ctx->filtering = 1;
        ngx_http_ext_plugin_info_body(ctx->call, rc);
        ctx->filtering = 0;

        return r->connection->error ? NGX_ERROR : NGX_OK;

    case NGX_HTTP_EXT_PLUGIN_RELEASE:

        if (ngx_http_ext_plugin_keep(r, ctx, in) != NGX_OK) {
            return NGX_ERROR;
        }

        out = ctx->held;

        ctx->held = NULL;
        ctx->held_last = &ctx->held;
        ctx->hold = NGX_HTTP_EXT_PLUGIN_PASS;

        return ngx_http_next_body_filter(r, out);

    default: /* NGX_HTTP_EXT_PLUGIN_DISCARD */

        ngx_http_ext_plugin_discard(in);

        return ngx_http_ext_plugin_pass(r, ctx, NULL);
    }
}


/*
 * While the handler's body is thrown away: a filter behind this one may begin
 * from the top with what it adds, as add_after_body does with the end.
 */

static ngx_int_t
ngx_http_ext_plugin_pass(ngx_http_request_t *r, ngx_http_ext_plugin_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t  rc;

    ctx->hold = NGX_HTTP_EXT_PLUGIN_PASS;

    rc = ngx_http_next_body_filter(r, in);

    ctx->hold = NGX_HTTP_EXT_PLUGIN_DISCARD;

    return rc;
}


static void
ngx_http_ext_plugin_discard(ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {
        in->buf->pos = in->buf->last;

        if (in->buf->in_file) {
            in->buf->file_pos = in->buf->file_last;
        }
    }
}


void
ngx_http_ext_plugin_filter_cleanup(ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_connection_t  *c;

    if (ctx->hold == NGX_HTTP_EXT_PLUGIN_HOLD
        || ctx->hold == NGX_HTTP_EXT_PLUGIN_COLLECT
        || ctx->hold == NGX_HTTP_EXT_PLUGIN_COLLECTED)
    {
        c = ctx->request->connection;

        c->buffered &= ~NGX_HTTP_EXT_PLUGIN_BUFFERED;
        c->write->delayed = 0;
    }

    ctx->hold = NGX_HTTP_EXT_PLUGIN_PASS;
}
