/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response's headers: as pairs for the runner, and set from the runner's
 * pairs.
 */

#include "ngx_http_ext_plugin.h"


typedef enum {
    NGX_HTTP_EXT_PLUGIN_HEADER_OWN = 0,          /* nginx decides */
    NGX_HTTP_EXT_PLUGIN_HEADER_TYPE,
    NGX_HTTP_EXT_PLUGIN_HEADER_MODIFIED,
    NGX_HTTP_EXT_PLUGIN_HEADER_PLACE,            /* has a pointer */
    NGX_HTTP_EXT_PLUGIN_HEADER_PLACES            /* several, in an array until
                                                    nginx 1.23 */
} ngx_http_ext_plugin_header_e;


typedef struct {
    ngx_str_t                      name;
    ngx_http_ext_plugin_header_e   kind;
    size_t                         offset;
} ngx_http_ext_plugin_header_t;


static ngx_http_ext_plugin_header_t *ngx_http_ext_plugin_known(u_char *name,
    size_t len);


#define ngx_http_ext_plugin_place(name, kind, field)                          \
    { ngx_string(name), NGX_HTTP_EXT_PLUGIN_HEADER_##kind,                    \
      offsetof(ngx_http_headers_out_t, field) }


static ngx_http_ext_plugin_header_t  ngx_http_ext_plugin_known_headers[] = {
    ngx_http_ext_plugin_place("connection", OWN, status),
    ngx_http_ext_plugin_place("content-length", OWN, status),
    ngx_http_ext_plugin_place("date", OWN, status),
    ngx_http_ext_plugin_place("keep-alive", OWN, status),
    ngx_http_ext_plugin_place("server", OWN, status),
    ngx_http_ext_plugin_place("trailer", OWN, status),
    ngx_http_ext_plugin_place("transfer-encoding", OWN, status),
    ngx_http_ext_plugin_place("upgrade", OWN, status),
    ngx_http_ext_plugin_place("content-type", TYPE, content_type),
    ngx_http_ext_plugin_place("last-modified", MODIFIED, last_modified),
    ngx_http_ext_plugin_place("accept-ranges", PLACE, accept_ranges),
    ngx_http_ext_plugin_place("content-encoding", PLACE, content_encoding),
    ngx_http_ext_plugin_place("content-range", PLACE, content_range),
    ngx_http_ext_plugin_place("etag", PLACE, etag),
    ngx_http_ext_plugin_place("expires", PLACE, expires),
    ngx_http_ext_plugin_place("location", PLACE, location),
    ngx_http_ext_plugin_place("refresh", PLACE, refresh),
    ngx_http_ext_plugin_place("www-authenticate", PLACE, www_authenticate),
    ngx_http_ext_plugin_place("cache-control", PLACES, cache_control),
    ngx_http_ext_plugin_place("link", PLACES, link),
    { ngx_null_string, NGX_HTTP_EXT_PLUGIN_HEADER_OWN, 0 }
};


/* resp_headers of a Rewrite cannot set these */

static ngx_str_t  ngx_http_ext_plugin_excluded_headers[] = {
    ngx_string("connection"),
    ngx_string("content-length"),
    ngx_string("transfer-encoding"),
    ngx_string("location"),
    ngx_string("server"),
    ngx_string("www-authenticate"),
    ngx_string("content-encoding"),
    ngx_string("content-type"),
    ngx_string("content-location"),
    ngx_string("content-language"),
    ngx_null_string
};


/* what a field's name may consist of: a token of RFC 9110 */

static uint32_t  ngx_http_ext_plugin_token[] = {
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */

                /* ?>=< ;:98 7654 3210  /.-, +*)( '&%$ #"!  */
    0x03ff6cfa, /* 0000 0011 1111 1111  0110 1100 1111 1010 */

                /* _^]\ [ZYX WVUT SRQP  ONML KJIH GFED CBA@ */
    0xc7fffffe, /* 1100 0111 1111 1111  1111 1111 1111 1110 */

                /*  ~}| {zyx wvut srqp  onml kjih gfed cba` */
    0x57ffffff, /* 0101 0111 1111 1111  1111 1111 1111 1111 */

    0x00000000, 0x00000000, 0x00000000, 0x00000000
};


ngx_uint_t
ngx_http_ext_plugin_excluded(struct wire_str *name)
{
    ngx_str_t  *excluded;

    for (excluded = ngx_http_ext_plugin_excluded_headers;
         excluded->len;
         excluded++)
    {
        if (excluded->len == name->len
            && ngx_strncasecmp(excluded->data, (u_char *) name->data, name->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_http_ext_plugin_header_t *
ngx_http_ext_plugin_known(u_char *name, size_t len)
{
    ngx_http_ext_plugin_header_t  *known;

    for (known = ngx_http_ext_plugin_known_headers; known->name.len; known++) {
        if (known->name.len == len
            && ngx_strncasecmp(known->name.data, name, len) == 0)
        {
            return known;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_ext_plugin_header_text(ngx_pool_t *pool, ngx_str_t *dst,
    struct wire_str *src, ngx_uint_t name, ngx_uint_t lowcase)
{
    u_char         ch, *d;
    size_t         bad;
    uint32_t       i;
    ngx_uint_t     ok;
    static u_char  hex[] = "0123456789ABCDEF";

    bad = 0;

    for (i = 0; i < src->len; i++) {
        ch = (u_char) src->data[i];

        ok = name ? ngx_http_ext_plugin_token[ch >> 5] >> (ch & 0x1f) & 1
                  : (ch >= 0x20 && ch != 0x7f) || ch == '\t';

        bad += !ok;
    }

    d = ngx_pnalloc(pool, src->len + 2 * bad + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    dst->data = d;

    for (i = 0; i < src->len; i++) {
        ch = (u_char) src->data[i];

        if (bad) {
            ok = name ? ngx_http_ext_plugin_token[ch >> 5] >> (ch & 0x1f) & 1
                      : (ch >= 0x20 && ch != 0x7f) || ch == '\t';

            if (!ok) {
                *d++ = '%';
                *d++ = hex[ch >> 4];
                *d++ = hex[ch & 0xf];
                continue;
            }
        }

        *d++ = lowcase ? ngx_tolower(ch) : ch;
    }

    dst->len = d - dst->data;
    *d = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_add_header_out(ngx_http_request_t *r,
    struct wire_pair *pair, ngx_uint_t lowcase)
{
    u_char                        *p;
    ngx_str_t                      value;
    ngx_table_elt_t               *h, **place;
#if (nginx_version < 1023000)
    ngx_array_t                   *places;
#endif
    ngx_http_ext_plugin_header_t  *known;

    if (pair->name.len == 0) {
        return NGX_DECLINED;
    }

    known = ngx_http_ext_plugin_known((u_char *) pair->name.data,
                                      pair->name.len);

    if (known && known->kind == NGX_HTTP_EXT_PLUGIN_HEADER_OWN) {
        return NGX_DECLINED;
    }

    if (ngx_http_ext_plugin_header_text(r->pool, &value, &pair->value, 0, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (known && known->kind == NGX_HTTP_EXT_PLUGIN_HEADER_TYPE) {
        p = ngx_strlchr(value.data, value.data + value.len, ';');

        r->headers_out.content_type = value;
        r->headers_out.content_type_len = p ? (size_t) (p - value.data)
                                            : value.len;
        r->headers_out.content_type_lowcase = NULL;
        ngx_str_null(&r->headers_out.charset);

        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    if (ngx_http_ext_plugin_header_text(r->pool, &h->key, &pair->name, 1,
                                        lowcase)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    h->value = value;

    if (known == NULL) {
        h->hash = 1;
        return NGX_OK;
    }

    place = (ngx_table_elt_t **) ((char *) &r->headers_out + known->offset);

#if (nginx_version < 1023000)

    if (known->kind == NGX_HTTP_EXT_PLUGIN_HEADER_PLACES) {
        places = (ngx_array_t *) place;

        if (places->elts == NULL
            && ngx_array_init(places, r->pool, 1, sizeof(ngx_table_elt_t *))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        place = ngx_array_push(places);
        if (place == NULL) {
            return NGX_ERROR;
        }

        *place = NULL;
    }

    if (*place == NULL) {
        *place = h;
    }

#else

    while (*place) {
        place = &(*place)->next;
    }

    *place = h;

#endif

    if (known->kind == NGX_HTTP_EXT_PLUGIN_HEADER_MODIFIED) {
        r->headers_out.last_modified_time =
                            ngx_parse_http_time(h->value.data, h->value.len);
    }

    h->hash = 1;

    return NGX_OK;
}


/* Those that nginx keeps outside the list come first, as it will send them. */

ngx_int_t
ngx_http_ext_plugin_headers_out(ngx_http_request_t *r, struct wire_pair *room,
    ngx_uint_t nroom, struct wire_pairs *pairs)
{
    u_char                  *p;
    size_t                   len;
    ngx_uint_t               i, n;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    struct wire_pair        *pair;
    ngx_http_headers_out_t  *ho;

    ho = &r->headers_out;

    n = 3;

    for (part = &ho->headers.part; part; part = part->next) {
        n += part->nelts;
    }

    if (n > nroom) {
        room = ngx_palloc(r->pool, n * sizeof(struct wire_pair));
        if (room == NULL) {
            return NGX_ERROR;
        }
    }

    pair = room;

    if (ho->content_type.len) {
        pair->name = (struct wire_str) { "Content-Type", 12 };
        pair->value.data = (char *) ho->content_type.data;
        pair->value.len = (uint32_t) ho->content_type.len;

        if (ho->content_type_len == ho->content_type.len && ho->charset.len) {
            len = ho->content_type.len + sizeof("; charset=") - 1
                  + ho->charset.len;

            p = ngx_pnalloc(r->pool, len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            ngx_sprintf(p, "%V; charset=%V", &ho->content_type, &ho->charset);

            pair->value.data = (char *) p;
            pair->value.len = (uint32_t) len;
        }

        pair++;
    }

    if (ho->content_length == NULL && ho->content_length_n >= 0) {
        p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        pair->name = (struct wire_str) { "Content-Length", 14 };
        pair->value.data = (char *) p;
        pair->value.len = (uint32_t)
                          (ngx_sprintf(p, "%O", ho->content_length_n) - p);
        pair++;
    }

    if (ho->last_modified == NULL && ho->last_modified_time != -1) {
        len = sizeof("Mon, 28 Sep 1970 06:00:00 GMT") - 1;

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_http_time(p, ho->last_modified_time);

        pair->name = (struct wire_str) { "Last-Modified", 13 };
        pair->value.data = (char *) p;
        pair->value.len = (uint32_t) len;
        pair++;
    }

    for (part = &ho->headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash == 0) {
                continue;
            }

            pair->name.data = (char *) h[i].key.data;
            pair->name.len = (uint32_t) h[i].key.len;
            pair->value.data = h[i].value.data ? (char *) h[i].value.data : "";
            pair->value.len = (uint32_t) h[i].value.len;
            pair++;
        }
    }

    pairs->first = room;
    pairs->count = (uint32_t) (pair - room);

    return NGX_OK;
}
