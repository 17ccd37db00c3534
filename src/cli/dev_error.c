/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dev_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int dev_error(struct dev_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EINVAL;
}

int dev_error_memory(struct dev_error *error)
{
    (void)dev_error(error, "out of memory");
    return -ENOMEM;
}

void dev_error_within(struct dev_error *error, const char *where)
{
    size_t len = strnlen(where, sizeof(error->text) / 4);
    size_t kept = sizeof(error->text) - len - 2;

    memmove(error->text + len + 2, error->text, kept);
    memcpy(error->text, where, len);
    memcpy(error->text + len, ": ", 2);
    error->text[sizeof(error->text) - 1] = '\0';
}
