/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Admin API was given, on disk: DIR/routes/1.json and so on, each file written
 * whole or not at all, so that a restart finds what was answered with success.
 *
 * An entry is {"key": "/apisix/routes/1", "value": {...}, "createdIndex", "modifiedIndex"}.
 */
#ifndef DEV_ADMIN_STORE_H
#define DEV_ADMIN_STORE_H

#include <jansson.h>

#include "dev/error.h"

#define ADMIN_STORE_KINDS 4

extern const char *const admin_store_kinds[ADMIN_STORE_KINDS]; /* "routes" ... */
extern const char *const admin_store_names[ADMIN_STORE_KINDS]; /* "route" ... */

struct admin_store {
    const char *folder;
    json_t *entries; /* kind -> id -> entry, in the order of their creation */
    json_int_t index;
};

/* Makes the folder when it is not there. 0, or negative with the error. */
int admin_store_open(struct admin_store *store, const char *folder, struct error *error);
void admin_store_close(struct admin_store *store);

/* An entry, borrowed, or NULL. */
json_t *admin_store_get(const struct admin_store *store, const char *kind, const char *id);

/* The tree that model_read takes, as it would be if the value of this id were
 * another, or, with NULL, were gone. kind NULL: as it is. The caller's. */
json_t *admin_store_tree(const struct admin_store *store, const char *kind, const char *id,
                         json_t *value);

/* On disk, then here. value is borrowed. */
int admin_store_put(struct admin_store *store, const char *kind, const char *id, json_t *value,
                    struct error *error);
int admin_store_delete(struct admin_store *store, const char *kind, const char *id,
                       struct error *error);

#endif
