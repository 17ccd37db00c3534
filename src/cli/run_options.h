/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner's options from all their sources, for every command that starts one.
 *
 * A flag is stronger than the environment, which is stronger than the file, which is
 * stronger than the default. A list from a stronger source replaces the weaker one's.
 */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include <stddef.h>

#include <a6/runner.h>

#define RUN_OPTIONS_ERROR_MAX 512

/*
 * Makes the config from argv (which is borrowed; argv[0] is skipped), the environment
 * and the file that either names, on top of the defaults. -EINVAL, -ENOMEM, or -errno
 * of the file, with the error's text. The config is to be freed in any case.
 */
int run_options_load(a6_runner_config *config, int argc, char **argv, char *error, size_t size);

#endif
