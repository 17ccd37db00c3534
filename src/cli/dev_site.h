/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The development gateway as a whole: its parts, and the routes that it serves now.
 * Main thread only.
 */
#ifndef CLI_DEV_SITE_H
#define CLI_DEV_SITE_H

#include "cli/dev_admin.h"
#include "cli/dev_calls.h"
#include "cli/dev_config.h"
#include "cli/dev_gateway.h"
#include "cli/dev_runner.h"
#include "cli/dev_store.h"
#include "cli/dev_tap.h"

struct dev_site {
    struct dev_config config;
    struct dev_gateway gateway;
    struct dev_runner runner;
    struct dev_tap tap;
    struct dev_calls calls;
    struct dev_store store;
    struct dev_admin admin;
    const char *routes_file;     /* or NULL: the Admin API's */
    json_t *tree;                /* what is served */
    json_t *checked;             /* what was checked last and may be served next */
    json_t *plugins;             /* list of {"name", "version", "summary"} of our own runner */
    void (*changed)(void *user); /* the routes have changed; or NULL */
    void *changed_user;
};

/* Takes the tree over. Checks the routes, by the model and by nginx. */
int dev_site_check(void *site, json_t *tree, struct dev_error *error);

/* Serves what was checked last. */
int dev_site_use(void *site, struct dev_error *error);

/* Reads the routes' file and serves it; when it is not good, says so and goes on as before. */
void dev_site_reload(struct dev_site *site);

/* The first time: what there is to serve, from the file or the store. The caller's. */
json_t *dev_site_first_tree(struct dev_site *site, struct dev_error *error);

#endif
