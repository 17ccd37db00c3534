/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options as text: numbers with units, choices, switches.
 */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

/*
 * The number that the text means for an option of any type but text, address and
 * paths, within its limits. -EINVAL, and the error says what is wrong and what is right.
 */
int config_value_parse(const struct config_option *option, const char *text, uint64_t *value,
                       char *error, size_t size);

/* Checks "unix:/path". -EINVAL, and the error says what is wrong. */
int config_value_check_address(const char *text, char *error, size_t size);

#endif
