/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/nginx_errors.h"

#include <stdio.h>
#include <string.h>

#include "dev/console.h"

/* What nginx says of an upstream, and what that means for a developer. */
static const struct {
    const char *said;
    const char *means;
} troubles[] = {
    {"Connection refused", "refuses connections: start it, or correct its address in the route "
                           "(`c-runner dev --echo` has one to try with)"},
    {"upstream timed out", "does not answer in time: look at it, or raise the timeout of the route "
                           "or upstream"},
    {"prematurely closed connection", "has closed the connection before it answered: look at its "
                                      "own log"},
    {"Connection reset by peer", "has reset the connection: look at its own log"},
    {"SSL_do_handshake() failed", "does not speak TLS as it should: is it an upstream for the "
                                  "scheme https, and is its port right?"},
    {"upstream sent no valid HTTP", "does not answer in HTTP: is its port right, and is its scheme "
                                    "https?"},
    {"No route to host", "cannot be reached: correct its address in the route"},
    {"Network is unreachable", "cannot be reached: correct its address in the route"},
};

/* Scheme, host and port of `upstream: "http://127.0.0.1:1980/path"`; false without one. */
static bool find_upstream(const char *line, char *upstream, size_t size)
{
    const char *at = strstr(line, "upstream: \""), *host;

    if (!at)
        return false;
    at += strlen("upstream: \"");
    host = strstr(at, "://");
    host = host ? host + 3 : at;
    snprintf(upstream, size, "%.*s", (int)(host - at + (long)strcspn(host, "/\"")), at);
    return true;
}

/* "2026/01/31 12:00:00 [error] 12#12: *3 text, client: ..., server: ..., request: ..." */
static const char *find_text(const char *line, int *len)
{
    const char *text = strstr(line, "] "), *end;

    text = text ? strstr(text, ": ") : NULL;
    text = text ? text + 2 : line;
    if (*text == '*')
        text += strcspn(text, " ");
    text += strspn(text, " ");
    end = strstr(text, ", client: ");
    *len = end ? (int)(end - text) : (int)strlen(text);
    return text;
}

static bool is_error(const char *line)
{
    return strstr(line, "[error]") || strstr(line, "[crit]") || strstr(line, "[alert]") ||
           strstr(line, "[emerg]");
}

void nginx_errors_line(struct calls *calls, const char *line)
{
    int len;
    const char *text = find_text(line, &len);
    char upstream[200];

    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        if (strstr(line, troubles[i].said) && find_upstream(line, upstream, sizeof(upstream))) {
            calls_problem(calls, "gateway", "the upstream %s %s", upstream, troubles[i].means);
            return;
        }
    }
    /* The runner has said why, and the request's line has it too. */
    if (strncmp(text, "ext_plugin_", 11) == 0 && strstr(text, " answered "))
        console_line(CONSOLE_DIM, "nginx", "%.*s", len, text);
    else if (is_error(line))
        calls_problem(calls, "nginx", "%.*s", len, text);
    else
        console_line(CONSOLE_WARN, "nginx", "%.*s", len, text);
}
