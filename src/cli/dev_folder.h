/* SPDX-License-Identifier: Apache-2.0 */
/* The private working folder, which does not outlive its gateway. */
#ifndef CLI_DEV_FOLDER_H
#define CLI_DEV_FOLDER_H

#include <stddef.h>

#include "cli/dev_error.h"

/* A new folder in $XDG_RUNTIME_DIR, or $TMPDIR, or /tmp; only for us. The path is short
 * enough for sockets in it. */
int dev_folder_make(char *path, size_t size, struct dev_error *error);

/* The folder and all in it; what is not there is no matter. */
void dev_folder_remove(const char *path);

#endif
