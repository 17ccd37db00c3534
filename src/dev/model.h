/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes as the development gateway understands them, read from the form that APISIX
 * takes: an object with the lists routes, services, upstreams, global_rules.
 *
 * References are resolved, a service's part is merged into its routes, and everything
 * was checked: whoever has a model can make a configuration of it.
 */
#ifndef DEV_MODEL_H
#define DEV_MODEL_H

#include "dev/reader.h"

enum model_phase { PHASE_PRE_REQ, PHASE_POST_REQ, PHASE_POST_RESP, PHASES };

/* What one ext-plugin-* plugin runs. */
struct model_chain {
    json_t *conf; /* list of {"name", "value"}; NULL: there is no such plugin, or it is disabled */
    bool given;   /* there is one, so that a service's does not take its place */
    bool degradation;
};

struct model_node {
    const char *host;
    long port; /* 0: the scheme's */
    long weight;
};

enum model_pass_host { PASS_HOST_PASS, PASS_HOST_NODE, PASS_HOST_REWRITE };

struct model_upstream {
    const char *id; /* NULL: within a route or service */
    struct model_node *nodes;
    size_t node_count;
    bool https;
    enum model_pass_host pass_host;
    const char *host;                  /* of PASS_HOST_REWRITE */
    long connect_ms, send_ms, read_ms; /* 0: the default */
    long retries;                      /* -1: one less than there are nodes */
    long retry_ms;                     /* no further try after that; 0: no limit */
};

/* A comparison of `vars`. */
struct model_var {
    const char *name;
    enum {
        VAR_EQUAL,
        VAR_LESS,
        VAR_LESS_EQUAL,
        VAR_MORE,
        VAR_MORE_EQUAL,
        VAR_MATCHES,      /* a regular expression */
        VAR_MATCHES_CASE, /* the same, whatever the case */
        VAR_IN,
    } compare;
    bool negated;
    struct text_list values; /* one, but for VAR_IN */
    long number;             /* of the four that compare sizes */
    bool as_number;          /* VAR_EQUAL: the value is one, "01" is 1 */
};

struct model_route {
    const char *id;
    const char *name; /* or NULL */
    struct text_list uris, hosts, methods, addresses;
    struct model_var *vars;
    size_t var_count;
    long priority;
    bool enabled;
    const struct model_upstream *upstream; /* or NULL */
    long connect_ms, send_ms, read_ms;     /* the route's own, or 0 */
    struct model_chain chains[PHASES];
};

struct model_rule {
    const char *id;
    struct model_chain chains[PHASES];
};

struct model {
    struct arena arena;
    json_t *tree; /* that much is borrowed from */
    struct model_route *routes;
    size_t route_count;
    struct model_rule *rules;
    size_t rule_count;
};

/* Keeps a reference to the tree, which must not change from then on. 0 with *model to be
 * freed, or a negative errno with the error set ("routes/1: uri: ..."). */
int model_read(json_t *tree, struct model **model, struct error *error);

void model_free(struct model *model);

#endif
