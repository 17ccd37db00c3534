/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request while its body comes, as the context of libmicrohttpd's callbacks. */
#ifndef DEV_EXCHANGE_H
#define DEV_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/buffer.h"

struct exchange {
    struct buffer text;
    bool begun;     /* the echo's handler has been called once, before the body */
    bool too_large; /* some of it did not fit the buffer */
};

/* NULL without memory. */
struct exchange *exchange_new(size_t max);

/* A part of the body, all of which is taken: *len becomes 0, as libmicrohttpd wants it. */
void exchange_take(struct exchange *exchange, const char *data, size_t *len);

/* MHD_OPTION_NOTIFY_COMPLETED: frees it. */
void exchange_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code);

#endif
