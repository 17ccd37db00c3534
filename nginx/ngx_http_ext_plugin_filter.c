/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response on its way out. While the runner decides, the header is not sent, and
 * what the content handler produces is held: as references, so that the handler
 * itself stops when its buffers are full. Only when the runner asks for the body is
 * it collected in memory.
 */

#include "ngx_http_ext_plugin.h"


#define NGX_HTTP_EXT_PLUGIN_CHUNK  65536


static ngx_int_t ngx_http_ext_plugin_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_ext_plugin_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_ext_plugin_resp_resume(ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_release(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_ext_plugin_send_header(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx);
static ngx_int_t ngx_http_ext_plugin_keep(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_ext_plugin_gather(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_ext_plugin_take(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_ext_plugin_append(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_buf_t *b);
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
        || ctx->ran[NGX_HTTP_EXT_PLUGIN_POST_RESP] == conf->chain
        || r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        return ngx_http_ext_plugin_send_header(r, ctx);
    }

    ctx->ran[NGX_HTTP_EXT_PLUGIN_POST_RESP] = conf->chain;

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

    if (rc > NGX_OK && !ctx->filtering) {

        /* a filter wants another response, such as 416 for a bad range */

        ngx_http_ext_plugin_discard(ctx->held);

        ctx->held = NULL;
        ctx->held_last = &ctx->held;
        ctx->hold = NGX_HTTP_EXT_PLUGIN_PASS;

        ngx_http_finalize_request(r, rc);
        ngx_http_run_posted_requests(c);

        return;
    }

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        c->error = 1;
    }

    /* wakes whoever produces the body, or waits to finish the request */

    ngx_post_event(c->write, &ngx_posted_events);
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

    return ngx_http_next_body_filter(r, &out) == NGX_ERROR ? NGX_ERROR : NGX_OK;
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

        return ngx_http_next_body_filter(r, NULL);
    }
}


/* The links are the caller's; so are bufs without data, which he uses again. */

static ngx_int_t
ngx_http_ext_plugin_keep(ngx_http_request_t *r, ngx_http_ext_plugin_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t  *b;

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ngx_buf_size(b) == 0) {
            b = ngx_alloc_buf(r->pool);
            if (b == NULL) {
                return NGX_ERROR;
            }

            *b = *in->buf;
        }

        if (b->last_buf) {
            ctx->complete = 1;
        }

        if (ngx_http_ext_plugin_append(r, ctx, b) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_collect(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_chain_t  *in;

    if (ctx->hold == NGX_HTTP_EXT_PLUGIN_COLLECTED) {
        return NGX_OK;
    }

    ctx->hold = NGX_HTTP_EXT_PLUGIN_COLLECT;

    in = ctx->held;

    ctx->held = NULL;
    ctx->held_last = &ctx->held;
    ctx->complete = 0;

    rc = ngx_http_ext_plugin_gather(r, ctx, in);

    if (rc == NGX_AGAIN && r->header_only) {
        /* the handler will not say that this is the end */
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        ctx->hold = NGX_HTTP_EXT_PLUGIN_COLLECTED;
    }

    if (rc == NGX_AGAIN) {
        r->connection->write->delayed = 0;
        ngx_post_event(r->connection->write, &ngx_posted_events);
    }

    return rc;
}


/* NGX_OK: that was all. NGX_AGAIN: there is more to come. */

static ngx_int_t
ngx_http_ext_plugin_gather(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_buf_t                       *b;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    for ( /* void */ ; in; in = in->next) {
        b = in->buf;

        if (ctx->collected + ngx_buf_size(b) > (off_t) elcf->max_body) {
            ctx->call->talk.error = "asked for a response body that is larger "
                                    "than ext_plugin_max_body";
            goto failed;
        }

        if (ngx_buf_size(b) > 0
            && ngx_http_ext_plugin_take(r, ctx, b) != NGX_OK)
        {
            ctx->call->talk.error = "asked for a response body that could not "
                                    "be collected";
            goto failed;
        }

        if (b->last_buf) {
            ctx->complete = 1;
        }
    }

    if (!ctx->complete) {

        if (r->upstream && r->upstream->cleanup == NULL) {
            /* the upstream module is through with it, and there was no end */
            ctx->call->talk.error = "asked for a response body that the "
                                    "upstream broke off";
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    return ngx_http_ext_plugin_append(r, ctx, b);

failed:

    /* the client may still get it */

    (void) ngx_http_ext_plugin_keep(r, ctx, in);

    return NGX_ERROR;
}


/* A buf's data becomes ours, and the buf is the handler's to fill again. */

static ngx_int_t
ngx_http_ext_plugin_take(ngx_http_request_t *r, ngx_http_ext_plugin_ctx_t *ctx,
    ngx_buf_t *b)
{
    off_t       size, room;
    ssize_t     n;
    ngx_buf_t  *mine;

    size = ngx_buf_size(b);

    if (!ngx_buf_in_memory(b) && !b->temp_file) {

        /* a file of the site: it can be sent to both as it is */

        mine = ngx_alloc_buf(r->pool);
        if (mine == NULL) {
            return NGX_ERROR;
        }

        *mine = *b;
        mine->last_buf = 0;
        mine->last_in_chain = 0;
        mine->recycled = 0;

        b->file_pos = b->file_last;
        ctx->collected += size;
        ctx->chunk = NULL;

        return ngx_http_ext_plugin_append(r, ctx, mine);
    }

    mine = ctx->chunk;

    if (mine == NULL || mine->end - mine->last < size) {

        room = r->headers_out.content_length_n - ctx->collected;

        if (room < size) {
            room = ngx_max(size, NGX_HTTP_EXT_PLUGIN_CHUNK);
        }

        mine = ngx_create_temp_buf(r->pool, (size_t) room);
        if (mine == NULL || ngx_http_ext_plugin_append(r, ctx, mine) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ctx->chunk = mine;
    }

    if (ngx_buf_in_memory(b)) {
        mine->last = ngx_cpymem(mine->last, b->pos, (size_t) size);
        b->pos = b->last;

    } else {
        n = ngx_read_file(b->file, mine->last, (size_t) size, b->file_pos);

        if (n != (ssize_t) size) {
            return NGX_ERROR;
        }

        mine->last += n;
    }

    if (b->in_file) {
        b->file_pos = b->file_last;
    }

    ctx->collected += size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_append(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *ctx->held_last = cl;
    ctx->held_last = &cl->next;

    return NGX_OK;
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
