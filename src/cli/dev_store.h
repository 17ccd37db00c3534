/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Admin API was given, on disk: DIR/routes/1.json and so on, each file written
 * whole or not at all, so that a restart finds what was answered with success.
 *
 * An entry is {"key": "/apisix/routes/1", "value": {...}, "createdIndex", "modifiedIndex"}.
 */
#ifndef CLI_DEV_STORE_H
#define CLI_DEV_STORE_H

#include <jansson.h>

#include "cli/dev_error.h"

#define DEV_KINDS 4

extern const char *const dev_store_kinds[DEV_KINDS]; /* "routes" ... */
extern const char *const dev_store_names[DEV_KINDS]; /* "route" ... */

struct dev_store {
    const char *folder;
    json_t *entries; /* kind -> id -> entry, in the order of their creation */
    json_int_t index;
};

/* Makes the folder when it is not there. 0, or negative with the error. */
int dev_store_open(struct dev_store *store, const char *folder, struct dev_error *error);
void dev_store_close(struct dev_store *store);

/* An entry, borrowed, or NULL. */
json_t *dev_store_get(const struct dev_store *store, const char *kind, const char *id);

/* The tree that dev_model_read takes, as it would be if the value of this id were
 * another, or, with NULL, were gone. kind NULL: as it is. The caller's. */
json_t *dev_store_tree(const struct dev_store *store, const char *kind, const char *id,
                       json_t *value);

/* On disk, then here. value is borrowed. */
int dev_store_put(struct dev_store *store, const char *kind, const char *id, json_t *value,
                  struct dev_error *error);
int dev_store_delete(struct dev_store *store, const char *kind, const char *id,
                     struct dev_error *error);

#endif
