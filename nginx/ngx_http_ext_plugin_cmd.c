/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_plugin_cmd: the runner as a child of nginx's first worker.
 *
 * Every cycle of nginx, thus every reload, has a runner of its own, at an
 * address of its own. So a runner needs to know nothing of reloads: the new
 * one comes up beside the old one, which stays as long as a worker of its
 * cycle is alive.
 */

#include "ngx_http_ext_plugin_child.h"

typedef struct {
    ngx_array_t                  *args;          /* of ngx_str_t */
} ngx_ext_plugin_conf_t;


static void *ngx_ext_plugin_create_conf(ngx_cycle_t *cycle);
static char *ngx_ext_plugin_init_conf(ngx_cycle_t *cycle, void *conf);
static char *ngx_ext_plugin_cmd(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char **ngx_http_ext_plugin_environment(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_runner_t *rn);
static void ngx_http_ext_plugin_stay_handler(ngx_event_t *ev);


static ngx_command_t  ngx_ext_plugin_commands[] = {

    { ngx_string("ext_plugin_cmd"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_ext_plugin_cmd,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_ext_plugin_module_ctx = {
    ngx_string("ext_plugin"),
    ngx_ext_plugin_create_conf,
    ngx_ext_plugin_init_conf
};


ngx_module_t  ngx_ext_plugin_module = {
    NGX_MODULE_V1,
    &ngx_ext_plugin_module_ctx,            /* module context */
    ngx_ext_plugin_commands,               /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_ext_plugin_child_t  *ngx_http_ext_plugin_child;


static void *
ngx_ext_plugin_create_conf(ngx_cycle_t *cycle)
{
    return ngx_pcalloc(cycle->pool, sizeof(ngx_ext_plugin_conf_t));
}


static char *
ngx_ext_plugin_cmd(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ext_plugin_conf_t  *epcf = conf;

    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_file_info_t   fi;

    if (epcf->args) {
        return "is duplicate";
    }

    value = cf->args->elts;

    epcf->args = ngx_array_create(cf->pool, cf->args->nelts,
                                  sizeof(ngx_str_t));
    if (epcf->args == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        *(ngx_str_t *) ngx_array_push(epcf->args) = value[i];
    }

    value = epcf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[0], 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (access((char *) value[0].data, X_OK) == -1
        || ngx_file_info(value[0].data, &fi) == NGX_FILE_ERROR)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" cannot be run", &value[0]);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be run: it is not a file", &value[0]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Now all is known: which runner it is, and at what address it will listen. */

static char *
ngx_ext_plugin_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_ext_plugin_conf_t  *epcf = conf;

    u_char                             path[sizeof(struct sockaddr_un)];
    u_char                            *last;
    ngx_str_t                          name;
    ngx_uint_t                         i;
    ngx_http_ext_plugin_runner_t     **runners;
    ngx_http_ext_plugin_main_conf_t   *emcf;
    static ngx_uint_t                  count;

    if (epcf->args == NULL) {
        return NGX_CONF_OK;
    }

    emcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_ext_plugin_module);

    if (emcf == NULL || emcf->managed == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"ext_plugin_cmd\" needs an \"ext_plugin_runner\" "
                      "that says where it will listen");
        return NGX_CONF_ERROR;
    }

    if (emcf->confs.nelts == 0) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "\"ext_plugin_cmd\" is not started: no plugin is called");
        return NGX_CONF_OK;
    }

    name = emcf->managed->name;

    last = ngx_snprintf(path, sizeof(path), "%s.%P.%ui%Z", name.data + 5,
                        ngx_pid, count++);

    if (last - path > (ssize_t) sizeof(emcf->managed->sockaddr.sun_path)) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"%V\" is too long: nginx appends two numbers to the "
                      "path of the runner that it starts", &name);
        return NGX_CONF_ERROR;
    }

    runners = emcf->runners.elts;

    for (i = 0; i < emcf->runners.nelts; i++) {
        if (runners[i]->name.len != name.len
            || ngx_strncmp(runners[i]->name.data, name.data, name.len) != 0)
        {
            continue;
        }

        runners[i]->managed = 1;

        ngx_memzero(runners[i]->sockaddr.sun_path,
                    sizeof(runners[i]->sockaddr.sun_path));
        ngx_memcpy(runners[i]->sockaddr.sun_path, path, last - path);
    }

    emcf->cmd = epcf->args;
    emcf->cycle = ngx_crc32_short(path, last - path);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_ext_plugin_cmd_start(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_main_conf_t *emcf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_ext_plugin_child_t  *child;

    if (emcf->cmd == NULL) {
        return NGX_OK;
    }

    ngx_http_ext_plugin_worker_enter(emcf->cycle);

    if (ngx_worker != 0) {
        return NGX_OK;
    }

    child = ngx_pcalloc(cycle->pool, sizeof(ngx_http_ext_plugin_child_t));
    if (child == NULL) {
        return NGX_ERROR;
    }

    child->argv = ngx_palloc(cycle->pool,
                             (emcf->cmd->nelts + 1) * sizeof(char *));
    if (child->argv == NULL) {
        return NGX_ERROR;
    }

    value = emcf->cmd->elts;

    for (i = 0; i < emcf->cmd->nelts; i++) {
        child->argv[i] = (char *) value[i].data;
    }

    child->argv[i] = NULL;

    child->runner = emcf->managed;
    child->cycle = emcf->cycle;
    child->envp = ngx_http_ext_plugin_environment(cycle, child->runner);
    if (child->envp == NULL) {
        return NGX_ERROR;
    }

    child->stay.handler = ngx_http_ext_plugin_stay_handler;
    child->stay.data = child;
    child->stay.log = cycle->log;

    ngx_http_ext_plugin_child = child;

    ngx_http_ext_plugin_child_begin(child);

    return NGX_OK;
}


/* PATH, where to listen, and what the operator lists with nginx's "env". */

static char **
ngx_http_ext_plugin_environment(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_runner_t *rn)
{
    char             **envp, **env;
    char              *p, *path;
    size_t             len;
    ngx_str_t         *var;
    ngx_uint_t         i, n;
    ngx_core_conf_t   *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    envp = ngx_palloc(cycle->pool, (ccf->env.nelts + 4) * sizeof(char *));
    if (envp == NULL) {
        return NULL;
    }

    n = 0;
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /* nginx has cut down environ to the same list, and TZ */

    var = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {
        len = var[i].len;

        for (env = environ; *env; env++) {
            if (ngx_strncmp(*env, var[i].data, len) == 0
                && ((*env)[len] == '='
                    || ngx_strlchr(var[i].data, var[i].data + len, '=')))
            {
                break;
            }
        }

        if (*env == NULL) {
            continue;
        }

        if (ngx_strncmp(*env, "PATH=", 5) == 0) {
            path = *env;
            continue;
        }

        if (ngx_strncmp(*env, "APISIX_LISTEN_ADDRESS=", 22) != 0
            && ngx_strncmp(*env, "APISIX_CONF_EXPIRE_TIME=", 24) != 0)
        {
            envp[n++] = *env;
        }
    }

    envp[n++] = path;

    len = sizeof("APISIX_LISTEN_ADDRESS=unix:") + sizeof(rn->sockaddr.sun_path);

    p = ngx_pnalloc(cycle->pool, len);
    if (p == NULL) {
        return NULL;
    }

    ngx_snprintf((u_char *) p, len, "APISIX_LISTEN_ADDRESS=unix:%s%Z",
                 rn->sockaddr.sun_path);
    envp[n++] = p;

    len = sizeof("APISIX_CONF_EXPIRE_TIME=") + NGX_TIME_T_LEN;

    p = ngx_pnalloc(cycle->pool, len);
    if (p == NULL) {
        return NULL;
    }

    /* it must keep a conf for longer than we use its token */

    ngx_snprintf((u_char *) p, len, "APISIX_CONF_EXPIRE_TIME=%T%Z",
                 rn->conf_expire + rn->conf_expire / 9);
    envp[n++] = p;

    envp[n] = NULL;

    return envp;
}


static void
ngx_http_ext_plugin_stay_handler(ngx_event_t *ev)
{
    ngx_http_ext_plugin_child_t  *child;

    child = ev->data;

    if (ngx_http_ext_plugin_worker_others(child->cycle)) {
        ngx_add_timer(ev, 50);
    }
}


void
ngx_http_ext_plugin_cmd_stop(ngx_cycle_t *cycle)
{
    ngx_http_ext_plugin_child_t      *child;
    ngx_http_ext_plugin_main_conf_t  *emcf;

    emcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_ext_plugin_module);

    if (emcf == NULL || emcf->cmd == NULL || emcf->shm_zone == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    ngx_http_ext_plugin_worker_leave();

    child = ngx_http_ext_plugin_child;

    if (child == NULL) {
        return;
    }

    ngx_http_ext_plugin_child_end(child);
}
