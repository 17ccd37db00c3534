/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of nginx's configuration that are made of routes, global rules and upstreams. */
#ifndef DEV_NGINX_CONF_ROUTE_H
#define DEV_NGINX_CONF_ROUTE_H

#include <limits.h>
#include <stdio.h>

#include "dev/nginx_conf.h"

struct nginx_conf_writer {
    const struct nginx_conf_settings *settings;
    const struct model *model;
    struct error *error;
    FILE *to;
    size_t confs; /* files written */
    char path[PATH_MAX];
};

/* A path below the folder; valid until the next one is asked for. */
const char *nginx_conf_path(struct nginx_conf_writer *writer, const char *name);
/* "unix:/path" of the runner; the same. */
const char *nginx_conf_runner(struct nginx_conf_writer *writer);

/* The upstream blocks. Waits for the resolver where nodes have names. */
int nginx_conf_upstreams(const struct nginx_conf_writer *writer);

/* What upstreams get to know of a request, for the server. */
void nginx_conf_headers(const struct nginx_conf_writer *writer);

/* The locations that every request passes, up to its route's. */
int nginx_conf_rules(struct nginx_conf_writer *writer);

int nginx_conf_route(struct nginx_conf_writer *writer, const struct model_route *route);

#endif
