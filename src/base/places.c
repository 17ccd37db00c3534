/* SPDX-License-Identifier: Apache-2.0 */
#include "base/places.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The build gives the prefix, and the folders below it. */
#define OWN "apisix-c-plugin-runner"
#define PLUGINS PLACES_LIBDIR "/" OWN "/plugins"
#define HELPERS PLACES_LIBEXECDIR "/" OWN
#define NGINX_MODULE "ngx_http_ext_plugin_module.so"
#define NGINX_MODULES "lib/nginx/modules/" NGINX_MODULE

struct place {
    const char *built;     /* below the folder of a build */
    const char *installed; /* below a prefix */
};

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0 && !is_folder(path);
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

/* Takes "/bin" or the folder of helpers off a path; false when it ends with neither. */
static bool cut_to_prefix(char *folder)
{
    static const char *const ends[] = {"/" PLACES_BINDIR, "/" HELPERS};
    size_t len = strlen(folder);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (len >= end && strcmp(folder + len - end, ends[i]) == 0) {
            folder[len - end] = '\0';
            return true;
        }
    }
    return false;
}

static bool format_path(char *path, size_t size, const char *folder, const char *below)
{
    int len = snprintf(path, size, "%s/%s", folder, below);

    return len >= 0 && (size_t)len < size;
}

/* 0; -ENOENT with the path of the configured prefix; -ENAMETOOLONG. */
static int find(const struct place *place, bool (*is)(const char *path), char *path, size_t size)
{
    char folder[PATH_MAX];

    if (own_folder(folder, sizeof(folder))) {
        if (format_path(path, size, folder, place->built) && is(path))
            return 0;
        if (cut_to_prefix(folder) && format_path(path, size, folder, place->installed) && is(path))
            return 0;
    }
    if (!format_path(path, size, PLACES_PREFIX, place->installed))
        return -ENAMETOOLONG;
    return is(path) ? 0 : -ENOENT;
}

int places_plugin_dir(char *path, size_t size)
{
    static const struct place place = {"plugins", PLUGINS};
    int result = find(&place, is_folder, path, size);

    return result == -ENOENT ? 0 : result;
}

int places_nginx_module(char *path, size_t size)
{
    static const struct place place = {"nginx/" NGINX_MODULE, NGINX_MODULES};
    int result = find(&place, is_readable, path, size);

    if (result == -ENOENT && format_path(path, size, "/usr", NGINX_MODULES) && is_readable(path))
        return 0;
    return result;
}

int places_runner(char *path, size_t size)
{
    static const struct place place = {"c-runner", PLACES_BINDIR "/c-runner"};

    return find(&place, is_program, path, size);
}

int places_dev(char *path, size_t size)
{
    static const struct place place = {"c-runner-dev", HELPERS "/c-runner-dev"};

    return find(&place, is_program, path, size);
}
