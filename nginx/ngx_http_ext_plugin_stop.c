/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stop: the runner answers the client.
 */

#include "ngx_http_ext_plugin.h"


static ngx_uint_t ngx_http_ext_plugin_error_page(ngx_uint_t status);


ngx_str_t
ngx_http_ext_plugin_copy(ngx_pool_t *pool, struct wire_str str)
{
    ngx_str_t  copy;

    copy.len = str.len;
    copy.data = ngx_pnalloc(pool, str.len ? str.len : 1);

    if (copy.data) {
        ngx_memcpy(copy.data, str.data ? str.data : "", str.len);
    }

    return copy;
}


ngx_int_t
ngx_http_ext_plugin_stop(ngx_http_ext_plugin_call_t *call,
    struct message_http_req_reply_view *reply)
{
    uint32_t                    i;
    struct wire_pair            pair;
    ngx_http_request_t         *r;
    ngx_http_ext_plugin_ctx_t  *ctx;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    if (reply->status && (reply->status < 200 || reply->status > 999)) {
        call->talk.error = "answered with a status that cannot be sent";
        return NGX_ERROR;
    }

    if (reply->headers.count > NGX_HTTP_EXT_PLUGIN_CHANGES) {
        call->talk.error = "answered with too many headers";
        return NGX_ERROR;
    }

    for (i = 0; i < reply->headers.count; i++) {
        pair = message_pair_at(reply->headers, i);

        if (ngx_http_ext_plugin_add_header_out(r, &pair, 1) == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ctx->stop_body = ngx_http_ext_plugin_copy(r->pool, reply->body);
    if (ctx->stop_body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = reply->status ? reply->status : NGX_HTTP_OK;
    ctx->stopped = 1;

    return NGX_OK;
}


/* Those that nginx gives a page of its own, which error_page may replace. */

static ngx_uint_t
ngx_http_ext_plugin_error_page(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_NOT_MODIFIED:
    case NGX_HTTP_REQUEST_TIME_OUT:
        return 0;

    default:
        /* nginx uses 444 and 494 to 499 for itself */
        return status >= NGX_HTTP_SPECIAL_RESPONSE
               && status != NGX_HTTP_CLOSE
               && (status < NGX_HTTP_NGINX_CODES || status > 499)
               && status < 600;
    }
}


ngx_int_t
ngx_http_ext_plugin_send_stop(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_uint_t    status;
    ngx_chain_t   out;

    ctx->stopped = 0;
    ctx->content = 0;

    status = r->headers_out.status;

    if (ctx->stop_body.len == 0 && ngx_http_ext_plugin_error_page(status)) {
        r->headers_out.status = 0;
        return status;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.content_length_n = ctx->stop_body.len;

    if (r->headers_out.content_type.len == 0
        && status != NGX_HTTP_NO_CONTENT
        && status != NGX_HTTP_NOT_MODIFIED
        && ngx_http_set_content_type(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->stop_body.len == 0) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return NGX_DONE;
    }

    b->pos = ctx->stop_body.data;
    b->last = b->pos + ctx->stop_body.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));

    return NGX_DONE;
}
