/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings plugins into a registry: from shared objects, from folders of them, and
 * those linked into the program. Checks the ABI version before anything else is
 * read. One thread, before others exist.
 *
 * All: 0, or -errno with an error text that names the files concerned, what is wrong
 * and what to do.
 */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "plugin/registry.h"

#define LOADER_ERROR_SIZE 1024

/* Every plugin of one shared object. -ENOEXEC: not a shared object or not a plugin;
 * -EPROTO: built for another ABI; -EEXIST: a name is taken. */
int loader_file(struct registry *registry, const char *path, char *error, size_t size);

/* Every *.so of the folder, by name. */
int loader_folder(struct registry *registry, const char *path, char *error, size_t size);

/* What A6_REGISTER put into this program. */
int loader_linked(struct registry *registry, char *error, size_t size);

/* Calls the init of each plugin that has not been started yet. Logs which. */
struct cells;
int loader_start(struct registry *registry, struct cells *cells, char *error, size_t size);

#endif
