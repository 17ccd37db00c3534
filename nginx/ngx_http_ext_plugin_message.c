/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPReqCall: the request as the runner sees it. Strings stay where nginx
 * has them; only what must be decoded is copied, to the request's pool.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_headers(ngx_http_request_t *r,
    struct wire_pair *room, ngx_uint_t nroom, struct wire_pairs *pairs);
static void ngx_http_ext_plugin_source(ngx_http_request_t *r,
    struct wire_str *source);
static ngx_int_t ngx_http_ext_plugin_unescape(ngx_pool_t *pool,
    struct wire_str *dst, u_char *p, u_char *last);


int
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
