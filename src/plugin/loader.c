/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/env.h"
#include "plugin/inside.h"

/* What a module of ABI 1.0 has; later ones are only longer. */
#define LEAST_MODULE_SIZE sizeof(a6_module)

static int check_module(const a6_module *module, const char *file, char *error, size_t size)
{
    if (!module) {
        snprintf(error, size, "%s is not a plugin: its %s gives NULL", file, A6_MODULE_SYMBOL);
        return -ENOEXEC;
    }
    if (module->abi_major != A6_ABI_MAJOR || module->abi_minor > A6_ABI_MINOR) {
        snprintf(error, size,
                 "%s is built for plugin ABI %u.%u and this runner has %d.%d; build it against "
                 "this runner's <a6/plugin.h>%s",
                 file, module->abi_major, module->abi_minor, A6_ABI_MAJOR, A6_ABI_MINOR,
                 module->abi_major < A6_ABI_MAJOR ? "" : ", or take a newer runner");
        return -EPROTO;
    }
    if (module->size < LEAST_MODULE_SIZE) {
        snprintf(error, size, "%s: its a6_module says it has %zu bytes instead of %zu; set `size`",
                 file, module->size, LEAST_MODULE_SIZE);
        return -EPROTO;
    }
    return 0;
}

/* Adds the module's plugins, all or none. Positive: how many. */
static int add_module(struct registry *registry, const a6_module *module, const char *file,
                      char *error, size_t size)
{
    unsigned before = registry->count;

    for (const a6_plugin *const *at = module->first; at && at < module->end; at++) {
        if (!*at)
            continue;
        int failed = registry_add(registry, *at, file, error, size);
        if (failed) {
            registry_cut(registry, before);
            return failed;
        }
    }
    return (int)(registry->count - before);
}

static bool has_module(const struct registry *registry, const void *handle)
{
    for (unsigned i = 0; i < registry->module_count; i++) {
        if (registry->modules[i] == handle)
            return true;
    }
    return false;
}

/* The module's function, if the very file has one: dlsym also looks into the libraries
 * that the file is linked to. */
static a6_module_function find_function(void *handle)
{
    struct link_map *wanted = NULL;
    void *found = NULL;
    void *symbol = dlsym(handle, A6_MODULE_SYMBOL);
    a6_module_function function;
    Dl_info info;

    if (!symbol || dlinfo(handle, RTLD_DI_LINKMAP, &wanted) != 0 ||
        dladdr1(symbol, &info, &found, RTLD_DL_LINKMAP) == 0 || found != wanted)
        return NULL;
    /* analyzer: dlsym has set it; gcc 12 does not know a pointer again in such a copy. */
    memcpy(&function, &symbol, sizeof(function));
    return function;
}

static int add_handle(struct registry *registry, void *handle, const char *file, char *error,
                      size_t size)
{
    a6_module_function function = find_function(handle);
    const a6_module *module;
    int failed;

    if (!function) {
        snprintf(error, size,
                 "%s is not a plugin: it does not export %s; a plugin includes <a6/plugin.h> and "
                 "has A6_REGISTER, a library that it needs belongs into another folder",
                 file, A6_MODULE_SYMBOL);
        return -ENOEXEC;
    }
    module = function();
    failed = check_module(module, file, error, size);
    if (failed)
        return failed;
    failed = add_module(registry, module, file, error, size);
    if (failed != 0)
        return failed < 0 ? failed : 0;
    snprintf(error, size, "%s has no plugin in it: A6_REGISTER(plugin) is missing", file);
    return -ENOEXEC;
}

int loader_file(struct registry *registry, const char *path, char *error, size_t size)
{
    char file[PATH_MAX];
    void **modules;
    void *handle;
    int failed;

    /* A name without a slash would be looked for in the system's library folders. */
    if (!realpath(path, file)) {
        failed = -errno;
        snprintf(error, size, "cannot open plugin %s: %s", path, strerror(-failed));
        return failed;
    }
    modules = realloc(registry->modules, (registry->module_count + 1) * sizeof(void *));
    if (!modules) {
        snprintf(error, size, "no memory to load %s", file);
        return -ENOMEM;
    }
    registry->modules = modules;
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        snprintf(error, size, "cannot load plugin %s: %s", file, why ? why : "unknown error");
        return -ENOEXEC;
    }
    if (has_module(registry, handle)) { /* named twice, perhaps through a link */
        dlclose(handle);
        return 0;
    }
    failed = add_handle(registry, handle, file, error, size);
    if (failed) {
        dlclose(handle);
        return failed;
    }
    modules[registry->module_count++] = handle;
    return 0;
}

static int is_plugin_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* the same order in every locale */
}

int loader_folder(struct registry *registry, const char *path, char *error, size_t size)
{
    struct dirent **entries;
    int failed = 0;
    int count = scandir(path, &entries, is_plugin_file, by_name);

    if (count < 0) {
        failed = -errno;
        snprintf(error, size, "cannot read plugin folder %s: %s", path, strerror(-failed));
        return failed;
    }
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        int len = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);

        if (!failed && (size_t)len >= sizeof(file)) {
            snprintf(error, size, "the path of plugin %s in %s is too long", entries[i]->d_name,
                     path);
            failed = -ENAMETOOLONG;
        }
        if (!failed)
            failed = loader_file(registry, file, error, size);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int loader_linked(struct registry *registry, char *error, size_t size)
{
    /* Weak, so this is the program's one even if we are in a shared library. */
    int added = add_module(registry, a6_module_get(), NULL, error, size);

    return added < 0 ? added : 0;
}

static int start_plugin(struct plugin *plugin, struct cells *cells, char *error, size_t size)
{
    struct env env;
    int failed = 0;

    env_init(&env, plugin, cells);
    inside_enter(plugin, INSIDE_INIT);
    if (plugin->about.init)
        failed = plugin->about.init(&env.base, &plugin->state);
    if (inside_forked)
        inside_end_child();
    if (failed >= 0) /* else it is left so, for whoever looks why there was no start */
        inside_leave();
    if (failed < 0)
        snprintf(error, size, "plugin %s (%s): init failed: %s", plugin->about.name,
                 plugin->file ? plugin->file : "linked in", env_reason(&env, failed));
    else
        plugin->initialized = true;
    env_free(&env, failed < 0);
    return failed < 0 ? failed : 0;
}

int loader_start(struct registry *registry, struct cells *cells, char *error, size_t size)
{
    for (unsigned i = 0; i < registry->count; i++) {
        struct plugin *plugin = registry->plugins[i];
        const char *version = plugin->about.version;
        int failed;

        if (plugin->initialized) /* by an earlier start: plugins were added since */
            continue;
        if (atomic_load(&plugin->quarantined)) {
            log_warn("plugin %s is not started: it is quarantined", plugin->about.name);
            continue;
        }
        failed = start_plugin(plugin, cells, error, size);
        if (failed)
            return failed;
        log_info("plugin %s%s%s (%s) is ready", plugin->about.name, version ? " " : "",
                 version ? version : "", plugin->file ? plugin->file : "linked in");
    }
    return 0;
}
