/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of ext_plugin_cmd, seen from the worker that owns it: started,
 * watched, listened to, started again, stopped.
 */

#include "ngx_http_ext_plugin_child.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>


#define NGX_HTTP_EXT_PLUGIN_KILL_TIMEOUT   1000
#define NGX_HTTP_EXT_PLUGIN_RESTART_DELAY  100
#define NGX_HTTP_EXT_PLUGIN_RESTART_MAX    10000
/* who has lived so long may start at once again */
#define NGX_HTTP_EXT_PLUGIN_RESTART_FREE   5000


static ngx_int_t ngx_http_ext_plugin_spawn(ngx_http_ext_plugin_child_t *child);
static void ngx_http_ext_plugin_exec(ngx_http_ext_plugin_child_t *child,
    int in, int out, ngx_pid_t parent);
static ngx_connection_t *ngx_http_ext_plugin_attach(
    ngx_http_ext_plugin_child_t *child, ngx_fd_t fd,
    ngx_event_handler_pt handler);
static void ngx_http_ext_plugin_output_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_log_output(ngx_http_ext_plugin_child_t *child,
    ngx_uint_t all);
static void ngx_http_ext_plugin_watch_handler(ngx_event_t *ev);
static void ngx_http_ext_plugin_exited(ngx_http_ext_plugin_child_t *child);
static void ngx_http_ext_plugin_restart_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_ext_plugin_alive(
    ngx_http_ext_plugin_child_t *child);


void
ngx_http_ext_plugin_child_begin(ngx_http_ext_plugin_child_t *child)
{
    struct sigaction  sa;

    /* nginx's own handler would take the exit status, and log an alert */

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_handler = SIG_DFL;
    sigemptyset(&sa.sa_mask);

    if (sigaction(SIGCHLD, &sa, NULL) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "sigaction(SIGCHLD) failed");
    }

    child->input = NGX_INVALID_FILE;

    child->restart.handler = ngx_http_ext_plugin_restart_handler;
    child->restart.data = child;
    child->restart.log = ngx_cycle->log;
    child->restart.cancelable = 1;

    if (ngx_http_ext_plugin_spawn(child) != NGX_OK) {
        ngx_http_ext_plugin_exited(child);
    }
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

    child->output = ngx_http_ext_plugin_attach(child, out[0],
                                           ngx_http_ext_plugin_output_handler);

    if (child->output) {
        /* so that nginx tells when it begins to leave */
        child->output->idle = 1;
    }

    pidfd = syscall(SYS_pidfd_open, pid, 0);

    child->watch = (pidfd == -1) ? NULL
                   : ngx_http_ext_plugin_attach(child, pidfd,
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
ngx_http_ext_plugin_attach(ngx_http_ext_plugin_child_t *child, ngx_fd_t fd,
    ngx_event_handler_pt handler)
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

    c->data = child;
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
    child = c->data;

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
        /* worker_shutdown_timeout: the requests end, and then this does */
        c->close = 0;
        return;
    }

    ngx_http_ext_plugin_exited(c->data);
}


static ngx_int_t
ngx_http_ext_plugin_alive(ngx_http_ext_plugin_child_t *child)
{
    return child->pid && waitpid(child->pid, &child->status, WNOHANG) == 0;
}


static void
ngx_http_ext_plugin_exited(ngx_http_ext_plugin_child_t *child)
{
    u_char     how[64], *p;
    ngx_pid_t  pid;

    pid = child->pid;

    if (pid) {
        (void) ngx_http_ext_plugin_alive(child);

        /* what it has started itself goes with it */
        (void) kill(-pid, SIGKILL);
    }

    if (pid == 0) {
        p = ngx_sprintf(how, "could not be started");

    } else if (WIFSIGNALED(child->status)) {
        p = ngx_sprintf(how, "was ended by signal %d", WTERMSIG(child->status));

    } else {
        p = ngx_sprintf(how, "exited with code %d", WEXITSTATUS(child->status));
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
                  "ext_plugin_cmd: process %P %*s, "
                  "starting \"%s\" again in %M ms",
                  pid, (size_t) (p - how), how, child->argv[0], child->delay);

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


void
ngx_http_ext_plugin_child_end(ngx_http_ext_plugin_child_t *child)
{
    uint64_t  end;

    if (child->restart.timer_set) {
        ngx_del_timer(&child->restart);
    }

    if (child->pid) {
        (void) kill(child->pid, SIGTERM);

        /* by the clock: after 1.5 seconds the master kills the worker */

        end = ngx_http_ext_plugin_now()
              + NGX_HTTP_EXT_PLUGIN_KILL_TIMEOUT * 1000;

        while (ngx_http_ext_plugin_alive(child)
               && ngx_http_ext_plugin_now() < end)
        {
            ngx_msleep(5);
            ngx_http_ext_plugin_log_output(child, 0);
        }

        (void) kill(-child->pid, SIGKILL);
    }

    /* it may have crashed just before, and left this */
    (void) unlink(child->runner->sockaddr.sun_path);

    ngx_http_ext_plugin_log_output(child, 1);

    if (child->output) {
        ngx_close_connection(child->output);
    }

    if (child->watch) {
        ngx_close_connection(child->watch);
    }
}
