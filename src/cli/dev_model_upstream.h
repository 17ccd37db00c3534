/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an upstream. */
#ifndef CLI_DEV_MODEL_UPSTREAM_H
#define CLI_DEV_MODEL_UPSTREAM_H

#include "cli/dev_model.h"

int dev_model_upstream(struct dev_reader *reader, json_t *value, struct dev_upstream **upstream);

/* {"connect": seconds, "send": seconds, "read": seconds} */
int dev_model_timeout(struct dev_reader *reader, json_t *value, long *connect_ms, long *send_ms,
                      long *read_ms);

/* A name or address without a port; IPv6 in brackets. */
int dev_model_host(struct dev_reader *reader, const char *text);

#endif
