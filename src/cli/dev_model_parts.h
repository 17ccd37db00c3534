/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what routes, services and global rules share: plugins and vars. */
#ifndef CLI_DEV_MODEL_PARTS_H
#define CLI_DEV_MODEL_PARTS_H

#include "cli/dev_model.h"

/* The object `plugins`, into DEV_PHASES chains. */
int dev_model_plugins(struct dev_reader *reader, json_t *value, struct dev_chain *chains);

/* The list `vars`: [["arg_a", "==", "1"], ...]; all must hold. */
int dev_model_vars(struct dev_reader *reader, json_t *value, struct dev_var **vars, size_t *count);

#endif
