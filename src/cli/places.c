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
