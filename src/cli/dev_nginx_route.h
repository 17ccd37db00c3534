/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of nginx's configuration that are made of routes, global rules and upstreams. */
#ifndef CLI_DEV_NGINX_ROUTE_H
#define CLI_DEV_NGINX_ROUTE_H

#include <limits.h>
#include <stdio.h>

#include "cli/dev_nginx.h"

struct dev_nginx_writer {
    const struct dev_nginx_settings *settings;
    const struct dev_model *model;
    struct dev_error *error;
    FILE *to;
    size_t confs; /* files written */
    char path[PATH_MAX];
};

/* A path below the folder; valid until the next one is asked for. */
const char *dev_nginx_path(struct dev_nginx_writer *writer, const char *name);
/* "unix:/path" of the runner; the same. */
const char *dev_nginx_runner(struct dev_nginx_writer *writer);

/* The upstream blocks. */
void dev_nginx_upstreams(const struct dev_nginx_writer *writer);

/* The locations that every request passes, up to its route's. */
int dev_nginx_rules(struct dev_nginx_writer *writer);

int dev_nginx_route(struct dev_nginx_writer *writer, const struct dev_route *route);

#endif
