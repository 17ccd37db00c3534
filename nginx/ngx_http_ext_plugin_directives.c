/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives that are more than a value: the runner and the plugins.
 */

#include "ngx_http_ext_plugin.h"


typedef enum {
    NGX_HTTP_EXT_PLUGIN_NUMBER,
    NGX_HTTP_EXT_PLUGIN_MSEC,
    NGX_HTTP_EXT_PLUGIN_SEC
} ngx_http_ext_plugin_kind_e;


typedef struct {
    ngx_str_t                    name;
    ngx_http_ext_plugin_kind_e   kind;
    size_t                       offset;
    ngx_int_t                    min;
} ngx_http_ext_plugin_parameter_t;


static ngx_int_t ngx_http_ext_plugin_parameter(
    ngx_http_ext_plugin_runner_t *runner, ngx_str_t *param);
static ngx_http_ext_plugin_runner_t *ngx_http_ext_plugin_add_runner(
    ngx_conf_t *cf, ngx_http_ext_plugin_runner_t *runner);
static char *ngx_http_ext_plugin_read_file(ngx_conf_t *cf, ngx_str_t *name,
    struct wire_str *text);


#define ngx_http_ext_plugin_param(name, kind, field, min)                     \
    { ngx_string(name "="), NGX_HTTP_EXT_PLUGIN_##kind,                       \
      offsetof(ngx_http_ext_plugin_runner_t, field), min }


static ngx_http_ext_plugin_parameter_t  ngx_http_ext_plugin_parameters[] = {
    ngx_http_ext_plugin_param("keepalive", NUMBER, keepalive, 0),
    ngx_http_ext_plugin_param("connect_timeout", MSEC, connect_timeout, 0),
    ngx_http_ext_plugin_param("read_timeout", MSEC, read_timeout, 1),
    ngx_http_ext_plugin_param("call_timeout", MSEC, call_timeout, 1),
    ngx_http_ext_plugin_param("questions", NUMBER, questions, 0),
    ngx_http_ext_plugin_param("conf_expire", SEC, conf_expire, 1),
    { ngx_null_string, NGX_HTTP_EXT_PLUGIN_NUMBER, 0, 0 }
};


ngx_http_ext_plugin_chain_t  ngx_http_ext_plugin_off;


char *
ngx_http_ext_plugin_runner(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ext_plugin_loc_conf_t *elcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_ext_plugin_runner_t  runner;

    if (elcf->runner) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&runner, sizeof(ngx_http_ext_plugin_runner_t));

    runner.name = value[1];
    runner.keepalive = 32;
    runner.connect_timeout = 1000;
    runner.read_timeout = 60000;
    runner.conf_expire = 3240;
    runner.questions = 1000;

    if (runner.name.len <= 5
        || ngx_strncmp(runner.name.data, "unix:", 5) != 0
        || runner.name.len - 5 >= sizeof(runner.sockaddr.sun_path))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\", it must be \"unix:\" and "
                           "a path of at most %uz bytes", &runner.name,
                           sizeof(runner.sockaddr.sun_path) - 1);
        return NGX_CONF_ERROR;
    }

    runner.sockaddr.sun_family = AF_UNIX;
    ngx_memcpy(runner.sockaddr.sun_path, runner.name.data + 5,
               runner.name.len - 5);
    runner.socklen = sizeof(struct sockaddr_un);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_ext_plugin_parameter(&runner, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (runner.call_timeout == 0) {
        runner.call_timeout = (runner.read_timeout < NGX_MAX_INT32_VALUE / 3)
                              ? 3 * runner.read_timeout : runner.read_timeout;
    }

    elcf->runner = ngx_http_ext_plugin_add_runner(cf, &runner);

    return elcf->runner ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_ext_plugin_parameter(ngx_http_ext_plugin_runner_t *runner,
    ngx_str_t *param)
{
    void                             *place;
    ngx_int_t                         n;
    ngx_str_t                         s;
    ngx_http_ext_plugin_parameter_t  *p;

    for (p = ngx_http_ext_plugin_parameters; p->name.len; p++) {

        if (ngx_strncmp(param->data, p->name.data, p->name.len) == 0) {
            break;
        }
    }

    if (p->name.len == 0) {
        return NGX_ERROR;
    }

    s.data = param->data + p->name.len;
    s.len = param->len - p->name.len;

    n = (p->kind == NGX_HTTP_EXT_PLUGIN_NUMBER)
        ? ngx_atoi(s.data, s.len)
        : ngx_parse_time(&s, p->kind == NGX_HTTP_EXT_PLUGIN_SEC);

    if (n < p->min) {
        return NGX_ERROR;
    }

    place = (u_char *) runner + p->offset;

    switch (p->kind) {

    case NGX_HTTP_EXT_PLUGIN_NUMBER:
        *(ngx_uint_t *) place = n;
        break;

    case NGX_HTTP_EXT_PLUGIN_MSEC:
        *(ngx_msec_t *) place = n;
        break;

    case NGX_HTTP_EXT_PLUGIN_SEC:
        *(time_t *) place = n;
        break;
    }

    return NGX_OK;
}


/* Equal ones are one, so that they share their connections. */

static ngx_http_ext_plugin_runner_t *
ngx_http_ext_plugin_add_runner(ngx_conf_t *cf,
    ngx_http_ext_plugin_runner_t *runner)
{
    ngx_uint_t                         i;
    ngx_http_ext_plugin_runner_t     **elts, *rn;
    ngx_http_ext_plugin_main_conf_t   *emcf;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ext_plugin_module);

    elts = emcf->runners.elts;

    for (i = 0; i < emcf->runners.nelts; i++) {
        rn = elts[i];

        if (rn->name.len == runner->name.len
            && ngx_strncmp(rn->name.data, runner->name.data, rn->name.len) == 0
            && rn->keepalive == runner->keepalive
            && rn->connect_timeout == runner->connect_timeout
            && rn->read_timeout == runner->read_timeout
            && rn->call_timeout == runner->call_timeout
            && rn->questions == runner->questions
            && rn->conf_expire == runner->conf_expire)
        {
            return rn;
        }
    }

    rn = ngx_palloc(cf->pool, sizeof(ngx_http_ext_plugin_runner_t));
    elts = ngx_array_push(&emcf->runners);

    if (rn == NULL || elts == NULL) {
        return NULL;
    }

    *elts = rn;
    *rn = *runner;

    ngx_queue_init(&rn->idle);

    /* the first one of the http block, or else the first one, may be managed */

    if (emcf->managed == NULL
        || (cf->cmd_type == NGX_HTTP_MAIN_CONF && !emcf->managed_http))
    {
        emcf->managed = rn;
        emcf->managed_http = (cf->cmd_type == NGX_HTTP_MAIN_CONF);
    }

    return rn;
}


char *
ngx_http_ext_plugin_plugin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ext_plugin_loc_conf_t *elcf = conf;

    ngx_str_t                     *value;
    struct wire_pair              *plugin;
    ngx_http_ext_plugin_chain_t  **chain;

    value = cf->args->elts;
    chain = &elcf->chains[cmd->offset];

    if (value[1].len == 0) {
        return "names no plugin";
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        if (*chain) {
            return "is duplicate";
        }

        *chain = &ngx_http_ext_plugin_off;
        return NGX_CONF_OK;
    }

    if (*chain == &ngx_http_ext_plugin_off) {
        return "follows \"off\"";
    }

    if (*chain == NULL) {
        *chain = ngx_pcalloc(cf->pool, sizeof(ngx_http_ext_plugin_chain_t));

        if (*chain == NULL
            || ngx_array_init(&(*chain)->plugins, cf->pool, 4,
                              sizeof(struct wire_pair))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        (*chain)->phase = cmd->offset;
    }

    plugin = ngx_array_push(&(*chain)->plugins);
    if (plugin == NULL) {
        return NGX_CONF_ERROR;
    }

    plugin->name.data = (char *) value[1].data;
    plugin->name.len = (uint32_t) value[1].len;
    plugin->value.data = "";
    plugin->value.len = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (value[2].len > 1 && value[2].data[0] == '@') {
        value[2].data++;
        value[2].len--;

        return ngx_http_ext_plugin_read_file(cf, &value[2], &plugin->value);
    }

    plugin->value.data = (char *) value[2].data;
    plugin->value.len = (uint32_t) value[2].len;

    return NGX_CONF_OK;
}


static char *
ngx_http_ext_plugin_read_file(ngx_conf_t *cf, ngx_str_t *name,
    struct wire_str *text)
{
    char             *rv;
    u_char           *data;
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;
    /* a fifo would be waited for */
    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", name);
        goto done;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is not a file", name);
        goto done;
    }

    if (ngx_file_size(&fi) > (off_t) FRAME_PAYLOAD_MAX / 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is too large for a conf", name);
        goto done;
    }

    data = ngx_pnalloc(cf->pool, ngx_file_size(&fi) + 1);
    if (data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, data, ngx_file_size(&fi), 0);

    if (n != (ssize_t) ngx_file_size(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" could not be read",
                           name);
        goto done;
    }

    text->data = (char *) data;
    text->len = (uint32_t) n;

    rv = NGX_CONF_OK;

done:

    (void) ngx_close_file(file.fd);

    return rv;
}


char *
ngx_http_ext_plugin_check_buffer(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size < 256) {
        return "must be at least 256";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ext_plugin_check_body(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size > FRAME_PAYLOAD_MAX) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"ext_plugin_max_body\" is lowered to %uz, which "
                           "is all that a frame has room for",
                           (size_t) FRAME_PAYLOAD_MAX);

        /* or a response would be collected that cannot be sent */
        *size = FRAME_PAYLOAD_MAX;
    }

    return NGX_CONF_OK;
}
