/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables for logs.
 */

#include "ngx_http_ext_plugin.h"


#define NGX_HTTP_EXT_PLUGIN_ALL  NGX_HTTP_EXT_PLUGIN_PHASES


static ngx_int_t ngx_http_ext_plugin_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ext_plugin_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_ext_plugin_error_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_str_t  ngx_http_ext_plugin_outcomes[] = {
    ngx_string("none"),
    ngx_string("stop"),
    ngx_string("rewrite"),
    ngx_string("error"),
    ngx_string("degraded")
};


static ngx_http_variable_t  ngx_http_ext_plugin_vars[] = {

    { ngx_string("ext_plugin_status"), NULL,
      ngx_http_ext_plugin_status_variable, NGX_HTTP_EXT_PLUGIN_ALL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_pre_req_status"), NULL,
      ngx_http_ext_plugin_status_variable, NGX_HTTP_EXT_PLUGIN_PRE_REQ,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_post_req_status"), NULL,
      ngx_http_ext_plugin_status_variable, NGX_HTTP_EXT_PLUGIN_POST_REQ,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_post_resp_status"), NULL,
      ngx_http_ext_plugin_status_variable, NGX_HTTP_EXT_PLUGIN_POST_RESP,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_time"), NULL,
      ngx_http_ext_plugin_time_variable, NGX_HTTP_EXT_PLUGIN_ALL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_pre_req_time"), NULL,
      ngx_http_ext_plugin_time_variable, NGX_HTTP_EXT_PLUGIN_PRE_REQ,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_post_req_time"), NULL,
      ngx_http_ext_plugin_time_variable, NGX_HTTP_EXT_PLUGIN_POST_REQ,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_post_resp_time"), NULL,
      ngx_http_ext_plugin_time_variable, NGX_HTTP_EXT_PLUGIN_POST_RESP,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ext_plugin_error"), NULL,
      ngx_http_ext_plugin_error_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_ext_plugin_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_ext_plugin_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* Of one phase, or of all that had a call, in their order. */

static ngx_int_t
ngx_http_ext_plugin_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    ngx_str_t                  *outcome;
    ngx_uint_t                  phase;
    ngx_http_ext_plugin_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_ext_plugin_get_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_EXT_PLUGIN_PHASES
                             * (sizeof("degraded, ") - 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    for (phase = 0; phase < NGX_HTTP_EXT_PLUGIN_PHASES; phase++) {

        if (ctx->ran[phase] == NULL
            || (data != NGX_HTTP_EXT_PLUGIN_ALL && data != phase))
        {
            continue;
        }

        if (p != v->data) {
            *p++ = ',';
            *p++ = ' ';
        }

        outcome = &ngx_http_ext_plugin_outcomes[ctx->outcome[phase]];
        p = ngx_cpymem(p, outcome->data, outcome->len);
    }

    v->len = p - v->data;

    if (v->len) {
        v->valid = 1;
        v->no_cacheable = 0;
        v->not_found = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    uint64_t                    us;
    ngx_uint_t                  phase, ran;
    ngx_http_ext_plugin_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_ext_plugin_get_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    us = 0;
    ran = 0;

    for (phase = 0; phase < NGX_HTTP_EXT_PLUGIN_PHASES; phase++) {
        if (ctx->ran[phase]
            && (data == NGX_HTTP_EXT_PLUGIN_ALL || data == phase))
        {
            us += ctx->time[phase];
            ran = 1;
        }
    }

    if (!ran) {
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 8);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%uL.%06uL", us / 1000000, us % 1000000)
             - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ext_plugin_error_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_ext_plugin_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_ext_plugin_get_ctx(r);

    if (ctx == NULL || ctx->error.len == 0) {
        return NGX_OK;
    }

    v->data = ctx->error.data;
    v->len = ctx->error.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
