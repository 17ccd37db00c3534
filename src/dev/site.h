/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The development gateway as a whole: its parts, and the routes that it serves now.
 * Main thread only.
 */
#ifndef DEV_SITE_H
#define DEV_SITE_H

#include "dev/admin.h"
#include "dev/admin_store.h"
#include "dev/apisix_config.h"
#include "dev/calls.h"
#include "dev/gateway.h"
#include "dev/runner.h"
#include "dev/tap.h"

struct site {
    struct apisix_config config;
    struct gateway gateway;
    struct runner runner;
    struct tap tap;
    struct calls calls;
    struct admin_store store;
    struct admin admin;
    const char *routes_file;     /* or NULL: the Admin API's */
    json_t *tree;                /* what is served */
    json_t *checked;             /* what was checked last and may be served next */
    json_t *plugins;             /* list of {"name", "version", "summary"} of our own runner */
    void (*changed)(void *user); /* the routes have changed; or NULL */
    void *changed_user;
};

/* Takes the tree over. Checks the routes, by the model and by nginx. */
int site_check(void *site, json_t *tree, struct error *error);

/* Serves what was checked last. */
int site_use(void *site, struct error *error);

/* What was checked last is served now. */
void site_take_checked(struct site *site);

/* Reads the routes' file and serves it; when it is not good, says so and goes on as before. */
void site_reload(struct site *site);

/* The first time: what there is to serve, from the file or the store. The caller's. */
json_t *site_first_tree(struct site *site, struct error *error);

#endif
