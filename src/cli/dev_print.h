/* SPDX-License-Identifier: Apache-2.0 */
/* The same routes for APISIX itself. */
#ifndef CLI_DEV_PRINT_H
#define CLI_DEV_PRINT_H

#include "cli/dev_options.h"

/* Prints config.yaml and apisix.yaml. An exit status. */
int dev_print_apisix(const struct dev_options *options);

#endif
