/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: YAML, one mapping of option names to values.
 *
 *     plugin-dir: [/opt/plugins, ./plugins]
 *     log-level: info
 *     deadline: 20s
 */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include <stddef.h>
#include <stdio.h>

#include <a6/runner.h>

#define CONFIG_FILE_BYTES_MAX (1 << 20)

/*
 * Sets what the file says. -errno when it cannot be read, -EINVAL when it is not such
 * a file, -ENOMEM; then the error is `file:line: what is wrong`.
 */
int config_file_load(a6_runner_config *config, const char *file, char *error, size_t size);

/* The same from memory; file is only for the error. */
int config_file_parse(a6_runner_config *config, const char *file, const char *text, size_t len,
                      char *error, size_t size);

#endif
