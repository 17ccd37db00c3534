/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrite: the request goes on, changed.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_set_path(ngx_http_request_t *r,
    ngx_http_ext_plugin_call_t *call, struct wire_str path);
static ngx_int_t ngx_http_ext_plugin_set_args(ngx_http_request_t *r,
    struct wire_vector changes);
static ngx_uint_t ngx_http_ext_plugin_named(struct wire_vector entries,
    uint32_t from, struct wire_str *name, ngx_uint_t deleted);
static ngx_int_t ngx_http_ext_plugin_keep_resp_headers(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, struct wire_vector headers);
static void ngx_http_ext_plugin_body_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_ext_plugin_rewrite(ngx_http_ext_plugin_call_t *call,
    struct message_http_req_reply_view *reply)
{
    ngx_int_t                   rc;
    ngx_buf_t                  *b;
    ngx_str_t                   body;
    ngx_http_request_t         *r;
    ngx_http_ext_plugin_ctx_t  *ctx;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    /* every change is looked up among the others */

    if (reply->headers.count > NGX_HTTP_EXT_PLUGIN_CHANGES
        || reply->args.count > NGX_HTTP_EXT_PLUGIN_CHANGES
        || reply->resp_headers.count > NGX_HTTP_EXT_PLUGIN_CHANGES)
    {
        call->talk.error = "answered with too many headers or args";
        return NGX_ERROR;
    }

    if (reply->path.len) {
        rc = ngx_http_ext_plugin_set_path(r, call, reply->path);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if ((reply->args.count
         && ngx_http_ext_plugin_set_args(r, reply->args) != NGX_OK)
        || (reply->headers.count
            && ngx_http_ext_plugin_set_headers_in(r, reply->headers) != NGX_OK)
        || (reply->resp_headers.count
            && ngx_http_ext_plugin_keep_resp_headers(r, ctx,
                                                     reply->resp_headers)
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (reply->body.len == 0) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    body = ngx_http_ext_plugin_copy(r->pool, reply->body);

    if (b == NULL || body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->start = body.data;
    b->pos = body.data;
    b->last = body.data + body.len;
    b->end = b->last;
    b->temporary = 1;
    b->last_buf = 1;

    ctx->new_body = b;
    ctx->info = 0;

    /* what the client sends must be out of the way before */

    rc = ngx_http_ext_plugin_read_body(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_ext_plugin_replace_body(r, ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_ext_plugin_set_path(ngx_http_request_t *r,
    ngx_http_ext_plugin_call_t *call, struct wire_str path)
{
    u_char    *p, *last;
    size_t     slash;
    ngx_str_t  uri;

    /*
     * nginx's handlers rely on a uri that does not leave the root, which
     * nobody but the parser of the request line sees to
     */

    p = (u_char *) path.data;
    last = p + path.len;

    if (ngx_strlchr(p, last, '\0')) {
        call->talk.error = "answered with a path that has a zero byte";
        return NGX_ERROR;
    }

    slash = (*p == '/') ? 0 : 1;

    uri.len = slash + path.len;
    uri.data = ngx_pnalloc(r->pool, uri.len + 1);
    if (uri.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    uri.data[0] = '/';
    ngx_memcpy(uri.data + slash, path.data, path.len);
    uri.data[uri.len] = '\0';

    last = uri.data + uri.len;

    for (p = uri.data; last - p > 2; p++) {
        if (p[0] == '/' && p[1] == '.' && p[2] == '.'
            && (last - p == 3 || p[3] == '/'))
        {
            call->talk.error = "answered with a path that has \"..\"";
            return NGX_ERROR;
        }
    }

    r->uri = uri;
    r->quoted_uri = 1;
    r->valid_location = 0;
    r->valid_unparsed_uri = 0;

    ngx_http_set_exten(r);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_set_args(ngx_http_request_t *r, struct wire_vector changes)
{
    u_char            *p, *amp, *last, *d, *start;
    size_t             len;
    uint32_t           i;
    ngx_str_t          raw;
    struct wire_pair   pair, room[1];
    struct wire_pairs  one;

    len = r->args.len + 1;

    for (i = 0; i < changes.count; i++) {
        pair = message_pair_at(changes, i);
        len += 3 * ((size_t) pair.name.len + pair.value.len) + 2;
    }

    d = ngx_pnalloc(r->pool, len);
    if (d == NULL) {
        return NGX_ERROR;
    }

    start = d;
    raw = r->args;

    if (raw.len) {
        last = raw.data + raw.len;

        for (p = raw.data; p < last; p = amp + 1) {
            amp = ngx_strlchr(p, last, '&');
            if (amp == NULL) {
                amp = last;
            }

            /* one at a time, through the decoder that the runner's went */

            r->args.data = p;
            r->args.len = amp - p;

            if (ngx_http_ext_plugin_args(r, room, 1, &one) != NGX_OK) {
                return NGX_ERROR;
            }

            if (amp == p
                || (one.count
                    && ngx_http_ext_plugin_named(changes, 0,
                            (struct wire_str *) &one.first[0].name, 0)))
            {
                continue;
            }

            d = ngx_cpymem(d, p, amp - p);
            *d++ = '&';
        }
    }

    for (i = 0; i < changes.count; i++) {
        pair = message_pair_at(changes, i);

        if (pair.value.data == NULL
            || pair.name.len == 0
            || ngx_http_ext_plugin_named(changes, i + 1, &pair.name, 1))
        {
            continue;
        }

        d = (u_char *) ngx_escape_uri(d, (u_char *) pair.name.data,
                                      pair.name.len, NGX_ESCAPE_URI_COMPONENT);
        *d++ = '=';
        d = (u_char *) ngx_escape_uri(d, (u_char *) pair.value.data,
                                      pair.value.len, NGX_ESCAPE_URI_COMPONENT);
        *d++ = '&';
    }

    r->args.data = start;
    r->args.len = (d == start) ? 0 : d - start - 1;
    r->valid_unparsed_uri = 0;

    return NGX_OK;
}


/* Whether an entry from there on has the name (and, if asked for, no value). */

static ngx_uint_t
ngx_http_ext_plugin_named(struct wire_vector entries, uint32_t from,
    struct wire_str *name, ngx_uint_t deleted)
{
    uint32_t          i;
    struct wire_pair  pair;

    for (i = from; i < entries.count; i++) {
        pair = message_pair_at(entries, i);

        if (pair.name.len == name->len
            && ngx_memcmp(pair.name.data, name->data, name->len) == 0
            && (!deleted || pair.value.data == NULL))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_ext_plugin_keep_resp_headers(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, struct wire_vector headers)
{
    uint32_t           i;
    ngx_str_t          name, value;
    struct wire_pair   pair, *kept;

    if (ctx->resp_headers == NULL) {
        ctx->resp_headers = ngx_array_create(r->pool, headers.count,
                                             sizeof(struct wire_pair));
        if (ctx->resp_headers == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < headers.count; i++) {
        pair = message_pair_at(headers, i);

        if (ngx_http_ext_plugin_excluded(&pair.name)) {
            continue;
        }

        name = ngx_http_ext_plugin_copy(r->pool, pair.name);
        value = ngx_http_ext_plugin_copy(r->pool, pair.value);
        kept = ngx_array_push(ctx->resp_headers);

        if (name.data == NULL || value.data == NULL || kept == NULL) {
            return NGX_ERROR;
        }

        kept->name.data = (char *) name.data;
        kept->name.len = (uint32_t) name.len;
        kept->value.data = (char *) value.data;
        kept->value.len = (uint32_t) value.len;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_read_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->read_done = 0;
    ctx->reading = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_ext_plugin_body_handler);

    ctx->reading = 0;

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    /* reading has counted itself; who waits here is counted already */

    r->main->count--;

    return ctx->read_done ? NGX_OK : NGX_AGAIN;
}


static void
ngx_http_ext_plugin_body_handler(ngx_http_request_t *r)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    ctx = ngx_http_ext_plugin_get_ctx(r);

    ctx->read_done = 1;

    if (ctx->reading || ctx->call == NULL || ctx->call->done) {
        return;
    }

    if (!ctx->info) {
        ngx_http_ext_plugin_call_done(ctx->call,
                                      ngx_http_ext_plugin_replace_body(r, ctx));
        return;
    }

    if (ngx_http_ext_plugin_suspend(r) != NGX_OK) {
        ngx_http_ext_plugin_call_done(ctx->call,
                                      NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_ext_plugin_info_body(ctx->call, NGX_OK);
}


ngx_int_t
ngx_http_ext_plugin_replace_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    cl = ngx_alloc_chain_link(r->pool);

    if (rb == NULL || cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cl->buf = ctx->new_body;
    cl->next = NULL;

    rb->bufs = cl;
    rb->buf = ctx->new_body;
    rb->last_saved = 1;

    r->request_body = rb;

    ctx->new_body = NULL;

    return ngx_http_ext_plugin_set_length(r, rb->buf->last - rb->buf->pos);
}
