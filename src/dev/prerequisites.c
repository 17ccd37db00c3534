/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/prerequisites.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/places.h"

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    char candidate[PATH_MAX];

    while (path && *path) {
        size_t len = strcspn(path, ":");
        snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)len, path, name);
        if (access(candidate, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

int prerequisites_nginx(const char *named, const char **program, struct error *error)
{
    /* Where it is, and where PATH does not lead everybody. */
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/local/sbin/nginx", NULL};

    *program = named ? named : "nginx";
    if (strchr(*program, '/') ? access(*program, X_OK) == 0 : in_path(*program))
        return 0;
    for (size_t i = 0; !named && places[i]; i++) {
        *program = places[i];
        if (access(places[i], X_OK) == 0)
            return 0;
    }
    return error_set(error,
                     "there is no %s; on Debian: apt-get install nginx, or name the program with "
                     "--nginx",
                     named ? named : "nginx");
}

int prerequisites_module(const char *named, char *path, size_t size, struct error *error)
{
    char real[PATH_MAX];

    if (!named) {
        if (places_nginx_module(path, size) == 0)
            return 0;
        return error_set(error, "nginx's module, ngx_http_ext_plugin_module.so, is not there; "
                                "`make` builds it when the package nginx-dev is installed, or "
                                "name it with --nginx-module");
    }
    /* nginx takes a relative path for one below its own folder. */
    if (!realpath(named, real))
        return error_set(error, "--nginx-module %s: %s", named, strerror(errno));
    if (snprintf(path, size, "%s", real) >= (int)size)
        return error_set(error, "--nginx-module %s: %s", named, strerror(ENAMETOOLONG));
    return 0;
}

int prerequisites_port(long port, const char *option, struct error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, problem = 0;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        problem = errno;
    if (fd >= 0)
        close(fd);
    if (problem == EADDRINUSE)
        return error_set(error,
                         "port %ld is in use by another process; end that, or take another port "
                         "with %s",
                         port, option);
    return problem ? error_set(error, "port %ld: %s; take another one with %s", port,
                               strerror(problem), option)
                   : 0;
}
