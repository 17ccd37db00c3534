/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "dev/events.h"
#include "dev/exchange.h"
#include "dev/page.h"

struct http {
    struct site *site;
    struct MHD_Daemon *daemon;
    struct events *events;
};

/* Nothing but what is in the page itself, and only we are asked. */
static const char page_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'";

/* Takes the text over. header, value: one header more, or NULL. */
static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *type, char *text, const char *header,
                                 const char *value)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        text ? strlen(text) : 0, text ? text : "", MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    free(text);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (header)
        (void)MHD_add_response_header(response, header, value);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Takes the value over. */
static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    size_t len = text ? strlen(text) : 0;
    char *line = realloc(text, len + 2);

    json_decref(value);
    if (line) {
        memcpy(line + len, "\n", 2);
        text = line;
    }
    return send_text(connection, status, "application/json", text, "X-API-VERSION", "v3");
}

/* A page of elsewhere must not look in here under a name that it made point to us. */
static bool is_own_host(struct MHD_Connection *connection)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    size_t len;

    if (!host)
        return true;
    len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return (len == 9 && strncmp(host, "localhost", 9) == 0) || strncmp(host, "127.", 4) == 0 ||
           (len == 5 && strncmp(host, "[::1]", 5) == 0);
}

static enum MHD_Result serve_page(struct http *http, struct MHD_Connection *connection,
                                  const char *url)
{
    if (!is_own_host(connection))
        return send_text(connection, 403, "text/plain",
                         strdup("This page is for localhost only.\n"), NULL, NULL);
    if (strcmp(url, "/_dev/") == 0)
        return send_text(connection, 200, "text/html; charset=utf-8", strdup(page_html),
                         "Content-Security-Policy", page_policy);
    if (strcmp(url, "/_dev/state") == 0)
        return send_json(connection, 200, page_state(http->site));
    if (strcmp(url, "/_dev/events") == 0)
        return events_open(http->events, connection);
    return send_json(connection, 404, json_pack("{ss}", "error_msg", "404 Route Not Found"));
}

static const char *argument(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* In the gateway's order. */
static const char *find_key(struct MHD_Connection *connection)
{
    const char *key = argument(connection, "api_key");

    if (!key)
        key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-KEY");
    if (!key)
        key = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, "x_api_key");
    return key;
}

static enum MHD_Result serve_admin(struct http *http, struct MHD_Connection *connection,
                                   const char *url, const char *method,
                                   const struct exchange *exchange)
{
    struct admin_request request = {
        .method = method,
        .path = url,
        .key = find_key(connection),
        .ttl = argument(connection, "ttl"),
        .list = {.name = argument(connection, "name"),
                 .uri = argument(connection, "uri"),
                 .label = argument(connection, "label"),
                 .page = argument(connection, "page"),
                 .page_size = argument(connection, "page_size")},
        .body = (const char *)exchange->text.data,
        .body_len = exchange->text.len,
    };
    json_t *answer = NULL;
    int status;

    if (exchange->too_large)
        return send_json(
            connection, 400,
            json_pack("{ss}", "error_msg", "invalid request body: it is larger than 1.5 MiB"));
    status = admin_handle(&http->site->admin, &request, &answer);
    return send_json(connection, (unsigned)status, answer);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **context)
{
    struct http *http = user;
    struct exchange *exchange = *context;

    (void)version;
    if (!exchange) {
        *context = exchange_new(ADMIN_BODY_MAX);
        return *context ? MHD_YES : MHD_NO;
    }
    if (*len > 0) {
        exchange_take(exchange, data, len);
        return MHD_YES;
    }
    if (strncmp(url, "/apisix/admin/", 14) == 0)
        return serve_admin(http, connection, url, method, exchange);
    if (strncmp(url, "/_dev/", 6) == 0 && strcmp(method, "GET") == 0)
        return serve_page(http, connection, url);
    return send_json(connection, 404, json_pack("{ss}", "error_msg", "404 Route Not Found"));
}

struct http *http_start(struct site *site, long port, struct error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct http *http = calloc(1, sizeof(*http));

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (http)
        http->events = events_new();
    if (!http || !http->events) {
        free(http);
        (void)error_memory(error);
        return NULL;
    }
    http->site = site;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, (uint16_t)port, NULL, NULL, handle, http,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_completed, NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    if (!http->daemon) {
        (void)error_set(error, "port %ld cannot be listened on: %s", port, strerror(errno));
        events_free(http->events);
        free(http);
        return NULL;
    }
    return http;
}

int http_descriptor(const struct http *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_wait(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(http->daemon, &ms) == MHD_YES && ms < 60000 ? (int)ms : 60000;
}

void http_run(struct http *http)
{
    (void)MHD_run(http->daemon);
}

void http_event(struct http *http, const char *name, json_t *data)
{
    events_send(http->events, name, data);
}

void http_end_events(struct http *http)
{
    /* Not run here: this may be within an answer. */
    events_end(http->events);
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    http_end_events(http);
    (void)MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    events_free(http->events);
    free(http);
}
