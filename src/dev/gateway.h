/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx, as a child: its configuration from a model, checked by nginx itself before it
 * is used, so that the last good one stays when a new one is not.
 */
#ifndef DEV_GATEWAY_H
#define DEV_GATEWAY_H

#include "dev/child.h"
#include "dev/nginx_conf.h"

struct gateway {
    struct nginx_conf_settings settings;
    const char *nginx; /* the program */
    struct child child;
    int requests;          /* what nginx tells of requests comes here; non-blocking */
    int errors;            /* and its errors */
    unsigned generation;   /* of what was checked last */
    unsigned used;         /* of what nginx was given last */
    char conf_folder[128]; /* of the newest, below the folder */
};

/* Checks whether nginx would take the model. 0 or negative with the error; if 0, then
 * gateway_start, or later gateway_use, makes it the one that serves. */
int gateway_check(struct gateway *gateway, const struct model *model, struct error *error);

/* Starts nginx with what was checked, and waits until it serves. 0, or negative with the
 * error. */
int gateway_start(struct gateway *gateway, struct error *error);

/* Has nginx take what was checked, and waits until every new connection is served by it.
 * Requests in flight end as they began. */
int gateway_use(struct gateway *gateway, struct error *error);

void gateway_stop(struct gateway *gateway);

#endif
