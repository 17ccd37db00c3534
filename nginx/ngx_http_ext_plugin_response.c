/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPRespCall: the response as the runner sees it, and what its reply makes
 * of it.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_replace_headers(ngx_http_request_t *r,
    struct wire_vector headers);
static void ngx_http_ext_plugin_clear(ngx_table_elt_t **h);
static ngx_int_t ngx_http_ext_plugin_new_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, u_char *data, size_t len);


static u_char  ngx_http_ext_plugin_failed_page[] =
    "<html>" CRLF
    "<head><title>503 Service Temporarily Unavailable</title></head>" CRLF
    "<body>" CRLF
    "<center><h1>503 Service Temporarily Unavailable</h1></center>" CRLF
    "</body>" CRLF
    "</html>" CRLF;


int
ngx_http_ext_plugin_write_resp_call(ngx_http_ext_plugin_call_t *call,
    uint32_t token)
{
    struct wire_pair                     room[NGX_HTTP_EXT_PLUGIN_PAIRS];
    ngx_http_request_t                  *r;
    struct message_http_resp_call_write  message;

    r = call->request;

    message.id = call->id;
    message.conf_token = token;
    message.status = (uint16_t) r->headers_out.status;

    if (ngx_http_ext_plugin_headers_out(r, room, NGX_HTTP_EXT_PLUGIN_PAIRS,
                                        &message.headers)
        != NGX_OK)
    {
        return -ENOMEM;
    }

    return message_write_http_resp_call(&call->talk.out, &message);
}


ngx_int_t
ngx_http_ext_plugin_resp_reply(ngx_http_ext_plugin_call_t *call)
{
    ngx_str_t                             body;
    struct frame                         *frame;
    ngx_http_request_t                   *r;
    ngx_http_ext_plugin_ctx_t            *ctx;
    struct message_http_resp_reply_view   reply;

    frame = &call->talk.frame;
    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    if (message_read_http_resp_reply(frame->payload, frame->size, &reply) != 0)
    {
        call->talk.error = "answered garbage";
        return NGX_ERROR;
    }

    if (reply.id != call->id) {
        call->talk.error = "answered another call than this one";
        return NGX_ERROR;
    }

    if (reply.status && (reply.status < 200 || reply.status > 999)) {
        call->talk.error = "answered with a status that cannot be sent";
        return NGX_ERROR;
    }

    if (reply.headers.count > NGX_HTTP_EXT_PLUGIN_CHANGES) {
        call->talk.error = "answered with too many headers";
        return NGX_ERROR;
    }

    if (reply.headers.count
        && ngx_http_ext_plugin_replace_headers(r, reply.headers) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (reply.status) {
        r->headers_out.status = reply.status;
        r->headers_out.status_line.len = 0;
        r->err_status = 0;
    }

    if (reply.body.len) {
        body = ngx_http_ext_plugin_copy(r->pool, reply.body);

        if (body.data == NULL
            || ngx_http_ext_plugin_new_body(r, ctx, body.data, body.len)
               != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (reply.headers.count == 0) {
            /* what described the old body */
            ngx_http_clear_last_modified(r);
            ngx_http_clear_etag(r);
            ngx_http_ext_plugin_clear(&r->headers_out.content_encoding);
            ngx_http_ext_plugin_clear(&r->headers_out.content_range);
        }

        if (r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT
            && r->headers_out.content_range == NULL)
        {
            /* the new one is not a part of anything */
            r->headers_out.status = NGX_HTTP_OK;
            r->headers_out.status_line.len = 0;
        }
    }

    ctx->outcome[call->phase] = (reply.headers.count || reply.status
                                 || reply.body.len)
                                ? NGX_HTTP_EXT_PLUGIN_REWRITTEN
                                : NGX_HTTP_EXT_PLUGIN_NONE;

    return NGX_OK;
}


/* Only the reply's headers are sent, except for what belongs to the body. */

static ngx_int_t
ngx_http_ext_plugin_replace_headers(ngx_http_request_t *r,
    struct wire_vector headers)
{
    off_t             length, offset;
    uint32_t          i;
    ngx_list_t        trailers;
    ngx_uint_t        status;
    struct wire_pair  pair;

    status = r->headers_out.status;
    length = r->headers_out.content_length_n;
    offset = r->headers_out.content_offset;
    trailers = r->headers_out.trailers;

    ngx_http_clean_header(r);

    /* of a body that was collected they are there already, as grpc-status */
    r->headers_out.trailers = trailers;
    r->headers_out.status = status;
    r->headers_out.content_length_n = length;
    r->headers_out.content_offset = offset;

    for (i = 0; i < headers.count; i++) {
        pair = message_pair_at(headers, i);

        if (ngx_http_ext_plugin_add_header_out(r, &pair, 0) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_ext_plugin_clear(ngx_table_elt_t **h)
{
    if (*h) {
        (*h)->hash = 0;
        *h = NULL;
    }
}


static ngx_int_t
ngx_http_ext_plugin_new_body(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx, u_char *data, size_t len)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = data;
    b->last = data + len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ctx->new_body = b;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    r->headers_out.content_length_n = len;

    return NGX_OK;
}


ngx_int_t
ngx_http_ext_plugin_resp_failed(ngx_http_request_t *r,
    ngx_http_ext_plugin_ctx_t *ctx)
{
    ngx_http_clean_header(r);

    r->headers_out.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    r->err_status = 0;

    ngx_str_set(&r->headers_out.content_type, "text/html");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    /* 204 or 304 may have said that there is no body */

    if (r->method != NGX_HTTP_HEAD) {
        r->header_only = 0;
    }

    return ngx_http_ext_plugin_new_body(r, ctx,
                                        ngx_http_ext_plugin_failed_page,
                                 sizeof(ngx_http_ext_plugin_failed_page) - 1);
}
