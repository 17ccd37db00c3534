/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's headers, changed. nginx keeps a list of them and, into the
 * list, a pointer for each that it knows; a changed list is made anew, and
 * the pointers with it.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_edit(ngx_http_request_t *r,
    ngx_array_t *headers);
static void ngx_http_ext_plugin_remove(ngx_array_t *headers, u_char *name,
    size_t len);
static ngx_int_t ngx_http_ext_plugin_push(ngx_http_request_t *r,
    ngx_array_t *headers, struct wire_pair *pair);
static ngx_int_t ngx_http_ext_plugin_set_host(ngx_http_request_t *r,
    ngx_str_t *host);
static ngx_int_t ngx_http_ext_plugin_rebuild(ngx_http_request_t *r,
    ngx_array_t *headers);
static ngx_int_t ngx_http_ext_plugin_point(ngx_http_request_t *r,
    ngx_table_elt_t *h, ngx_http_header_t *hh);


#if (nginx_version < 1023000)

#define ngx_http_ext_plugin_is_array(offset)                                  \
    ((offset) == offsetof(ngx_http_headers_in_t, cookies)                     \
     || ngx_http_ext_plugin_is_forwarded(offset))

#if (NGX_HTTP_X_FORWARDED_FOR)
#define ngx_http_ext_plugin_is_forwarded(offset)                              \
    ((offset) == offsetof(ngx_http_headers_in_t, x_forwarded_for))
#else
#define ngx_http_ext_plugin_is_forwarded(offset)  0
#endif

#endif


static ngx_str_t  ngx_http_ext_plugin_framing[] = {
    ngx_string("content-length"),
    ngx_string("transfer-encoding"),
    ngx_null_string
};


/* An array of ngx_table_elt_t with what the list has now. */

static ngx_int_t
ngx_http_ext_plugin_edit(ngx_http_request_t *r, ngx_array_t *headers)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *copy;

    if (ngx_array_init(headers, r->pool, 32, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            copy = ngx_array_push(headers);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = h[i];
        }
    }

    return NGX_OK;
}


static void
ngx_http_ext_plugin_remove(ngx_array_t *headers, u_char *name, size_t len)
{
    ngx_uint_t        i, n;
    ngx_table_elt_t  *h;

    h = headers->elts;
    n = 0;

    for (i = 0; i < headers->nelts; i++) {
        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, name, len) == 0)
        {
            continue;
        }

        h[n++] = h[i];
    }

    headers->nelts = n;
}


static ngx_int_t
ngx_http_ext_plugin_push(ngx_http_request_t *r, ngx_array_t *headers,
    struct wire_pair *pair)
{
    ngx_table_elt_t  *h;

    h = ngx_array_push(headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    if (ngx_http_ext_plugin_header_text(r->pool, &h->key, &pair->name, 1, 0)
        != NGX_OK
        || ngx_http_ext_plugin_header_text(r->pool, &h->value, &pair->value,
                                           0, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    h->lowcase_key = ngx_pnalloc(r->pool, h->key.len);
    if (h->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_set_headers_in(ngx_http_request_t *r,
    struct wire_vector changes)
{
    uint32_t          i;
    ngx_str_t        *framing;
    ngx_array_t       headers;
    ngx_table_elt_t  *h;
    struct wire_pair  pair;

    if (ngx_http_ext_plugin_edit(r, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < changes.count; i++) {
        pair = message_pair_at(changes, i);

        if (pair.name.len == 0) {
            continue;
        }

        /* the body's length is what it is */

        for (framing = ngx_http_ext_plugin_framing; framing->len; framing++) {
            if (framing->len == pair.name.len
                && ngx_strncasecmp(framing->data, (u_char *) pair.name.data,
                                   framing->len)
                   == 0)
            {
                break;
            }
        }

        if (framing->len) {
            continue;
        }

        ngx_http_ext_plugin_remove(&headers, (u_char *) pair.name.data,
                                   pair.name.len);

        if (pair.value.data
            && ngx_http_ext_plugin_push(r, &headers, &pair) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_ext_plugin_rebuild(r, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_ext_plugin_forget_variables(r);

    /* what nginx may have made of the Authorization that was there */

    ngx_str_null(&r->headers_in.user);
    ngx_str_null(&r->headers_in.passwd);

    h = r->headers_in.host;

    return h ? ngx_http_ext_plugin_set_host(r, &h->value) : NGX_OK;
}


/* What $host says: the name without the port, in lower case. */

static ngx_int_t
ngx_http_ext_plugin_set_host(ngx_http_request_t *r, ngx_str_t *host)
{
    u_char  *p, *last, *server;

    p = host->data;
    last = p + host->len;

    if (host->len && *p == '[') {
        p = ngx_strlchr(p, last, ']');
        last = p ? p + 1 : last;

    } else {
        p = ngx_strlchr(p, last, ':');
        last = p ? p : last;
    }

    for (p = host->data; p < last; p++) {
        if (*p <= ' ' || *p == '/' || *p == 0x7f) {
            return NGX_OK;
        }
    }

    if (p == host->data) {
        return NGX_OK;
    }

    server = ngx_pnalloc(r->pool, last - host->data);
    if (server == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(server, host->data, last - host->data);

    r->headers_in.server.data = server;
    r->headers_in.server.len = last - host->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_set_length(ngx_http_request_t *r, off_t length)
{
    u_char            buf[NGX_OFF_T_LEN];
    ngx_array_t       headers;
    struct wire_pair  pair;

    if (ngx_http_ext_plugin_edit(r, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_ext_plugin_remove(&headers, (u_char *) "content-length", 14);
    ngx_http_ext_plugin_remove(&headers, (u_char *) "transfer-encoding", 17);

    pair.name = (struct wire_str) { "Content-Length", 14 };
    pair.value.data = (char *) buf;
    pair.value.len = (uint32_t) (ngx_sprintf(buf, "%O", length) - buf);

    if (ngx_http_ext_plugin_push(r, &headers, &pair) != NGX_OK
        || ngx_http_ext_plugin_rebuild(r, &headers) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_ext_plugin_forget_variables(r);

    r->headers_in.content_length_n = length;
    r->headers_in.chunked = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_rebuild(ngx_http_request_t *r, ngx_array_t *headers)
{
    ngx_list_t                  list;
    ngx_uint_t                  i;
    ngx_table_elt_t            *h, *elts;
    ngx_http_header_t          *hh;
    ngx_http_core_main_conf_t  *cmcf;

    /* the old one stays whole until there is memory for the new one */

    if (ngx_list_init(&list, r->pool, headers->nelts ? headers->nelts : 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_in.headers = list;
    r->headers_in.headers.last = &r->headers_in.headers.part;

    for (hh = ngx_http_headers_in; hh->name.len; hh++) {

        if (hh->offset < sizeof(ngx_list_t)) {
            /* known, but without a place: that is the list itself */
            continue;
        }

#if (nginx_version < 1023000)
        if (ngx_http_ext_plugin_is_array(hh->offset)) {
            ngx_memzero((char *) &r->headers_in + hh->offset,
                        sizeof(ngx_array_t));
            continue;
        }
#endif

        *(ngx_table_elt_t **) ((char *) &r->headers_in + hh->offset) = NULL;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    elts = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = elts[i];
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif

        hh = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                           h->key.len);

        if (hh
            && hh->offset >= sizeof(ngx_list_t)
            && ngx_http_ext_plugin_point(r, h, hh) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_point(ngx_http_request_t *r, ngx_table_elt_t *h,
    ngx_http_header_t *hh)
{
    ngx_table_elt_t  **place;
#if (nginx_version < 1023000)
    ngx_array_t       *array;
#endif

    place = (ngx_table_elt_t **) ((char *) &r->headers_in + hh->offset);

#if (nginx_version < 1023000)

    if (ngx_http_ext_plugin_is_array(hh->offset)) {
        array = (ngx_array_t *) place;

        if (array->elts == NULL
            && ngx_array_init(array, r->pool, 1, sizeof(ngx_table_elt_t *))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        place = ngx_array_push(array);
        if (place == NULL) {
            return NGX_ERROR;
        }

        *place = h;

        return NGX_OK;
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

    return NGX_OK;
}
