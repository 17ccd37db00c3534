/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/registry.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/inside.h"

/* A plugin's description holds at least what comes before this field. */
#define LEAST_SIZE offsetof(a6_plugin, version)

void registry_init(struct registry *registry)
{
    *registry = (struct registry){NULL, 0, NULL, 0};
}

static const char *file_name(const char *file)
{
    return file ? file : "this program";
}

static bool name_is_good(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= PLUGIN_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static int check_version(const a6_plugin *about, const char *file, char *error, size_t size)
{
    if (about->abi_major != A6_ABI_MAJOR || about->abi_minor > A6_ABI_MINOR) {
        snprintf(
            error, size,
            "%s: a plugin in it is built for plugin ABI %u.%u and this runner has %d.%d; build "
            "it against this runner's <a6/plugin.h>%s",
            file_name(file), about->abi_major, about->abi_minor, A6_ABI_MAJOR, A6_ABI_MINOR,
            about->abi_major < A6_ABI_MAJOR ? "" : ", or take a newer runner");
        return -EPROTO;
    }
    if (about->size < LEAST_SIZE) {
        snprintf(error, size,
                 "%s: a plugin's description says it has %zu bytes, which is too small; begin the "
                 "a6_plugin with A6_PLUGIN_HEADER",
                 file_name(file), about->size);
        return -EINVAL;
    }
    return 0;
}

static int check_needs(const a6_plugin *about, const char *file, char *error, size_t size)
{
    for (const char *const *var = about->need_vars; var && *var; var++) {
        size_t len = strlen(*var);

        if (len < 1 || len > PLUGIN_VAR_NAME_MAX || **var == '$') {
            snprintf(error, size,
                     "%s: plugin \"%s\": need_vars names \"%.40s\", but a variable's name has 1 to "
                     "%d bytes and no '$'",
                     file_name(file), about->name, *var, PLUGIN_VAR_NAME_MAX);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_about(const a6_plugin *about, const char *file, char *error, size_t size)
{
    if (!about->name || !name_is_good(about->name)) {
        snprintf(error, size,
                 "%s: a plugin is named \"%.80s\"; a name has 1 to %d letters, digits, '-', '_' "
                 "or '.'",
                 file_name(file), about->name ? about->name : "", PLUGIN_NAME_MAX);
        return -EINVAL;
    }
    if ((about->flags & A6_BLOCKING) && (about->flags & A6_NONBLOCKING)) {
        snprintf(error, size,
                 "%s: plugin \"%s\" says both A6_BLOCKING and A6_NONBLOCKING; keep one of them",
                 file_name(file), about->name);
        return -EINVAL;
    }
    return check_needs(about, file, error, size);
}

static int check_taken(const struct registry *registry, const char *name, const char *file,
                       char *error, size_t size)
{
    const struct plugin *other = registry_find(registry, name, strlen(name));

    if (!other)
        return 0;
    snprintf(error, size,
             "there are two plugins named \"%s\": one in %s, one in %s; rename one or load only "
             "one of them",
             name, file_name(other->file), file_name(file));
    return -EEXIST;
}

static int no_memory(char *error, size_t size)
{
    snprintf(error, size, "no memory for another plugin");
    return -ENOMEM;
}

static struct plugin *plugin_new(const a6_plugin *about, const char *file)
{
    struct plugin *plugin = calloc(1, sizeof(*plugin));

    if (!plugin)
        return NULL;
    plugin->about = *about;
    if (!file)
        return plugin;
    plugin->file = strdup(file);
    if (plugin->file)
        return plugin;
    free(plugin);
    return NULL;
}

int registry_add(struct registry *registry, const a6_plugin *about, const char *file, char *error,
                 size_t size)
{
    struct plugin **plugins;
    struct plugin *plugin;
    a6_plugin known = {0};
    int failed = check_version(about, file, error, size);

    if (failed)
        return failed;
    memcpy(&known, about, about->size < sizeof(known) ? about->size : sizeof(known));
    failed = check_about(&known, file, error, size);
    if (!failed)
        failed = check_taken(registry, known.name, file, error, size);
    if (failed)
        return failed;

    plugins = realloc(registry->plugins, (registry->count + 1) * sizeof(struct plugin *));
    if (!plugins)
        return no_memory(error, size);
    registry->plugins = plugins;
    plugin = plugin_new(&known, file);
    if (!plugin)
        return no_memory(error, size);
    plugin->number = registry->count;
    plugins[registry->count++] = plugin;
    return 0;
}

struct plugin *registry_find(const struct registry *registry, const char *name, size_t len)
{
    for (unsigned i = 0; i < registry->count; i++) {
        const char *other = registry->plugins[i]->about.name;

        if (strlen(other) == len && memcmp(other, name, len) == 0)
            return registry->plugins[i];
    }
    return NULL;
}

void registry_cut(struct registry *registry, unsigned count)
{
    while (registry->count > count) {
        struct plugin *plugin = registry->plugins[--registry->count];

        if (plugin->initialized && plugin->about.shutdown) {
            inside_enter(plugin, INSIDE_SHUTDOWN);
            plugin->about.shutdown(plugin->state);
            inside_leave();
        }
        free(plugin->file);
        free(plugin);
    }
}

void registry_free(struct registry *registry)
{
    registry_cut(registry, 0);
    while (registry->module_count > 0)
        dlclose(registry->modules[--registry->module_count]);
    free(registry->plugins);
    free(registry->modules);
    registry_init(registry);
}
