/* SPDX-License-Identifier: Apache-2.0 */
#include "client/method.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {
    "GET",     "HEAD",     "POST",      "PUT",  "DELETE", "MKCOL", "COPY",  "MOVE",
    "OPTIONS", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "PATCH", "TRACE",
};

#define COUNT (sizeof(names) / sizeof(names[0]))

const char *method_name(uint8_t method)
{
    return method < COUNT ? names[method] : "?";
}

int method_find(const char *name, size_t len, uint8_t *method)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            *method = (uint8_t)i;
            return 0;
        }
    }
    return -ENOENT;
}
