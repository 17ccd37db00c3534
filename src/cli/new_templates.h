/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of templates/, built into the program. In names "NAME", and in texts @NAME@,
 * stands for the plugin's name; @IDENT@ is the name as an identifier.
 */
#ifndef CLI_NEW_TEMPLATES_H
#define CLI_NEW_TEMPLATES_H

#include <stddef.h>

struct new_template {
    const char *language; /* "c", "cpp", "rust"; NULL ends the list */
    const char *name;     /* of the file, without a folder; "gitignore" gets its dot */
    const char *text;
    size_t len;
};

extern const struct new_template new_templates[];

#endif
