/* SPDX-License-Identifier: Apache-2.0 */
/* The same routes for APISIX itself. */
#ifndef DEV_PRINT_APISIX_H
#define DEV_PRINT_APISIX_H

#include "dev/options.h"

/* Prints config.yaml and apisix.yaml. An exit status. */
int print_apisix(const struct options *options);

#endif
