/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the upstream and the client see after a call: in HTTP form for a person,
 * with a mark before every line ('+' added, '-' deleted, '~' changed), or as JSON.
 */
#ifndef CLI_HTTP_TEXT_H
#define CLI_HTTP_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "client/apply.h"

/* Whether a stream takes colours: a terminal, and NO_COLOR is not set. */
bool http_text_colour(FILE *to);

/* request: for the method, which no reply changes. */
void http_text_print(FILE *to, const struct apply_request *request,
                     const struct apply_outcome *outcome, bool colour);

/* One object on one line. Bytes that are not UTF-8 become U+FFFD in texts; a body that
 * is not UTF-8 is given as "body_base64" instead of "body". */
void http_text_print_json(FILE *to, const struct apply_request *request,
                          const struct apply_outcome *outcome);

#endif
