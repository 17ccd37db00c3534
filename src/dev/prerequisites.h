/* SPDX-License-Identifier: Apache-2.0 */
/* What must be there before anything is started; each failure names its mend. */
#ifndef DEV_PREREQUISITES_H
#define DEV_PREREQUISITES_H

#include <stddef.h>

#include "dev/error.h"

/* nginx: the named program, or, with NULL, the one in PATH or where Debian has it. */
int prerequisites_nginx(const char *named, const char **program, struct error *error);

/* Its module: the named file, or, with NULL, the one that this program came with. */
int prerequisites_module(const char *named, char *path, size_t size, struct error *error);

/* Whether the port of 127.0.0.1 is free; option: with which another one is taken. */
int prerequisites_port(long port, const char *option, struct error *error);

#endif
