/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is held of a response body: as references while the runner decides,
 * or, when it has asked for the body, in memory of our own, so that the
 * content handler gets its buffers back and comes to the end.
 */

#include "ngx_http_ext_plugin.h"


#define NGX_HTTP_EXT_PLUGIN_CHUNK  65536


static ngx_int_t ngx_http_ext_plugin_take(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_ext_plugin_append(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, ngx_buf_t *b);


ngx_int_t
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
    ctx->collected = 0;
    ctx->chunk = NULL;

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


ngx_int_t
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

        if (!r->header_only && r->upstream && r->upstream->cleanup == NULL) {
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

    if (b->in_file && b->file->directio) {
        /* neither sendfile() nor a read of any length goes with it */

        if (ngx_directio_off(b->file->fd) == NGX_FILE_ERROR) {
            return NGX_ERROR;
        }

        b->file->directio = 0;
    }

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
