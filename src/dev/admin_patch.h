/* SPDX-License-Identifier: Apache-2.0 */
/* What PATCH makes of an object. */
#ifndef DEV_ADMIN_PATCH_H
#define DEV_ADMIN_PATCH_H

#include <jansson.h>

#include "dev/error.h"

/*
 * The object with `by` merged in: objects member by member, everything else replaced,
 * null deletes. With a sub path ("plugins/ext-plugin-pre-req", "uris/0") the value there
 * is replaced by `by`, or deleted by null; what is not there on the way is made. NULL
 * with the error; else the caller's.
 */
json_t *admin_patch(const json_t *object, const char *sub_path, json_t *by, struct error *error);

#endif
