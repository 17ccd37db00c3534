/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of an upstream's node. nginx would take each address of a name for a node of
 * its own: `localhost` is ::1 as well as 127.0.0.1 in most systems, and every second
 * request would go to where nobody listens.
 */
#ifndef DEV_ADDRESS_H
#define DEV_ADDRESS_H

#include <arpa/inet.h>

#include "dev/error.h"

/* With the brackets of IPv6. */
#define ADDRESS_MAX (INET6_ADDRSTRLEN + 2)

/* The first IPv4 address of a name, else its first IPv6 address; an address is its own.
 * May wait for the resolver. 0, or -EINVAL with the error set. */
int address_find(const char *host, char address[ADDRESS_MAX], struct error *error);

#endif
