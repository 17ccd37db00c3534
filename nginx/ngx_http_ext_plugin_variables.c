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
    ngx_string("degraded"),
    ngx_string("aborted")
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


/* variables of the request that a Rewrite may change; "_": what begins so */

static ngx_str_t  ngx_http_ext_plugin_changed[] = {
    ngx_string("host"),
    ngx_string("http_"),
    ngx_string("cookie_"),
    ngx_string("content_type"),
    ngx_string("content_length"),
    ngx_string("remote_user"),
    ngx_string("request_body"),
    ngx_string("request_body_file"),
    ngx_null_string
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


/* Which of those has the configuration made nginx remember? */

ngx_int_t
ngx_http_ext_plugin_init_variables(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_main_conf_t *emcf)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, *index;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    if (ngx_array_init(&emcf->changed, cycle->pool, 4, sizeof(ngx_uint_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->variables.nelts; i++) {

        for (name = ngx_http_ext_plugin_changed; name->len; name++) {

            if ((v[i].name.len == name->len
                 || (v[i].name.len > name->len
                     && name->data[name->len - 1] == '_'))
                && ngx_strncmp(v[i].name.data, name->data, name->len) == 0)
            {
                break;
            }
        }

        if (name->len == 0) {
            continue;
        }

        index = ngx_array_push(&emcf->changed);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;
    }

    return NGX_OK;
}


void
ngx_http_ext_plugin_forget_variables(ngx_http_request_t *r)
{
    ngx_uint_t                        i, *index;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_ext_plugin_module);
    index = emcf->changed.elts;

    for (i = 0; i < emcf->changed.nelts; i++) {
        r->variables[index[i]].valid = 0;
        r->variables[index[i]].not_found = 0;
    }
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
