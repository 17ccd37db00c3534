/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_plugin_cmd: the runner as a child of nginx's first worker.
 *
 * Every cycle of nginx, thus every reload, has a runner of its own, at an address of
 * its own. So a runner needs to know nothing of reloads: the new one comes up beside
 * the old one, which stays as long as a worker of its cycle is alive.
 */

#include "ngx_http_ext_plugin.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>


#define NGX_HTTP_EXT_PLUGIN_KILL_TIMEOUT   1000
#define NGX_HTTP_EXT_PLUGIN_RESTART_DELAY  100
#define NGX_HTTP_EXT_PLUGIN_RESTART_MAX    10000
/* who has lived so long may start at once again */
#define NGX_HTTP_EXT_PLUGIN_RESTART_FREE   5000
#define NGX_HTTP_EXT_PLUGIN_LINE           1800


typedef struct {
    ngx_array_t                  *args;          /* of ngx_str_t */
} ngx_ext_plugin_conf_t;


/* of this worker */

typedef struct {
    ngx_pid_t                     pid;           /* 0: not running */
    ngx_http_ext_plugin_runner_t *runner;
    uint32_t                      cycle;
    char                        **argv;
    char                        **envp;

    ngx_connection_t             *output;        /* its stdout and stderr */
    ngx_connection_t             *watch;         /* pidfd */
    ngx_fd_t                      input;         /* closes when we are gone */
    ngx_event_t                   restart;
    ngx_event_t                   stay;          /* until the others have left */
    ngx_msec_t                    started;
    ngx_msec_t                    delay;
    size_t                        len;
    u_char                        line[NGX_HTTP_EXT_PLUGIN_LINE];
} ngx_http_ext_plugin_child_t;


static void *ngx_ext_plugin_create_conf(ngx_cycle_t *cycle);
static char *ngx_ext_plugin_init_conf(ngx_cycle_t *cycle, void *conf);
static char *ngx_ext_plugin_cmd(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_ext_plugin_spawn(ngx_http_ext_plugin_child_t *child);
static void ngx_http_ext_plugin_exec(ngx_http_ext_plugin_child_t *child,
    int in, int out, ngx_pid_t parent);
static char **ngx_http_ext_plugin_environment(ngx_cycle_t *cycle,
    ngx_http_ext_plugin_runner_t *rn);
static ngx_connection_t *ngx_http_ext_plugin_attach(ngx_fd_t fd,
    ngx_event_handler_pt handler);
static void ngx_http_ext_plugin_output_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_log_output(ngx_http_ext_plugin_child_t *child,
    ngx_uint_t all);
static void ngx_http_ext_plugin_watch_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_exited(ngx_http_ext_plugin_child_t *child);
static void ngx_http_ext_plugin_restart_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_stay_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_ext_plugin_alive(
    ngx_http_ext_plugin_child_t *child);


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

    ngx_str_t   *value;
    ngx_uint_t   i;

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

    if (access((char *) value[0].data, X_OK) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" cannot be run", &value[0]);
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
    child->input = NGX_INVALID_FILE;

    child->envp = ngx_http_ext_plugin_environment(cycle, child->runner);
    if (child->envp == NULL) {
        return NGX_ERROR;
    }

    child->restart.handler = ngx_http_ext_plugin_restart_handler;
    child->restart.data = child;
    child->restart.log = cycle->log;
    child->restart.cancelable = 1;

    child->stay.handler = ngx_http_ext_plugin_stay_handler;
    child->stay.data = child;
    child->stay.log = cycle->log;

    ngx_http_ext_plugin_child = child;

    if (ngx_http_ext_plugin_spawn(child) != NGX_OK) {
        ngx_http_ext_plugin_exited(child);
    }

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


static ngx_int_t
ngx_http_ext_plugin_spawn(ngx_http_ext_plugin_child_t *child)
{
    int           in[2], out[2], pidfd;
    ngx_pid_t     pid, parent;
    struct stat   st;

    /* what a runner that crashed has left, and may take for a living one */

    if (lstat(child->runner->sockaddr.sun_path, &st) == 0
        && S_ISSOCK(st.st_mode))
    {
        (void) unlink(child->runner->sockaddr.sun_path);
    }

    if (pipe2(in, O_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "pipe2() failed");
        return NGX_ERROR;
    }

    if (pipe2(out, O_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "pipe2() failed");
        close(in[0]);
        close(in[1]);
        return NGX_ERROR;
    }

    child->started = ngx_current_msec;
    child->len = 0;

    parent = ngx_pid;
    pid = fork();

    if (pid == 0) {
        ngx_http_ext_plugin_exec(child, in[0], out[1], parent);
        _exit(127);
    }

    close(in[0]);
    close(out[1]);

    if (pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "fork() failed");
        close(in[1]);
        close(out[0]);
        return NGX_ERROR;
    }

    child->pid = pid;
    child->input = in[1];

    child->output = ngx_http_ext_plugin_attach(out[0],
                                           ngx_http_ext_plugin_output_handler);

    if (child->output) {
        /* so that nginx tells when it begins to leave */
        child->output->idle = 1;
    }

    pidfd = syscall(SYS_pidfd_open, pid, 0);

    child->watch = (pidfd == -1) ? NULL
                   : ngx_http_ext_plugin_attach(pidfd,
                                            ngx_http_ext_plugin_watch_handler);

    if (child->watch == NULL) {
        /* no such thing here: look now and then */
        ngx_add_timer(&child->restart, NGX_HTTP_EXT_PLUGIN_RESTART_DELAY);
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "ext_plugin_cmd: started \"%s\", process %P, at unix:%s",
                  child->argv[0], pid, child->runner->sockaddr.sun_path);

    return NGX_OK;
}


/* In the child, between fork and exec: nothing but system calls. */

static void
ngx_http_ext_plugin_exec(ngx_http_ext_plugin_child_t *child, int in, int out,
    ngx_pid_t parent)
{
    int               fd, n;
    sigset_t          set;
    struct sigaction  sa;
    static char       failed[] = "cannot be executed\n";

    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (getppid() != parent) {
        return;
    }

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_handler = SIG_DFL;

    for (n = 1; n < NSIG; n++) {
        (void) sigaction(n, &sa, NULL);
    }

    sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    if (dup2(in, 0) == -1 || dup2(out, 1) == -1 || dup2(out, 2) == -1) {
        return;
    }

    /* nginx's sockets are none of its business */

    if (syscall(SYS_close_range, 3, ~0U, 0) == -1) {
        for (fd = 3; fd < 65536; fd++) {
            (void) close(fd);
        }
    }

    (void) execve(child->argv[0], child->argv, child->envp);

    (void) !write(2, failed, sizeof(failed) - 1);
}


static ngx_connection_t *
ngx_http_ext_plugin_attach(ngx_fd_t fd, ngx_event_handler_pt handler)
{
    ngx_int_t          event;
    ngx_connection_t  *c;

    if (ngx_nonblocking(fd) == -1) {
        close(fd);
        return NULL;
    }

    (void) fcntl(fd, F_SETFD, FD_CLOEXEC);

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        close(fd);
        return NULL;
    }

    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->read->handler = handler;

    event = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? NGX_CLEAR_EVENT
                                                    : NGX_LEVEL_EVENT;

    if (ngx_add_event(c->read, NGX_READ_EVENT, event) != NGX_OK) {
        ngx_close_connection(c);
        return NULL;
    }

    return c;
}


static void
ngx_http_ext_plugin_output_handler(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_ext_plugin_child_t  *child;

    c = ev->data;
    child = ngx_http_ext_plugin_child;

    if (c->close) {
        /* the worker begins to leave, or (error) must not wait any more */
        c->close = 0;

        if (!c->error && !child->stay.timer_set) {
            ngx_add_timer(&child->stay, 1);

        } else if (c->error && child->stay.timer_set) {
            ngx_del_timer(&child->stay);
        }

        return;
    }

    ngx_http_ext_plugin_log_output(child, 0);
}


static void
ngx_http_ext_plugin_log_output(ngx_http_ext_plugin_child_t *child,
    ngx_uint_t all)
{
    u_char      *p, *line, *last;
    ssize_t      n;
    ngx_str_t    s;
    ngx_uint_t   rounds;

    if (child->output == NULL) {
        return;
    }

    /* whoever writes without end does not hold the worker */

    for (rounds = 0; rounds < 64; rounds++) {

        n = read(child->output->fd, child->line + child->len,
                 NGX_HTTP_EXT_PLUGIN_LINE - child->len);

        if (n <= 0) {
            if (n == 0 || (ngx_errno != NGX_EAGAIN && ngx_errno != NGX_EINTR)) {
                ngx_close_connection(child->output);
                child->output = NULL;
                all = 1;
            }

            break;
        }

        child->len += n;

        line = child->line;
        last = line + child->len;

        while (line < last) {
            p = ngx_strlchr(line, last, '\n');

            if (p == NULL) {
                if (line > child->line
                    || child->len < NGX_HTTP_EXT_PLUGIN_LINE)
                {
                    break;
                }

                p = last;
            }

            s.data = line;
            s.len = p - line;

            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "ext_plugin_cmd: %P: %V", child->pid, &s);

            line = (p == last) ? last : p + 1;
        }

        child->len = last - line;
        ngx_memmove(child->line, line, child->len);
    }

    if (rounds == 64 && !all) {
        ngx_post_event(child->output->read, &ngx_posted_next_events);
        return;
    }

    if (all && child->len) {
        s.data = child->line;
        s.len = child->len;
        child->len = 0;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "ext_plugin_cmd: %P: %V", child->pid, &s);
    }
}


static void
ngx_http_ext_plugin_watch_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        return;
    }

    ngx_http_ext_plugin_exited(ngx_http_ext_plugin_child);
}


/* nginx's own handler of SIGCHLD may have been faster: then nothing is left. */

static ngx_int_t
ngx_http_ext_plugin_alive(ngx_http_ext_plugin_child_t *child)
{
    int  status;

    return child->pid && waitpid(child->pid, &status, WNOHANG) == 0;
}


static void
ngx_http_ext_plugin_exited(ngx_http_ext_plugin_child_t *child)
{
    ngx_pid_t  pid;

    pid = child->pid;

    if (pid) {
        (void) ngx_http_ext_plugin_alive(child);

        /* what it has started itself goes with it */
        (void) kill(-pid, SIGKILL);
    }

    ngx_http_ext_plugin_log_output(child, 1);

    if (child->output) {
        ngx_close_connection(child->output);
        child->output = NULL;
    }

    if (child->watch) {
        ngx_close_connection(child->watch);
        child->watch = NULL;
    }

    if (child->input != NGX_INVALID_FILE) {
        close(child->input);
        child->input = NGX_INVALID_FILE;
    }

    child->pid = 0;

    if (child->delay == 0
        || ngx_current_msec - child->started > NGX_HTTP_EXT_PLUGIN_RESTART_FREE)
    {
        child->delay = 1;

    } else if (child->delay == 1) {
        child->delay = NGX_HTTP_EXT_PLUGIN_RESTART_DELAY;

    } else {
        child->delay = ngx_min(child->delay * 2,
                               NGX_HTTP_EXT_PLUGIN_RESTART_MAX);
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "ext_plugin_cmd: process %P has ended, "
                  "starting \"%s\" again in %M ms",
                  pid, child->argv[0], child->delay);

    ngx_add_timer(&child->restart, child->delay);
}


static void
ngx_http_ext_plugin_restart_handler(ngx_event_t *ev)
{
    ngx_http_ext_plugin_child_t  *child;

    child = ev->data;

    if (child->pid) {
        if (ngx_http_ext_plugin_alive(child)) {
            ngx_add_timer(ev, NGX_HTTP_EXT_PLUGIN_RESTART_DELAY);

        } else {
            ngx_http_ext_plugin_exited(child);
        }

        return;
    }

    if (ngx_http_ext_plugin_spawn(child) != NGX_OK) {
        ngx_http_ext_plugin_exited(child);
    }
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
    ngx_uint_t                        i;
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

    if (child->restart.timer_set) {
        ngx_del_timer(&child->restart);
    }

    if (child->pid) {
        (void) kill(child->pid, SIGTERM);

        for (i = 0; i < NGX_HTTP_EXT_PLUGIN_KILL_TIMEOUT / 5; i++) {
            if (!ngx_http_ext_plugin_alive(child)) {
                break;
            }

            ngx_msleep(5);
            ngx_http_ext_plugin_log_output(child, 0);
        }

        (void) kill(-child->pid, SIGKILL);

        (void) unlink(child->runner->sockaddr.sun_path);
    }

    ngx_http_ext_plugin_log_output(child, 1);

    if (child->output) {
        ngx_close_connection(child->output);
    }

    if (child->watch) {
        ngx_close_connection(child->watch);
    }
}
