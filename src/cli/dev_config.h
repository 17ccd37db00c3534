/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of APISIX's config.yaml matters to the development gateway.
 *
 * Without a file, and for what it does not say: ports 9080 and 9180, the key of APISIX's
 * documentation, and our own runner with the plugins it came with. Keys of APISIX that
 * have no meaning here are named in a warning.
 */
#ifndef CLI_DEV_CONFIG_H
#define CLI_DEV_CONFIG_H

#include <jansson.h>

#include "base/arena.h"
#include "cli/dev_nginx.h"

#define DEV_ADMIN_KEYS_MAX 16
#define DEV_EXAMPLE_KEY "edd1c9f034335f136f87ad84b625c8f1"

struct dev_admin_key {
    const char *key;
    bool viewer; /* may only look */
};

struct dev_config {
    struct arena arena;
    json_t *tree;
    long ports[DEV_PORTS_MAX];
    size_t port_count;
    long admin_port;
    struct dev_admin_key keys[DEV_ADMIN_KEYS_MAX];
    size_t key_count;
    const char *path_for_test; /* of a runner that someone else starts, or NULL */
    struct dev_list command;   /* that starts the runner; count 0: our own */
    struct dev_list variables; /* names, or NAME=value, that the runner gets */
    bool standalone;           /* routes come from apisix.yaml beside the file */
};

/* file NULL: the defaults. warn is told of each key that means nothing here. */
int dev_config_read(struct dev_config *config, const char *file, void (*warn)(const char *text),
                    struct dev_error *error);

void dev_config_free(struct dev_config *config);

#endif
