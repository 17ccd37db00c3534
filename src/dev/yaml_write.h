/* SPDX-License-Identifier: Apache-2.0 */
/* Writes trees as YAML, in the form in which APISIX's files are usually written. */
#ifndef DEV_YAML_WRITE_H
#define DEV_YAML_WRITE_H

#include <jansson.h>
#include <stdio.h>

/* In double quotes, on the line. */
void yaml_write_text(FILE *to, const char *text);

/* The items of a list, two spaces in. */
void yaml_write_list(FILE *to, json_t *list);

#endif
