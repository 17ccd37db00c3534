/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/address.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct addrinfo *choose(const struct addrinfo *found)
{
    const struct addrinfo *at = found;

    while (at && at->ai_family != AF_INET)
        at = at->ai_next;
    return at ? at : found;
}

int address_find(const char *host, char address[ADDRESS_MAX], struct error *error)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const struct addrinfo *chosen;
    char name[256], text[INET6_ADDRSTRLEN];
    size_t len = strlen(host);
    bool brackets = *host == '[' && host[len - 1] == ']';
    int problem;

    snprintf(name, sizeof(name), "%.*s", (int)(brackets ? len - 2 : len), host + brackets);
    problem = getaddrinfo(name, NULL, &wanted, &found);
    if (problem)
        return error_set(error, "host not found in upstream: '%s': %s", host,
                         gai_strerror(problem));
    chosen = choose(found);
    problem = getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof(text), NULL, 0,
                          NI_NUMERICHOST);
    if (!problem)
        snprintf(address, ADDRESS_MAX, chosen->ai_family == AF_INET6 ? "[%s]" : "%s", text);
    freeaddrinfo(found);
    return problem ? error_set(error, "host '%s' of an upstream: %s", host, gai_strerror(problem))
                   : 0;
}
