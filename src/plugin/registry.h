/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins that a process has: where each came from, and what the host keeps
 * beside its description.
 *
 * Filled by the loader before threads exist, then read only; any thread.
 */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <a6/plugin.h>

#define PLUGIN_NAME_MAX 64
#define PLUGIN_VAR_NAME_MAX 256

struct plugin {
    a6_plugin about; /* a copy: what the plugin's own, perhaps shorter, struct lacks is zero */
    unsigned number; /* its place in the registry, the same in every worker */
    char *file;      /* where it was loaded from; NULL: linked into the program */
    void *state;     /* what init left */
    bool initialized;
    /* Set when a filter was seen to block without having said so: from then on it
     * runs on a pool thread. Any thread, relaxed. */
    _Atomic uint32_t seen_blocking;
    /* Set when it has crashed too many workers: its calls fail. Any thread, relaxed. */
    _Atomic uint32_t quarantined;
};

struct registry {
    struct plugin **plugins;
    unsigned count;
    void **modules; /* handles of dlopen, in the order loaded */
    unsigned module_count;
};

void registry_init(struct registry *registry);

/* Adds a plugin after checking its description. -EPROTO (another ABI), -EINVAL,
 * -EEXIST (the name is taken), -ENOMEM; then error says which plugin and files, and what to do. */
int registry_add(struct registry *registry, const a6_plugin *about, const char *file, char *error,
                 size_t size);

/* NULL when there is none of the name. */
struct plugin *registry_find(const struct registry *registry, const char *name, size_t len);

/* Takes back all but the first `count` plugins, newest first, as registry_free does. */
void registry_cut(struct registry *registry, unsigned count);

/* Calls shutdown of what was initialised, unloads the files, frees. */
void registry_free(struct registry *registry);

#endif
