/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an upstream. */
#ifndef DEV_MODEL_UPSTREAM_H
#define DEV_MODEL_UPSTREAM_H

#include "dev/model.h"

int model_upstream(struct reader *reader, json_t *value, struct model_upstream **upstream);

/* {"connect": seconds, "send": seconds, "read": seconds} */
int model_timeout(struct reader *reader, json_t *value, long *connect_ms, long *send_ms,
                  long *read_ms);

/* A name or address without a port; IPv6 in brackets. */
int model_host(struct reader *reader, const char *text);

#endif
