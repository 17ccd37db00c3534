/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML and JSON as one kind of tree, jansson's, so that what reads it does not care in
 * which of the two it was written.
 *
 * The caller owns what is given. Plain scalars are what YAML 1.2's core schema makes of
 * them (null, true, 12, 1.5), quoted ones are strings. NULL with the error set for what
 * is neither, is larger than TREE_BYTES_MAX, or is nested too deeply.
 */
#ifndef DEV_TREE_H
#define DEV_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dev/error.h"

#define TREE_BYTES_MAX ((size_t)4 << 20)

/* An empty text is an empty object. */
json_t *tree_yaml(const char *text, size_t len, struct error *error);

json_t *tree_json(const char *text, size_t len, struct error *error);

/* A file: JSON when its name ends with .json, else YAML, with environment variables put in
 * (variables.h). needs_end: YAML must have the
 * line "#END" at its end, as the gateway's own route files do. Errors name the file. */
json_t *tree_file(const char *file, bool needs_end, struct error *error);

#endif
