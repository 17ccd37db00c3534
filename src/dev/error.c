/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    /* cppcheck-suppress ctuuninitvar ; it is only written to. Seen with -j1 alone. */
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EINVAL;
}

int error_memory(struct error *error)
{
    (void)error_set(error, "out of memory");
    return -ENOMEM;
}

void error_within(struct error *error, const char *where)
{
    size_t len = strnlen(where, sizeof(error->text) / 4);
    size_t kept = sizeof(error->text) - len - 2;

    memmove(error->text + len + 2, error->text, kept);
    memcpy(error->text, where, len);
    memcpy(error->text + len, ": ", 2);
    error->text[sizeof(error->text) - 1] = '\0';
}
