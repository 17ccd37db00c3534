/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of http_args: what a gateway makes of a request that came in, before
 * it calls the runner. Only http_args uses it.
 */
#ifndef CLIENT_HTTP_TARGET_H
#define CLIENT_HTTP_TARGET_H

#include "client/http_args.h"

/*
 * Decodes path and args, lowers header names, adds host and content-length, and fills
 * the answers with bodies and variables. 0, -ENOMEM, -E2BIG (too many headers or args),
 * -EMSGSIZE (a body that no frame takes).
 */
int http_target_finish(struct http_args *http);

#endif
