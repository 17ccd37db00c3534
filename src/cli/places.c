/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Both from the build: the prefix, and the folder of libraries below it. */
#define PLUGINS PLACES_LIBDIR "/apisix-c-plugin-runner/plugins"

#define NGINX_MODULE "ngx_http_ext_plugin_module.so"

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The folder of this program, or false when /proc does not say. */
static bool own_folder(char *path, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    if (len < 0)
        return false;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

static bool format_path(char *path, size_t size, const char *folder, const char *below)
{
    int len = snprintf(path, size, "%s/%s", folder, below);

    return len >= 0 && (size_t)len < size;
}

int places_plugin_dir(char *path, size_t size)
{
    char folder[PATH_MAX];

    if (own_folder(folder, sizeof(folder))) {
        if (format_path(path, size, folder, "plugins") && is_folder(path))
            return 0;
        if (format_path(path, size, folder, "../" PLUGINS) && is_folder(path))
            return 0;
    }
    return format_path(path, size, PLACES_PREFIX, PLUGINS) ? 0 : -ENAMETOOLONG;
}

int places_nginx_module(char *path, size_t size)
{
    static const char *const below[] = {"nginx/" NGINX_MODULE,
                                        "../lib/nginx/modules/" NGINX_MODULE};
    static const char *const fixed[] = {PLACES_PREFIX "/lib/nginx/modules/" NGINX_MODULE,
                                        "/usr/lib/nginx/modules/" NGINX_MODULE};
    char folder[PATH_MAX];
    bool own = own_folder(folder, sizeof(folder));

    for (size_t i = 0; own && i < 2; i++) {
        if (format_path(path, size, folder, below[i]) && access(path, R_OK) == 0)
            return 0;
    }
    for (size_t i = 0; i < 2; i++) {
        if (snprintf(path, size, "%s", fixed[i]) < (int)size && access(path, R_OK) == 0)
            return 0;
    }
    return -ENOENT;
}
