/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the installation's or the build's files are.
 *
 * Each is looked for beside this program, as in a build folder; then in the installation
 * that this program is in, wherever that was moved to; then below the configured prefix.
 */
#ifndef BASE_PLACES_H
#define BASE_PLACES_H

#include <stddef.h>

/* The folder of plugins that is used when none is named. Always terminated, with the
 * configured one when there is none; -ENAMETOOLONG. */
int places_plugin_dir(char *path, size_t size);

/* nginx's module; at last where Debian's nginx has its modules. -ENOENT. */
int places_nginx_module(char *path, size_t size);

/* c-runner, and c-runner-dev. -ENOENT; then the path is where it should have been. */
int places_runner(char *path, size_t size);
int places_dev(char *path, size_t size);

#endif
