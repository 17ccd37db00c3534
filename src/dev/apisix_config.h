/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of APISIX's config.yaml matters to the development gateway.
 *
 * Without a file, and for what it does not say: ports 9080 and 9180, the key of APISIX's
 * documentation, and our own runner with the plugins it came with. Keys of APISIX that
 * have no meaning here are named in a warning.
 */
#ifndef DEV_APISIX_CONFIG_H
#define DEV_APISIX_CONFIG_H

#include <jansson.h>

#include "base/arena.h"
#include "dev/nginx_conf.h"

#define ADMIN_KEYS_MAX 16
#define ADMIN_EXAMPLE_KEY "edd1c9f034335f136f87ad84b625c8f1"

struct admin_key {
    const char *key;
    bool viewer; /* may only look */
};

struct apisix_config {
    struct arena arena;
    json_t *tree;
    long ports[NGINX_CONF_PORTS_MAX];
    size_t port_count;
    long admin_port;
    struct admin_key keys[ADMIN_KEYS_MAX];
    size_t key_count;
    bool no_key;                /* the Admin API asks for none */
    const char *path_for_test;  /* of a runner that someone else starts, or NULL */
    struct text_list command;   /* that starts the runner; count 0: our own */
    struct text_list variables; /* names, or NAME=value, that the runner gets */
    const char *role, *traditional_provider, *data_plane_provider; /* or NULL */
    bool standalone; /* routes come from apisix.yaml beside the file */
};

/* file NULL: the defaults. warn is told of each key that means nothing here. */
int apisix_config_read(struct apisix_config *config, const char *file,
                       void (*warn)(const char *text), struct error *error);

void apisix_config_free(struct apisix_config *config);

#endif
