/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "dev/exchange.h"

/* More than a frame of the runner can have. */
#define BODY_MAX ((size_t)20 << 20)

static char too_large[] = "the upstream that echoes takes 20 MiB at most\n";

struct echo {
    struct MHD_Daemon *daemon;
};

static enum MHD_Result add_header(void *user, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct exchange *exchange = user;

    (void)kind;
    (void)buffer_printf(&exchange->text, "%s: %s\n", name, value ? value : "");
    return MHD_YES;
}

/* The target as it came: MHD gives the handler a decoded one without arguments. */
static void *keep_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = exchange_new(BODY_MAX);

    (void)user;
    (void)connection;
    if (exchange)
        (void)buffer_printf(&exchange->text, "%s", target);
    return exchange;
}

static void write_head(struct exchange *exchange, struct MHD_Connection *connection,
                       const char *method, const char *version)
{
    struct buffer target = exchange->text;

    buffer_init(&exchange->text, BODY_MAX);
    (void)buffer_printf(&exchange->text, "%s %.*s %s\n", method, (int)target.len,
                        target.data ? (const char *)target.data : "", version);
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, exchange);
    (void)buffer_printf(&exchange->text, "\n");
    buffer_free(&target);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **context)
{
    struct exchange *exchange = *context;
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)user;
    (void)url;
    if (!exchange)
        return MHD_NO;
    /* The first call of a request comes before its body. */
    if (!exchange->begun) {
        exchange->begun = true;
        write_head(exchange, connection, method, version);
        return MHD_YES;
    }
    if (*len > 0) {
        exchange_take(exchange, data, len);
        return MHD_YES;
    }
    response = exchange->too_large
                   ? MHD_create_response_from_buffer(sizeof(too_large) - 1, too_large,
                                                     MHD_RESPMEM_PERSISTENT)
                   : MHD_create_response_from_buffer(exchange->text.len, exchange->text.data,
                                                     MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    (void)MHD_add_response_header(response, "X-Upstream", "echo");
    result = MHD_queue_response(
        connection, exchange->too_large ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

struct echo *echo_start(long port, struct error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct echo *echo = calloc(1, sizeof(*echo));

    if (!echo) {
        (void)error_memory(error);
        return NULL;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    echo->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL, handle, echo,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_URI_LOG_CALLBACK, keep_target,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, NULL,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    if (!echo->daemon) {
        (void)error_set(error,
                        "port %ld, for the upstream that echoes, cannot be listened on: %s; take "
                        "another one with --echo=PORT",
                        port, strerror(errno));
        free(echo);
        return NULL;
    }
    return echo;
}

void echo_stop(struct echo *echo)
{
    if (!echo)
        return;
    MHD_stop_daemon(echo->daemon);
    free(echo);
}
