/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module: its directives, and how their values are merged.
 */

#include "ngx_http_ext_plugin.h"


static void *ngx_http_ext_plugin_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_ext_plugin_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_ext_plugin_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_ext_plugin_name_chain(ngx_conf_t *cf,
    ngx_http_ext_plugin_chain_t *chain, ngx_uint_t http);
static ngx_uint_t ngx_http_ext_plugin_same_key(ngx_conf_t *cf,
    ngx_http_ext_plugin_chain_t *chain);
static ngx_http_ext_plugin_conf_t *ngx_http_ext_plugin_add_conf(ngx_conf_t *cf,
    ngx_http_ext_plugin_chain_t *chain, ngx_http_ext_plugin_runner_t *runner);
static ngx_int_t ngx_http_ext_plugin_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_ext_plugin_init_process(ngx_cycle_t *cycle);
static void ngx_http_ext_plugin_exit_process(ngx_cycle_t *cycle);


ngx_str_t  ngx_http_ext_plugin_phase_names[] = {
    ngx_string("pre_req"),
    ngx_string("post_req"),
    ngx_string("post_resp")
};


static ngx_conf_post_t  ngx_http_ext_plugin_buffer_post = {
    ngx_http_ext_plugin_check_buffer
};

static ngx_conf_post_t  ngx_http_ext_plugin_body_post = {
    ngx_http_ext_plugin_check_body
};


static ngx_command_t  ngx_http_ext_plugin_commands[] = {

    { ngx_string("ext_plugin_runner"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ext_plugin_runner,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ext_plugin_pre_req"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ext_plugin_plugin,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_EXT_PLUGIN_PRE_REQ,
      NULL },

    { ngx_string("ext_plugin_post_req"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ext_plugin_plugin,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_EXT_PLUGIN_POST_REQ,
      NULL },

    { ngx_string("ext_plugin_post_resp"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ext_plugin_plugin,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_EXT_PLUGIN_POST_RESP,
      NULL },

    { ngx_string("ext_plugin_allow_degradation"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ext_plugin_loc_conf_t, degradation),
      NULL },

    { ngx_string("ext_plugin_subrequests"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ext_plugin_loc_conf_t, subrequests),
      NULL },

    { ngx_string("ext_plugin_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ext_plugin_loc_conf_t, buffer_size),
      &ngx_http_ext_plugin_buffer_post },

    { ngx_string("ext_plugin_max_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ext_plugin_loc_conf_t, max_body),
      &ngx_http_ext_plugin_body_post },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_ext_plugin_module_ctx = {
    ngx_http_ext_plugin_add_variables,     /* preconfiguration */
    ngx_http_ext_plugin_init,              /* postconfiguration */

    ngx_http_ext_plugin_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_ext_plugin_create_loc_conf,   /* create location configuration */
    ngx_http_ext_plugin_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_ext_plugin_module = {
    NGX_MODULE_V1,
    &ngx_http_ext_plugin_module_ctx,       /* module context */
    ngx_http_ext_plugin_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_ext_plugin_init_process,      /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_ext_plugin_exit_process,      /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_ext_plugin_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ext_plugin_main_conf_t));
    if (emcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&emcf->runners, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&emcf->confs, cf->pool, 16, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    return emcf;
}


static void *
ngx_http_ext_plugin_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_ext_plugin_loc_conf_t  *elcf;

    elcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ext_plugin_loc_conf_t));
    if (elcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     elcf->runner = NULL;
     *     elcf->chains = { NULL };
     *     elcf->confs = { NULL };
     */

    elcf->degradation = NGX_CONF_UNSET;
    elcf->subrequests = NGX_CONF_UNSET;
    elcf->buffer_size = NGX_CONF_UNSET_SIZE;
    elcf->max_body = NGX_CONF_UNSET_SIZE;

    return elcf;
}


static char *
ngx_http_ext_plugin_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_ext_plugin_loc_conf_t *prev = parent;
    ngx_http_ext_plugin_loc_conf_t *conf = child;

    ngx_uint_t                    phase;
    struct wire_pair             *plugin;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_core_srv_conf_t     *cscf;
    ngx_http_ext_plugin_chain_t  *chain;

    ngx_conf_merge_value(conf->degradation, prev->degradation, 0);
    ngx_conf_merge_value(conf->subrequests, prev->subrequests, 0);
    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size, 4096);
    ngx_conf_merge_size_value(conf->max_body, prev->max_body,
                              FRAME_PAYLOAD_MAX);

    if (conf->runner == NULL) {
        conf->runner = prev->runner;
    }

    for (phase = 0; phase < NGX_HTTP_EXT_PLUGIN_PHASES; phase++) {

        chain = prev->chains[phase];

        if (chain && chain != &ngx_http_ext_plugin_off && chain->key.len == 0
            && ngx_http_ext_plugin_name_chain(cf, chain, 1) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        chain = conf->chains[phase];

        if (chain == NULL) {
            chain = prev->chains[phase];
            conf->chains[phase] = chain;
        }

        if (chain == NULL || chain == &ngx_http_ext_plugin_off) {
            continue;
        }

        if (chain->key.len == 0
            && ngx_http_ext_plugin_name_chain(cf, chain, 0) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (conf->runner == NULL) {
            plugin = chain->plugins.elts;
            cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
            clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no \"ext_plugin_runner\" is set for "
                               "\"ext_plugin_%V %*s\" in server \"%V\", "
                               "location \"%V\"",
                               &ngx_http_ext_plugin_phase_names[phase],
                               (size_t) plugin->name.len, plugin->name.data,
                               &cscf->server_name, &clcf->name);
            return NGX_CONF_ERROR;
        }

        conf->confs[phase] = ngx_http_ext_plugin_add_conf(cf, chain,
                                                          conf->runner);
        if (conf->confs[phase] == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/*
 * The key says where the chain stands and, by a digest, what it says: a
 * reload that changes neither keeps the key, and one that changes anything
 * has a new one. Places that nginx gives one name, such as "/a" and "= /a", are
 * told apart by a number: what a plugin counts, it counts for each.
 */

static char *
ngx_http_ext_plugin_name_chain(ngx_conf_t *cf,
    ngx_http_ext_plugin_chain_t *chain, ngx_uint_t http)
{
    size_t                     len;
    ngx_md5_t                  md5;
    ngx_str_t                  server, location;
    ngx_uint_t                 i, n;
    struct wire_pair          *plugin;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_core_srv_conf_t  *cscf;

    ngx_str_set(&server, "http");
    ngx_str_null(&location);

    if (!http) {
        cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

        server = cscf->server_name;
        location = clcf->name;
    }

    plugin = chain->plugins.elts;

    ngx_md5_init(&md5);

    for (i = 0; i < chain->plugins.nelts; i++) {
        ngx_md5_update(&md5, &plugin[i].name.len, sizeof(uint32_t));
        ngx_md5_update(&md5, plugin[i].name.data, plugin[i].name.len);
        ngx_md5_update(&md5, &plugin[i].value.len, sizeof(uint32_t));
        ngx_md5_update(&md5, plugin[i].value.data, plugin[i].value.len);
    }

    ngx_md5_final(chain->digest, &md5);

    len = sizeof("nginx##ext-plugin-post_resp#") - 1 + server.len
          + location.len + 32 + 1 + NGX_INT_T_LEN;

    chain->key.data = ngx_pnalloc(cf->pool, len);
    if (chain->key.data == NULL) {
        return NGX_CONF_ERROR;
    }

    chain->key.len = ngx_sprintf(chain->key.data, "nginx#%V%V#ext-plugin-%V#",
                                 &server, &location,
                                 &ngx_http_ext_plugin_phase_names[chain->phase])
                     - chain->key.data;

    for (i = 0; i < chain->key.len; i++) {
        if (chain->key.data[i] == '_') {
            chain->key.data[i] = '-';
        }
    }

    chain->key.len = ngx_hex_dump(chain->key.data + chain->key.len,
                                  chain->digest, 16)
                     - chain->key.data;

    n = ngx_http_ext_plugin_same_key(cf, chain);

    if (n) {
        chain->key.len = ngx_sprintf(chain->key.data + chain->key.len, "#%ui",
                                     n + 1)
                         - chain->key.data;
    }

    return NGX_CONF_OK;
}


/* How many of those that have a key have this one, or this and a number. */

static ngx_uint_t
ngx_http_ext_plugin_same_key(ngx_conf_t *cf, ngx_http_ext_plugin_chain_t *chain)
{
    ngx_uint_t                        i, n;
    ngx_str_t                        *key;
    ngx_http_ext_plugin_conf_t      **elts;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ext_plugin_module);

    elts = emcf->confs.elts;
    n = 0;

    for (i = 0; i < emcf->confs.nelts; i++) {
        key = &elts[i]->chain->key;

        if (key->len >= chain->key.len
            && ngx_memcmp(key->data, chain->key.data, chain->key.len) == 0)
        {
            n++;
        }
    }

    return n;
}


static ngx_http_ext_plugin_conf_t *
ngx_http_ext_plugin_add_conf(ngx_conf_t *cf,
    ngx_http_ext_plugin_chain_t *chain, ngx_http_ext_plugin_runner_t *runner)
{
    ngx_md5_t                         md5;
    ngx_uint_t                        i;
    ngx_http_ext_plugin_conf_t      **elts, *conf;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ext_plugin_module);

    /* one chain is added in a row, for the locations that inherit it */

    elts = emcf->confs.elts;

    for (i = emcf->confs.nelts; i; i--) {
        if (elts[i - 1]->chain == chain && elts[i - 1]->runner == runner) {
            return elts[i - 1];
        }
    }

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ext_plugin_conf_t));
    elts = ngx_array_push(&emcf->confs);

    if (conf == NULL || elts == NULL) {
        return NULL;
    }

    *elts = conf;

    conf->chain = chain;
    conf->runner = runner;
    ngx_queue_init(&conf->waiting);

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, runner->name.data, runner->name.len + 1);
    ngx_md5_update(&md5, chain->key.data, chain->key.len);
    ngx_md5_final(conf->digest, &md5);

    return conf;
}


static ngx_int_t
ngx_http_ext_plugin_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt              *h;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ext_plugin_module);

    if (emcf->confs.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_ext_plugin_zone_add(cf, emcf) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ext_plugin_pre_req_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ext_plugin_post_req_handler;

    return ngx_http_ext_plugin_filter_init(cf);
}


static ngx_int_t
ngx_http_ext_plugin_init_process(ngx_cycle_t *cycle)
{
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_ext_plugin_module);

    if (emcf == NULL || emcf->shm_zone == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_http_ext_plugin_zone_use(emcf->shm_zone);

    if (ngx_http_ext_plugin_init_variables(cycle, emcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ext_plugin_cmd_start(cycle, emcf);
}


static void
ngx_http_ext_plugin_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_ext_plugin_cmd_stop(cycle);
}
