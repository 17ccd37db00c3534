/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Admin API of APISIX 3, for routes, services, upstreams and global rules: its
 * statuses and the form of its answers. Nothing of HTTP is here.
 */
#ifndef DEV_ADMIN_H
#define DEV_ADMIN_H

#include <stdbool.h>

#include "dev/admin_list.h"
#include "dev/admin_store.h"
#include "dev/apisix_config.h"

#define ADMIN_BODY_MAX ((size_t)1536 << 10)

struct admin {
    const struct apisix_config *config;
    struct admin_store *store;
    const char *standalone; /* the file that routes come from, so that none can be set; or NULL */
    json_t *tree;           /* of that file; as it is served */
    /* Takes a tree over and checks it; 0, and then `use` serves it; or negative. */
    int (*check)(void *user, json_t *tree, struct error *error);
    int (*use)(void *user, struct error *error);
    void *user;
};

struct admin_request {
    const char *method;
    const char *path; /* decoded, "/apisix/admin/routes/1" */
    const char *key;  /* of the argument api_key, X-API-KEY or the cookie x_api_key; or NULL */
    const char *ttl;  /* the argument; or NULL */
    struct admin_list list;
    const char *body;
    size_t body_len;
};

/* The HTTP status, and the answer, which is the caller's. */
int admin_handle(struct admin *admin, const struct admin_request *request, json_t **answer);

#endif
