/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx, as a child: its configuration from a model, checked by nginx itself before it
 * is used, so that the last good one stays when a new one is not.
 */
#ifndef CLI_DEV_GATEWAY_H
#define CLI_DEV_GATEWAY_H

#include "cli/dev_child.h"
#include "cli/dev_nginx.h"

struct dev_gateway {
    struct dev_nginx_settings settings;
    const char *nginx; /* the program */
    struct dev_child child;
    int requests;          /* what nginx tells of requests comes here; non-blocking */
    int errors;            /* and its errors */
    unsigned generation;   /* of what was checked last */
    unsigned used;         /* of what nginx was given last */
    char conf_folder[128]; /* of the newest, below the folder */
};

/* Starts nginx with the model, and waits until it serves. 0, or negative with the error. */
int dev_gateway_start(struct dev_gateway *gateway, const struct dev_model *model,
                      struct dev_error *error);

/* Checks whether nginx would take the model. 0 or negative with the error; if 0, then
 * dev_gateway_use makes it the one that serves. */
int dev_gateway_check(struct dev_gateway *gateway, const struct dev_model *model,
                      struct dev_error *error);

/* Has nginx take what was checked, and waits until every new connection is served by it.
 * Requests in flight end as they began. */
int dev_gateway_use(struct dev_gateway *gateway, struct dev_error *error);

void dev_gateway_stop(struct dev_gateway *gateway);

#endif
