/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind an a6_env: a plugin's init, or its parse_conf for one conf, with
 * what it asked for meanwhile. One thread.
 */
#ifndef PLUGIN_ENV_H
#define PLUGIN_ENV_H

#include "plugin/cells.h"
#include "plugin/chain.h"
#include "plugin/registry.h"

#define ENV_REASON_SIZE 1024

struct env {
    a6_env base; /* first: the plugin's pointer is ours */
    const struct plugin *plugin;
    struct cells *cells; /* NULL: there are none */

    /* While a conf is parsed: the step that takes what is needed, the conf's key for log
     * lines, and what makes the names of its cells different from those of others. */
    struct chain_step *step;
    const char *key;
    uint64_t scope[2];

    a6_cell **opened; /* cells, until env_free or the step takes them */
    uint32_t opened_count;
    char reason[ENV_REASON_SIZE];
};

/* For init. */
void env_init(struct env *env, const struct plugin *plugin, struct cells *cells);

/* For the parse_conf of step. scope: two numbers that are this conf's own. */
void env_init_conf(struct env *env, const struct plugin *plugin, struct cells *cells,
                   struct chain_step *step, const char *key, const uint64_t scope[2]);

/* What the plugin said, or what the error number means. */
const char *env_reason(struct env *env, int error);

/* release: the plugin or conf is not used, so that its cells are given back. Otherwise
 * they go to the step, or, after init, stay open as long as the process. */
void env_free(struct env *env, bool release);

/* The functions of the host's table. */
void env_log(const a6_env *env, a6_level level, const char *text, size_t len);
void env_error(a6_env *env, const char *text, size_t len);
void *env_state(const a6_env *env);
int env_need_var(a6_env *env, a6_str name);
int env_need(a6_env *env, uint32_t bodies);
int env_cell(a6_env *env, a6_str name, a6_cell **cell);

#endif
