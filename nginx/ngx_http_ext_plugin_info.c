/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExtraInfo: what the runner asks in the middle of a call. Bodies are sent
 * from where they are, memory or file, behind the few bytes that announce
 * them.
 */

#include "ngx_http_ext_plugin.h"


static ngx_int_t ngx_http_ext_plugin_info_var(ngx_http_ext_plugin_call_t *call,
    struct wire_str *name);
static ngx_int_t ngx_http_ext_plugin_info_req_body(
    ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_info_resp_body(
    ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_too_large(
    ngx_http_ext_plugin_call_t *call);
static ngx_int_t ngx_http_ext_plugin_answer(ngx_http_ext_plugin_call_t *call,
    struct wire_str *result);
static ngx_int_t ngx_http_ext_plugin_answer_body(
    ngx_http_ext_plugin_call_t *call);


ngx_int_t
ngx_http_ext_plugin_info(ngx_http_ext_plugin_call_t *call)
{
    struct frame               *frame;
    struct wire_str             absent;
    struct message_extra_info   info;

    frame = &call->talk.frame;

    if (message_read_extra_info(frame->payload, frame->size, &info) != 0) {
        call->talk.error = "asked for garbage";
        return NGX_ERROR;
    }

    switch ((ngx_uint_t) info.type) {

    case MESSAGE_INFO_VAR:
        return ngx_http_ext_plugin_info_var(call, &info.name);

    case MESSAGE_INFO_REQ_BODY:
        return ngx_http_ext_plugin_info_req_body(call);

    case MESSAGE_INFO_RESP_BODY:

        if (call->phase == NGX_HTTP_EXT_PLUGIN_POST_RESP) {
            return ngx_http_ext_plugin_info_resp_body(call);
        }

        ngx_memzero(&absent, sizeof(struct wire_str));
        ngx_http_ext_plugin_talk_out(&call->talk);

        return ngx_http_ext_plugin_answer(call, &absent);

    default:
        call->talk.error = "asked for something unknown";
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_ext_plugin_info_var(ngx_http_ext_plugin_call_t *call,
    struct wire_str *name)
{
    u_char                     *lowcase;
    ngx_int_t                   rc;
    ngx_str_t                   var;
    ngx_uint_t                  i, key;
    struct wire_str             value;
    ngx_http_request_t         *r;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    ngx_http_core_main_conf_t  *cmcf;

    r = call->request;

    value.data = NULL;
    value.len = 0;

    lowcase = ngx_pnalloc(r->pool, name->len + 1);
    if (lowcase == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    key = ngx_hash_strlow(lowcase, (u_char *) name->data, name->len);

    var.data = lowcase;
    var.len = name->len;

    vv = var.len ? ngx_http_get_variable(r, &var, key) : NULL;

    if (vv == NULL || vv->not_found) {

        /* some are only in the table of those that the configuration uses */

        cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
        v = cmcf->variables.elts;

        for (i = 0; i < cmcf->variables.nelts; i++) {
            if (v[i].name.len == var.len
                && ngx_memcmp(v[i].name.data, lowcase, var.len) == 0)
            {
                vv = ngx_http_get_indexed_variable(r, i);
                break;
            }
        }
    }

    if (vv && !vv->not_found && vv->valid) {
        value.data = vv->data ? (char *) vv->data : "";
        value.len = vv->len;
    }

    ngx_http_ext_plugin_talk_out(&call->talk);

    rc = ngx_http_ext_plugin_answer(call, &value);

    (void) ngx_pfree(r->pool, lowcase);

    return rc;
}


static ngx_int_t
ngx_http_ext_plugin_info_req_body(ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t                   rc;
    ngx_http_request_t         *r;
    ngx_http_ext_plugin_ctx_t  *ctx;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    ctx->resp_info = 0;

    if (call->phase == NGX_HTTP_EXT_PLUGIN_POST_RESP) {

        if (r->request_body_no_buffering
            && (r->headers_in.content_length_n > 0 || r->headers_in.chunked))
        {
            call->talk.error = "asked for a request body that was sent to the "
                               "upstream without buffering";
            call->refuse = NGX_HTTP_SERVICE_UNAVAILABLE;
            return NGX_ERROR;
        }

        /* the content handler has read it by now, or has thrown it away */
        return ngx_http_ext_plugin_answer_body(call);
    }

    ctx->info = 1;

    rc = ngx_http_ext_plugin_read_body(r, ctx);

    if (rc == NGX_AGAIN) {
        /* the time that the client takes is not the runner's */
        ngx_http_ext_plugin_talk_pause(&call->talk);
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_ext_plugin_suspend(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ext_plugin_answer_body(call);
}


static ngx_int_t
ngx_http_ext_plugin_info_resp_body(ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t                   rc;
    ngx_http_request_t         *r;
    ngx_http_ext_plugin_ctx_t  *ctx;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);

    ctx->resp_info = 1;

    rc = ngx_http_ext_plugin_collect(r, ctx);

    if (rc == NGX_AGAIN) {
        ngx_http_ext_plugin_talk_pause(&call->talk);
        return NGX_AGAIN;
    }

    return (rc == NGX_OK) ? ngx_http_ext_plugin_answer_body(call) : NGX_ERROR;
}


void
ngx_http_ext_plugin_info_body(ngx_http_ext_plugin_call_t *call, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = ngx_http_ext_plugin_answer_body(call);
    }

    if (rc != NGX_OK) {
        ngx_http_ext_plugin_call_done(call, rc);
        return;
    }

    ngx_http_ext_plugin_talk_resume(&call->talk);
}


/* A request's body is as large as its client likes. */

static ngx_int_t
ngx_http_ext_plugin_too_large(ngx_http_ext_plugin_call_t *call)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    ctx = ngx_http_ext_plugin_get_ctx(call->request);

    if (ctx->resp_info) {
        call->talk.error = "asked for a response body that is too large";

    } else {
        call->talk.error = "asked for a request body that is larger than "
                           "ext_plugin_max_body or a frame";
        call->refuse = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ext_plugin_answer(ngx_http_ext_plugin_call_t *call,
    struct wire_str *result)
{
    int                          rc;
    ngx_http_ext_plugin_talk_t  *talk;

    talk = &call->talk;

    rc = message_write_extra_info_reply(&talk->out, *result);

    if (rc == -EMSGSIZE) {
        return ngx_http_ext_plugin_too_large(call);
    }

    if (rc != 0) {
        talk->error = "asked for what there is no memory for";
        return NGX_ERROR;
    }

    return ngx_http_ext_plugin_talk_send(talk) == NGX_AGAIN ? NGX_OK
                                                            : NGX_ERROR;
}


static ngx_int_t
ngx_http_ext_plugin_answer_body(ngx_http_ext_plugin_call_t *call)
{
    off_t                            size;
    ngx_buf_t                       *b;
    ngx_chain_t                     *cl, *in, **last;
    struct wire_str                  result;
    ngx_http_request_t              *r;
    ngx_http_ext_plugin_ctx_t       *ctx;
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    r = call->request;
    ctx = ngx_http_ext_plugin_get_ctx(r);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_ext_plugin_module);

    ngx_http_ext_plugin_talk_out(&call->talk);

    in = (ctx->hold == NGX_HTTP_EXT_PLUGIN_COLLECTED && ctx->resp_info)
         ? ctx->held
         : r->request_body ? r->request_body->bufs : NULL;

    size = 0;
    last = &call->talk.body;

    for ( /* void */ ; in; in = in->next) {

        if (ngx_buf_size(in->buf) == 0) {
            continue;
        }

        /* sending moves the buf's pos, and the body is needed again */

        cl = ngx_alloc_chain_link(r->pool);
        b = ngx_alloc_buf(r->pool);

        if (cl == NULL || b == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *b = *in->buf;

        if (b->in_file && ngx_buf_in_memory(b)) {
            b->in_file = 0;
        }

        cl->buf = b;
        cl->next = NULL;

        *last = cl;
        last = &cl->next;

        size += ngx_buf_size(b);
    }

    if (size > (off_t) elcf->max_body || size > (off_t) FRAME_PAYLOAD_MAX) {
        return ngx_http_ext_plugin_too_large(call);
    }

    /* an empty request body is none; the writer does not look at the data */

    result.data = (size || ctx->resp_info) ? "" : NULL;
    result.len = (uint32_t) size;

    if (size) {
        call->talk.out.tail_from = 0;
    }

    return ngx_http_ext_plugin_answer(call, &result);
}
