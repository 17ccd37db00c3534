/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx's configuration for a model.
 *
 * A request is matched once (dev_match.h) and handed to the named location of its route.
 * Before that it passes one location for each global rule, and a route whose plugins
 * differ in allow_degradation has one location for each: `try_files` leads from one to
 * the next and changes nothing of the request.
 */
#ifndef CLI_DEV_NGINX_H
#define CLI_DEV_NGINX_H

#include "cli/dev_model.h"

#define DEV_PORTS_MAX 16

struct dev_nginx_settings {
    const char *folder;      /* private and absolute; all that nginx writes is below it */
    const char *conf_folder; /* below it: conf texts go here, and stay while nginx runs */
    const char *module;      /* ngx_http_ext_plugin_module.so */
    const char *runner;      /* the socket's path */
    const char *user;        /* for the workers, when started by root; or NULL */
    long ports[DEV_PORTS_MAX];
    size_t port_count;
    long admin_port;
};

/* Writes <folder>/<name>, and the confs. */
int dev_nginx_write(const struct dev_nginx_settings *settings, const struct dev_model *model,
                    const char *name, struct dev_error *error);

#endif
