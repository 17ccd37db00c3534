/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What _cmd.c (which runner, with what arguments, for how long) and _child.c
 * (its process) share.
 */

#ifndef _NGX_HTTP_EXT_PLUGIN_CHILD_H_INCLUDED_
#define _NGX_HTTP_EXT_PLUGIN_CHILD_H_INCLUDED_


#include "ngx_http_ext_plugin.h"

/* longer lines of the runner's output are cut: nginx takes 2048 bytes in all */
#define NGX_HTTP_EXT_PLUGIN_LINE  1800


/* The runner that this worker has started. */

typedef struct {
    ngx_pid_t                     pid;           /* 0: not running */
    int                           status;        /* as waitpid() gave it */
    ngx_http_ext_plugin_runner_t *runner;
    uint32_t                      cycle;
    char                        **argv;
    char                        **envp;

    ngx_connection_t             *output;        /* its stdout and stderr */
    ngx_connection_t             *watch;         /* pidfd */
    ngx_fd_t                      input;         /* closes when we are gone */
    ngx_event_t                   restart;
    ngx_event_t                   stay;          /* until all have left */
    ngx_msec_t                    started;
    ngx_msec_t                    delay;
    size_t                        len;
    u_char                        line[NGX_HTTP_EXT_PLUGIN_LINE];
} ngx_http_ext_plugin_child_t;


void ngx_http_ext_plugin_child_begin(ngx_http_ext_plugin_child_t *child);
/* Blocks, for one second at most: only for a worker that ends. */
void ngx_http_ext_plugin_child_end(ngx_http_ext_plugin_child_t *child);


#endif /* _NGX_HTTP_EXT_PLUGIN_CHILD_H_INCLUDED_ */
