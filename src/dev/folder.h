/* SPDX-License-Identifier: Apache-2.0 */
/* The private working folder, which does not outlive its gateway. */
#ifndef DEV_FOLDER_H
#define DEV_FOLDER_H

#include <stddef.h>

#include "dev/error.h"

/* A new folder in $XDG_RUNTIME_DIR, or $TMPDIR, or /tmp; only for us. The path is short
 * enough for sockets in it. */
int folder_make(char *path, size_t size, struct error *error);

/* The folder and all in it; what is not there is no matter. */
void folder_remove(const char *path);

#endif
