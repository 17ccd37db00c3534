/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the installation's or the build's files are.
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include <stddef.h>

/*
 * The folder of plugins that is used when none is named: `plugins` beside the
 * program, as in a build folder; else the one of the installation that the program
 * is in, wherever that was moved to; else the one of the configured prefix. Always
 * terminated; -ENAMETOOLONG.
 */
int places_plugin_dir(char *path, size_t size);

/*
 * nginx's module: in `nginx` beside the program, as in a build folder; else below the
 * installation's lib/nginx/modules; else where Debian's nginx has its modules. -ENOENT
 * when it is in none of them.
 */
int places_nginx_module(char *path, size_t size);

#endif
