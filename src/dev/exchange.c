/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/exchange.h"

#include <stdlib.h>

struct exchange *exchange_new(size_t max)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange)
        buffer_init(&exchange->text, max);
    return exchange;
}

void exchange_take(struct exchange *exchange, const char *data, size_t *len)
{
    if (buffer_append(&exchange->text, data, *len) < 0)
        exchange->too_large = true;
    *len = 0;
}

void exchange_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *context;

    (void)user;
    (void)connection;
    (void)code;
    if (exchange)
        buffer_free(&exchange->text);
    free(exchange);
    *context = NULL;
}
