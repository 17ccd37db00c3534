/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream to try plugins with: it answers every request with the request itself, as
 * text. A thread of its own; on loopback.
 */
#ifndef CLI_DEV_ECHO_H
#define CLI_DEV_ECHO_H

#include "cli/dev_error.h"

struct dev_echo;

/* NULL with the error. */
struct dev_echo *dev_echo_start(long port, struct dev_error *error);

/* NULL: nothing. */
void dev_echo_stop(struct dev_echo *echo);

#endif
