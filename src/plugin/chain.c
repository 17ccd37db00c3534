/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/env.h"
#include "plugin/inside.h"

/* ---- what is common to the confs of one chain while it is made ---- */

struct parse {
    const struct chain_options *options;
    struct chain *chain;
    uint64_t route[2]; /* of the key without its version */
};

static bool is_printable(char c)
{
    return c > ' ' && c < 0x7f;
}

/* A key for log lines: cut, and safe to print. */
static void copy_key(struct chain *chain, struct wire_str key)
{
    size_t len = 0;

    if (!key.data || key.len == 0) {
        snprintf(chain->key, sizeof(chain->key), "(no key, token %u)", chain->token);
        return;
    }
    for (; len < key.len && len < sizeof(chain->key) - 1; len++)
        chain->key[len] = is_printable(key.data[len]) ? key.data[len] : '?';
    if (len < key.len)
        memcpy(chain->key + len - 3, "...", 3);
    chain->key[len] = '\0';
}

/*
 * What stays of a key when its route is changed: "route#ID#PLUGIN#VERSION" without the
 * version, so that a change of another part of the route leaves a conf's cells alone.
 */
static void hash_route(struct parse *parse, struct wire_str key)
{
    const char *end = key.data ? memrchr(key.data, '#', key.len) : NULL;
    size_t len = end ? (size_t)(end - key.data) : key.len;

    if (key.data)
        cells_hash(key.data, len, parse->route);
}

/* ---- one conf ---- */

static void complain_unknown(const struct parse *parse, struct wire_str name)
{
    const struct registry *registry = parse->options->registry;
    char known[512] = "none";
    size_t len = 0;

    for (unsigned i = 0; i < registry->count && len < sizeof(known); i++)
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "",
                                registry->plugins[i]->about.name);
    log_write(parse->options->skip_unknown ? LOG_WARN : LOG_ERROR,
              "conf %s: no plugin is named \"%.*s\"; %s; loaded are: %s", parse->chain->key,
              (int)(name.len < 200 ? name.len : 200), name.data ? name.data : "",
              parse->options->skip_unknown ? "its calls go on without it"
                                           : "its calls get SERVICE_UNAVAILABLE",
              known);
}

static void complain_rejected(const struct parse *parse, const struct plugin *plugin,
                              struct env *env, int error)
{
    log_write(parse->options->skip_unknown ? LOG_WARN : LOG_ERROR,
              "plugin %s (%s) rejects conf %s: %s; %s", plugin->about.name,
              plugin->file ? plugin->file : "linked in", parse->chain->key, env_reason(env, error),
              parse->options->skip_unknown ? "its calls go on without it"
                                           : "its calls get SERVICE_UNAVAILABLE");
}

/* What comes of -ENOMEM: it says nothing about the conf, so nothing is left out for it. */
static const char again[] = "this call gets SERVICE_UNAVAILABLE, the next one parses it again";

static void complain_no_memory(const struct parse *parse, const struct plugin *plugin,
                               struct env *env)
{
    log_error("plugin %s (%s) could not parse conf %s: %s; %s", plugin->about.name,
              plugin->file ? plugin->file : "linked in", parse->chain->key,
              env_reason(env, -ENOMEM), again);
}

static int need_declared(struct chain_step *step)
{
    const a6_plugin *about = &step->plugin->about;
    const char *const *var = about->need_vars;

    step->need = about->flags & (A6_NEED_REQUEST_BODY | A6_NEED_RESPONSE_BODY);
    step->blocking = (about->flags & A6_BLOCKING) != 0;
    for (; var && *var; var++) {
        /* analyzer: what it keeps is behind an index, where gcc 12 loses sight of it. */
        int failed = chain_step_need_var(step, *var, (uint32_t)strlen(*var));
        if (failed)
            return failed;
    }
    return 0;
}

static void step_free(struct chain *chain, struct chain_step *step)
{
    for (uint32_t i = 0; i < step->cell_count; i++)
        cells_release(chain->cells, step->cells[i]);
    free(step->cells);
    for (uint32_t i = 0; i < step->need_var_count; i++)
        free((void *)(uintptr_t)step->need_vars[i].data);
    free(step->need_vars);
}

/* How often the plugin stands before this conf in the same list: two of one text do not
 * share their cells. */
static uint32_t count_before(const struct chain *chain, const struct plugin *plugin)
{
    uint32_t before = 0;

    for (uint32_t i = 0; i < chain->count; i++)
        before += chain->steps[i].plugin == plugin;
    return before;
}

static int run_parse_conf(const struct parse *parse, struct chain_step *step, struct wire_str text)
{
    struct chain *chain = parse->chain;
    uint64_t scope[2] = {parse->route[0], parse->route[1]};
    uint32_t before = count_before(chain, step->plugin);
    a6_str given = a6_str_make(text.data ? text.data : "", text.data ? text.len : 0);
    struct env env;
    int result;

    /* One that crashes its workers may do so here: its calls are refused anyway. */
    if (!step->plugin->about.parse_conf ||
        atomic_load_explicit(&step->plugin->quarantined, memory_order_relaxed))
        return 0;
    cells_hash(given.data, given.len, scope);
    cells_hash(&before, sizeof(before), scope);
    env_init_conf(&env, step->plugin, parse->options->cells, step, chain->key, scope);
    inside_enter(step->plugin, INSIDE_PARSE_CONF);
    result = step->plugin->about.parse_conf(&env.base, given, &step->conf);
    inside_leave();
    if (result == -ENOMEM)
        complain_no_memory(parse, step->plugin, &env);
    else if (result < 0)
        complain_rejected(parse, step->plugin, &env, result);
    env_free(&env, result < 0);
    if (result >= 0)
        return 0;
    return result == -ENOMEM ? -ENOMEM : -EINVAL;
}

/* Adds the step of one conf. -EINVAL: it was complained of; -ENOMEM. */
static int add_step(struct parse *parse, const struct chain_conf *conf)
{
    struct chain *chain = parse->chain;
    struct chain_step *step = &chain->steps[chain->count];
    int failed;

    *step = (struct chain_step){.plugin = registry_find(parse->options->registry,
                                                        conf->name.data ? conf->name.data : "",
                                                        conf->name.data ? conf->name.len : 0)};
    if (!step->plugin) {
        complain_unknown(parse, conf->name);
        return -EINVAL;
    }
    failed = need_declared(step);
    if (failed)
        log_error("conf %s: no memory for what plugin %s needs; %s", chain->key,
                  step->plugin->about.name, again);
    else
        failed = run_parse_conf(parse, step, conf->value);
    if (failed) {
        step_free(chain, step);
        return failed;
    }
    chain->count++;
    return 0;
}

/* ---- the chain ---- */

void chain_free(struct chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        struct chain_step *step = &chain->steps[i];

        if (step->conf && step->plugin->about.free_conf) {
            inside_enter(step->plugin, INSIDE_FREE_CONF);
            step->plugin->about.free_conf(step->conf);
            inside_leave();
        }
        step_free(chain, step);
    }
    free(chain);
}

int chain_parse(const struct chain_options *options, uint32_t token, struct wire_str key,
                const struct chain_conf *confs, uint32_t count, struct chain **chain)
{
    struct parse parse = {.options = options};
    bool too_many = count > CHAIN_STEPS_MAX;
    struct chain *made;

    if (too_many)
        count = 0;
    made = calloc(1, sizeof(struct chain) + (size_t)count * sizeof(struct chain_step));

    if (!made) {
        log_error("no memory to parse the conf of token %u; %s", token, again);
        return -ENOMEM;
    }
    atomic_init(&made->references, 1);
    made->token = token;
    made->cells = options->cells;
    made->retire = options->retire;
    made->retirer = options->retirer;
    parse.chain = made;
    copy_key(made, key);
    hash_route(&parse, key);
    if (too_many) {
        log_error("conf %s names more than %d plugins; its calls get SERVICE_UNAVAILABLE",
                  made->key, CHAIN_STEPS_MAX);
        made->refused = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        int failed = add_step(&parse, &confs[i]);

        if (failed == -ENOMEM) {
            chain_free(made);
            return failed;
        }
        if (failed && !options->skip_unknown)
            made->refused = true;
    }
    *chain = made;
    return 0;
}

void chain_drop(struct chain *chain)
{
    if (!chain || atomic_fetch_sub_explicit(&chain->references, 1, memory_order_acq_rel) != 1)
        return;
    if (chain->retire)
        chain->retire(chain->retirer, chain);
    else
        chain_free(chain);
}

int chain_step_need_var(struct chain_step *step, const char *name, uint32_t len)
{
    struct wire_str *vars;
    char *copy;

    for (uint32_t i = 0; i < step->need_var_count; i++) {
        if (step->need_vars[i].len == len && memcmp(step->need_vars[i].data, name, len) == 0)
            return 0;
    }
    vars = realloc(step->need_vars, (step->need_var_count + 1) * sizeof(*vars));
    if (!vars)
        return -ENOMEM;
    step->need_vars = vars;
    copy = strndup(name, len);
    if (!copy)
        return -ENOMEM;
    vars[step->need_var_count++] = (struct wire_str){copy, len};
    return 0; /* analyzer: the copy is in vars, and step_free frees it. */
}

bool chain_complain_once(struct chain *chain, const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    hash |= 1; /* 0 is a free place */
    for (unsigned i = 0; i < CHAIN_COMPLAINTS; i++) {
        uint32_t seen = atomic_load_explicit(&chain->complaints[i], memory_order_relaxed);

        if (seen == hash)
            return false;
        if (seen == 0 && atomic_compare_exchange_strong(&chain->complaints[i], &seen, hash))
            return true;
        if (seen == hash)
            return false;
    }
    return false;
}
