/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/call.h"

/* The longest name that a plugin may give to a cell. */
#define CELL_NAME_MAX 256u

static const struct env *env_of(const a6_env *env)
{
    return (const struct env *)(const void *)env;
}

static struct env *env_of_mutable(a6_env *env)
{
    return (struct env *)(void *)env;
}

void env_init(struct env *env, const struct plugin *plugin, struct cells *cells)
{
    *env = (struct env){.base = {&call_host}, .plugin = plugin, .cells = cells};
}

void env_init_conf(struct env *env, const struct plugin *plugin, struct cells *cells,
                   struct chain_step *step, const char *key, const uint64_t scope[2])
{
    env_init(env, plugin, cells);
    env->step = step;
    env->key = key;
    env->scope[0] = scope[0];
    env->scope[1] = scope[1];
}

const char *env_reason(struct env *env, int error)
{
    if (!env->reason[0])
        snprintf(env->reason, sizeof(env->reason), "%s, and it did not say more with a6_env_error",
                 strerror(-error));
    return env->reason;
}

void env_free(struct env *env, bool release)
{
    if (!release && env->step) {
        env->step->cells = env->opened;
        env->step->cell_count = env->opened_count;
        return;
    }
    for (uint32_t i = 0; release && i < env->opened_count; i++)
        cells_release(env->cells, env->opened[i]);
    free(env->opened);
}

void env_log(const a6_env *env, a6_level level, const char *text, size_t len)
{
    const struct env *own = env_of(env);

    if (own->key)
        log_write((enum log_level)level, "plugin %s, conf %s: %.*s", own->plugin->about.name,
                  own->key, (int)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX), text);
    else
        log_write((enum log_level)level, "plugin %s: %.*s", own->plugin->about.name,
                  (int)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX), text);
}

void env_error(a6_env *env, const char *text, size_t len)
{
    struct env *own = env_of_mutable(env);

    if (len >= sizeof(own->reason))
        len = sizeof(own->reason) - 1;
    memcpy(own->reason, text, len);
    own->reason[len] = '\0';
}

void *env_state(const a6_env *env)
{
    return env_of(env)->plugin->state;
}

int env_need_var(a6_env *env, a6_str name)
{
    struct chain_step *step = env_of_mutable(env)->step;

    if (!step || !name.data || name.len < 1 || name.len > PLUGIN_VAR_NAME_MAX ||
        memchr(name.data, '\0', name.len))
        return -EINVAL;
    return chain_step_need_var(step, name.data, (uint32_t)name.len);
}

int env_need(a6_env *env, uint32_t bodies)
{
    struct chain_step *step = env_of_mutable(env)->step;

    if (!step || (bodies & ~(uint32_t)(A6_NEED_REQUEST_BODY | A6_NEED_RESPONSE_BODY)))
        return -EINVAL;
    step->need |= bodies;
    return 0;
}

/* The full name: the plugin's, the conf's numbers if there is one, the cell's own. */
static size_t cell_name(const struct env *env, a6_str name, char *full)
{
    size_t len = strlen(env->plugin->about.name) + 1;

    memcpy(full, env->plugin->about.name, len);
    full[len++] = env->step ? 'c' : 'p';
    memcpy(full + len, env->scope, sizeof(env->scope));
    len += sizeof(env->scope);
    memcpy(full + len, name.data, name.len);
    return len + name.len;
}

int env_cell(a6_env *env, a6_str name, a6_cell **cell)
{
    struct env *own = env_of_mutable(env);
    char full[PLUGIN_NAME_MAX + 2 + sizeof(own->scope) + CELL_NAME_MAX];
    a6_cell **opened;
    int failed;

    *cell = NULL;
    if (!name.data || name.len > CELL_NAME_MAX)
        return -EINVAL;
    if (!own->cells)
        return -ENOSPC;
    opened = realloc(own->opened, (own->opened_count + 1) * sizeof(a6_cell *));
    if (!opened)
        return -ENOMEM;
    own->opened = opened;
    failed = cells_open(own->cells, full, cell_name(own, name, full), cell);
    if (!failed)
        opened[own->opened_count++] = *cell;
    return failed;
}
