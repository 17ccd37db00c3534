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
static int ngx_http_ext_plugin_write_req_call(ngx_http_ext_plugin_call_t *call,
    uint32_t token);
static ngx_int_t ngx_http_ext_plugin_headers(ngx_http_request_t *r,
    struct wire_pair *room, ngx_uint_t nroom, struct wire_pairs *pairs);
static void ngx_http_ext_plugin_source(ngx_http_request_t *r,
    struct wire_str *source);
static ngx_int_t ngx_http_ext_plugin_unescape(ngx_pool_t *pool,
    struct wire_str *dst, u_char *p, u_char *last);
static ngx_int_t ngx_http_ext_plugin_req_reply(
    ngx_http_ext_plugin_call_t *call);
static void ngx_http_ext_plugin_cleanup(void *data);


ngx_int_t
ngx_http_ext_plugin_pre_req_handler(ngx_http_request_t *r)
{
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

        /* the runner may ask for the request's body while it has the response */
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

    if (ctx->ran[phase] == conf->chain) {
        return NGX_DECLINED;
    }

    ctx->ran[phase] = conf->chain;

    call = ngx_http_ext_plugin_call_create(r, ctx, conf);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->write = ngx_http_ext_plugin_write_req_call;
    call->reply = ngx_http_ext_plugin_req_reply;
    call->resume = ngx_http_ext_plugin_req_resume;

    if (r->method < NGX_HTTP_GET || r->method > NGX_HTTP_TRACE) {
        call->starting = 1;
        call->talk.error = "cannot be told of this request's method";
        ngx_http_ext_plugin_call_done(call, NGX_ERROR);

        if (call->rc == NGX_HTTP_SERVICE_UNAVAILABLE) {
            call->rc = NGX_HTTP_NOT_IMPLEMENTED;
        }

        return ngx_http_ext_plugin_req_result(r, ctx);
    }

    if (ngx_http_ext_plugin_call_start(call) == NGX_OK) {
        return ngx_http_ext_plugin_req_result(r, ctx);
    }

    if (ngx_http_ext_plugin_suspend(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_AGAIN;
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


static int
ngx_http_ext_plugin_write_req_call(ngx_http_ext_plugin_call_t *call,
    uint32_t token)
{
    ngx_uint_t                          method;
    struct wire_pair                    args[NGX_HTTP_EXT_PLUGIN_PAIRS];
    struct wire_pair                    headers[NGX_HTTP_EXT_PLUGIN_PAIRS];
    ngx_http_request_t                 *r;
    struct message_http_req_call_write  message;

    r = call->request;

    /* nginx's bits are in the order of the protocol's numbers */

    for (method = 0; r->method >> method > NGX_HTTP_GET; method++) {
        /* void */
    }

    message.id = call->id;
    message.conf_token = token;
    message.method = (uint8_t) method;
    message.path.data = (char *) r->uri.data;
    message.path.len = (uint32_t) r->uri.len;

    ngx_http_ext_plugin_source(r, &message.source);

    if (ngx_http_ext_plugin_args(r, args, NGX_HTTP_EXT_PLUGIN_PAIRS,
                                 &message.args)
        != NGX_OK
        || ngx_http_ext_plugin_headers(r, headers, NGX_HTTP_EXT_PLUGIN_PAIRS,
                                       &message.headers)
           != NGX_OK)
    {
        return -ENOMEM;
    }

    return message_write_http_req_call(&call->talk.out, &message);
}


static void
ngx_http_ext_plugin_source(ngx_http_request_t *r, struct wire_str *source)
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    source->data = NULL;
    source->len = 0;

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        source->data = (char *) &sin6->sin6_addr;
        source->len = 16;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            source->data += 12;
            source->len = 4;
        }

        break;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        source->data = (char *) &sin->sin_addr;
        source->len = 4;
        break;

    default:
        /* a unix socket's client has no address */
        break;
    }
}


static ngx_int_t
ngx_http_ext_plugin_headers(ngx_http_request_t *r, struct wire_pair *room,
    ngx_uint_t nroom, struct wire_pairs *pairs)
{
    ngx_uint_t         i, n;
    ngx_list_part_t   *part;
    ngx_table_elt_t   *h;
    struct wire_pair  *pair;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    if (n > nroom) {
        room = ngx_palloc(r->pool, n * sizeof(struct wire_pair));
        if (room == NULL) {
            return NGX_ERROR;
        }
    }

    pair = room;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            pair->name.data = (char *) h[i].lowcase_key;
            pair->name.len = (uint32_t) h[i].key.len;
            pair->value.data = (char *) h[i].value.data;
            pair->value.len = (uint32_t) h[i].value.len;

            if (pair->value.data == NULL) {
                pair->value.data = "";
            }

            pair++;
        }
    }

    pairs->first = room;
    pairs->count = (uint32_t) (pair - room);

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_args(ngx_http_request_t *r, struct wire_pair *room,
    ngx_uint_t nroom, struct wire_pairs *pairs)
{
    u_char            *p, *amp, *eq, *last;
    ngx_uint_t         n;
    struct wire_pair  *pair;

    pairs->first = room;
    pairs->count = 0;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    last = r->args.data + r->args.len;
    n = 1;

    for (p = r->args.data; p < last; p++) {
        n += (*p == '&');
    }

    if (n > nroom) {
        room = ngx_palloc(r->pool, n * sizeof(struct wire_pair));
        if (room == NULL) {
            return NGX_ERROR;
        }

        pairs->first = room;
    }

    pair = room;

    for (p = r->args.data; p < last; p = amp + 1) {
        amp = ngx_strlchr(p, last, '&');
        if (amp == NULL) {
            amp = last;
        }

        eq = ngx_strlchr(p, amp, '=');

        if (p == (eq ? eq : amp)) {
            /* no name */
            continue;
        }

        if (ngx_http_ext_plugin_unescape(r->pool, &pair->name, p,
                                         eq ? eq : amp)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (eq == NULL) {
            pair->value.data = NULL;
            pair->value.len = 0;

        } else if (ngx_http_ext_plugin_unescape(r->pool, &pair->value, eq + 1,
                                                amp)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }

        pair++;
    }

    pairs->count = (uint32_t) (pair - room);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_unescape(ngx_pool_t *pool, struct wire_str *dst, u_char *p,
    u_char *last)
{
    u_char    *d;
    ngx_int_t  high, low;

    dst->data = (char *) p;
    dst->len = (uint32_t) (last - p);

    while (p < last && *p != '%' && *p != '+') {
        p++;
    }

    if (p == last) {
        return NGX_OK;
    }

    d = ngx_pnalloc(pool, dst->len);
    if (d == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) dst->data;
    dst->data = (char *) d;

    while (p < last) {

        if (*p == '%' && last - p > 2) {
            high = ngx_hextoi(p + 1, 1);
            low = ngx_hextoi(p + 2, 1);

            if (high != NGX_ERROR && low != NGX_ERROR) {
                *d++ = (u_char) (high << 4 | low);
                p += 3;
                continue;
            }
        }

        *d++ = (*p == '+') ? ' ' : *p;
        p++;
    }

    dst->len = (uint32_t) (d - (u_char *) dst->data);

    return NGX_OK;
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
 * nginx forgets the modules' contexts on an internal redirect; ours is found again
 * through the pool, as long as the request lives.
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

    /* the pool is destroyed after the connection may be gone: see to it before */

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
