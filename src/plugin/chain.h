/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conf as this worker runs it: the plugins of one token in order, each with what its
 * parse_conf made, and what they need in advance.
 *
 * Fail closed: a conf that names an unknown plugin, or that a plugin rejects, makes a
 * chain that refuses every call, unless the runner was told to skip such plugins.
 *
 * Made once by chain_parse in whatever thread (it calls plugin code, which may take
 * long), then read only; counted references.
 */
#ifndef PLUGIN_CHAIN_H
#define PLUGIN_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/cells.h"
#include "plugin/habit.h"
#include "plugin/registry.h"
#include "wire/flatbuf.h"

/* One conf as the gateway sent it. */
struct chain_conf {
    struct wire_str name;
    struct wire_str value; /* absent: given to parse_conf as an empty text */
};

struct chain_step {
    struct plugin *plugin;
    void *conf;
    a6_cell **cells; /* opened by its parse_conf, to be given back */
    uint32_t cell_count;
    /* variables that this step needs in advance, of the plugin and of its conf */
    struct wire_str *need_vars;
    uint32_t need_var_count;
    uint32_t need;          /* A6_NEED_... bits */
    bool blocking;          /* A6_BLOCKING; see also plugin->seen_blocking */
    _Atomic bool told_idle; /* the log has that it has no filter for the phase it is in */
    struct habits habits;   /* variables that it asks all the time, undeclared */
};

/* A conf with more plugins is refused. */
#define CHAIN_STEPS_MAX 1024

/* So many different complaints are logged for one conf. */
#define CHAIN_COMPLAINTS 8

struct chain {
    _Atomic uint32_t references;
    uint32_t token;
    uint64_t expires_ms; /* by the caller */
    struct cells *cells; /* NULL: there are none */
    bool refused;        /* every call gets SERVICE_UNAVAILABLE */
    /* As in the options; NULL: whoever drops the last reference frees it. */
    void (*retire)(void *retirer, struct chain *chain);
    void *retirer;
    struct chain *next_retired; /* of whoever retires it */
    /* What was complained of so far (hashes of the text); see chain_complain_once. */
    _Atomic uint32_t complaints[CHAIN_COMPLAINTS];
    char key[128]; /* the conf's key for log lines, cut and escaped */
    uint32_t count;
    struct chain_step steps[];
};

struct chain_options {
    const struct registry *registry;
    struct cells *cells;
    bool skip_unknown; /* leave out what is unknown or rejected, with a warning */
    /* Takes over chains that nobody refers to any more, from whatever thread: chain_free
     * is due, in one that can be spared. NULL: chain_drop frees them itself. */
    void (*retire)(void *retirer, struct chain *chain);
    void *retirer;
};

/* Never refuses to make a chain but for -ENOMEM: what is wrong with the conf is
 * logged, once, and the chain refuses its calls. -ENOMEM, the host's or a plugin's, is
 * logged too, with the plugin's reason: it fails one call, and the next parses again. */
int chain_parse(const struct chain_options *options, uint32_t token, struct wire_str key,
                const struct chain_conf *confs, uint32_t count, struct chain **chain);

/* The step's calls need the variable in advance; copied, once. -ENOMEM. Only while the
 * chain is made. */
int chain_step_need_var(struct chain_step *step, const char *name, uint32_t len);

/* Whether the text is to be logged: the first time only, and only so many different
 * ones. Any thread. */
bool chain_complain_once(struct chain *chain, const char *text);

static inline struct chain *chain_hold(struct chain *chain)
{
    atomic_fetch_add_explicit(&chain->references, 1, memory_order_relaxed);
    return chain;
}

/* The last one retires the chain, or frees it. */
void chain_drop(struct chain *chain);

/* Frees the confs and the chain. free_conf is plugin code, which may take long. */
void chain_free(struct chain *chain);

#endif
