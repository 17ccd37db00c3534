/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of nginx's log of errors, put into words that say what to do. */
#ifndef DEV_NGINX_ERRORS_H
#define DEV_NGINX_ERRORS_H

#include "dev/calls.h"

/* To the log, and to the page if it is an error. */
void nginx_errors_line(struct calls *calls, const char *line);

#endif
