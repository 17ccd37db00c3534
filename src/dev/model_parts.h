/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what routes, services and global rules share: plugins and vars. */
#ifndef DEV_MODEL_PARTS_H
#define DEV_MODEL_PARTS_H

#include "dev/model.h"

/* The object `plugins`, into PHASES chains. */
int model_plugins(struct reader *reader, json_t *value, struct model_chain *chains);

/* The list `vars`: [["arg_a", "==", "1"], ...]; all must hold. */
int model_vars(struct reader *reader, json_t *value, struct model_var **vars, size_t *count);

#endif
