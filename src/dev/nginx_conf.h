/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx's configuration for a model.
 *
 * A request is matched once (match.h) and handed to the named location of its route.
 * Before that it passes one location for each global rule, and a route whose plugins
 * differ in allow_degradation has one location for each: `try_files` leads from one to
 * the next and changes nothing of the request.
 */
#ifndef DEV_NGINX_CONF_H
#define DEV_NGINX_CONF_H

#include "dev/model.h"

#define NGINX_CONF_PORTS_MAX 16

struct nginx_conf_settings {
    const char *folder;      /* private and absolute; all that nginx writes is below it */
    const char *conf_folder; /* below it: conf texts go here, and stay while nginx runs */
    const char *module;      /* ngx_http_ext_plugin_module.so */
    const char *runner;      /* the socket's path */
    const char *user;        /* for the workers, when started by root; or NULL */
    long ports[NGINX_CONF_PORTS_MAX];
    size_t port_count;
    long admin_port;
};

/* Writes <folder>/<name>, and the confs. */
int nginx_conf_write(const struct nginx_conf_settings *settings, const struct model *model,
                     const char *name, struct error *error);

#endif
