/* SPDX-License-Identifier: Apache-2.0 */
/* The private working folder, which does not outlive its gateway. */
#ifndef DEV_FOLDER_H
#define DEV_FOLDER_H

#include <stddef.h>

#include "dev/error.h"

/* A new folder in $XDG_RUNTIME_DIR, or $TMPDIR, or /tmp; only for us. The path is short
 * enough for sockets in it. The descriptor of its lock, to be kept open as long as the folder
 * is used; or negative with the error set. */
int folder_make(char *path, size_t size, struct error *error);

/* Removes the folders beside this one whose gateways were killed: those of ours of which
 * nobody holds the lock, and those that have had none for a minute and nothing in them.
 * How many. */
unsigned folder_remove_dead(const char *path);

/* The folder and all in it; what is not there is no matter. */
void folder_remove(const char *path);

#endif
