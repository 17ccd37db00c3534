/* SPDX-License-Identifier: Apache-2.0 */
/* Writes trees as YAML, in the form in which APISIX's files are usually written. */
#ifndef CLI_DEV_YAML_H
#define CLI_DEV_YAML_H

#include <jansson.h>
#include <stdio.h>

/* In double quotes, on the line. */
void dev_yaml_text(FILE *to, const char *text);

/* The items of a list, two spaces in. */
void dev_yaml_list(FILE *to, json_t *list);

#endif
