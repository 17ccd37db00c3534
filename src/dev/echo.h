/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream to try plugins with: it answers every request with the request itself, as
 * text. A thread of its own; on loopback.
 */
#ifndef DEV_ECHO_H
#define DEV_ECHO_H

#include "dev/error.h"

struct echo;

/* NULL with the error. */
struct echo *echo_start(long port, struct error *error);

/* NULL: nothing. */
void echo_stop(struct echo *echo);

#endif
