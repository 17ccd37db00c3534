/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes as the development gateway understands them, read from the form that APISIX
 * takes: an object with the lists routes, services, upstreams, global_rules.
 *
 * References are resolved, a service's part is merged into its routes, and everything
 * was checked: whoever has a model can make a configuration of it.
 */
#ifndef CLI_DEV_MODEL_H
#define CLI_DEV_MODEL_H

#include "cli/dev_reader.h"

enum dev_phase { DEV_PRE_REQ, DEV_POST_REQ, DEV_POST_RESP, DEV_PHASES };

/* "ext-plugin-pre-req" ... */
extern const char *const dev_phase_plugins[DEV_PHASES];

/* What one ext-plugin-* plugin runs. */
struct dev_chain {
    json_t *conf; /* list of {"name", "value"}; NULL: there is no such plugin */
    bool degradation;
};

struct dev_node {
    const char *host;
    long port; /* 0: the scheme's */
    long weight;
};

enum dev_pass_host { DEV_HOST_PASS, DEV_HOST_NODE, DEV_HOST_REWRITE };

struct dev_upstream {
    const char *id; /* NULL: within a route or service */
    struct dev_node *nodes;
    size_t node_count;
    bool https;
    enum dev_pass_host pass_host;
    const char *host;                  /* of DEV_HOST_REWRITE */
    long connect_ms, send_ms, read_ms; /* 0: the default */
    long retries;                      /* -1: one less than there are nodes */
};

/* A comparison of `vars`. */
struct dev_var {
    const char *name;
    enum {
        DEV_EQUAL,
        DEV_LESS,
        DEV_LESS_EQUAL,
        DEV_MORE,
        DEV_MORE_EQUAL,
        DEV_MATCHES,      /* a regular expression */
        DEV_MATCHES_CASE, /* the same, whatever the case */
        DEV_IN,
    } compare;
    bool negated;
    struct dev_list values; /* one, but for DEV_IN */
    long number;            /* of the four that compare sizes */
};

struct dev_route {
    const char *id;
    const char *name; /* or NULL */
    struct dev_list uris, hosts, methods, addresses;
    struct dev_var *vars;
    size_t var_count;
    long priority;
    bool enabled;
    const struct dev_upstream *upstream; /* or NULL */
    long connect_ms, send_ms, read_ms;   /* the route's own, or 0 */
    struct dev_chain chains[DEV_PHASES];
};

struct dev_rule {
    const char *id;
    struct dev_chain chains[DEV_PHASES];
};

struct dev_model {
    struct arena arena;
    json_t *tree; /* that much is borrowed from */
    struct dev_route *routes;
    size_t route_count;
    struct dev_rule *rules;
    size_t rule_count;
};

/* Keeps a reference to the tree, which must not change from then on. 0 with *model to be
 * freed, or a negative errno with the error set ("routes/1: uri: ..."). */
int dev_model_read(json_t *tree, struct dev_model **model, struct dev_error *error);

void dev_model_free(struct dev_model *model);

#endif
