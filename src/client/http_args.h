/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that describe one HTTP request, and the upstream's response to it, as
 * `c-runner call`, `try` and `bench` take them, and what the gateway would know about
 * both. One thread.
 *
 *     struct http_args http;
 *
 *     http_args_init(&http);
 *     ... for each option: http_args_take(&http, option, value)
 *     http_args_finish(&http);
 *     ... use http.request, http.response, http.answers
 *     http_args_free(&http);
 */
#ifndef CLIENT_HTTP_ARGS_H
#define CLIENT_HTTP_ARGS_H

#include <getopt.h>
#include <stdbool.h>

#include "base/arena.h"
#include "client/answers.h"
#include "client/apply.h"

#define HTTP_ARGS_PAIRS_MAX 256
#define HTTP_ARGS_ERROR_SIZE 256

struct http_args {
    struct arena arena;
    struct wire_str source; /* 4 or 16 bytes */
    struct apply_request request;
    struct apply_response response;
    bool has_response;
    struct answers answers; /* variables and bodies, as frames */

    /* what was given so far */
    struct wire_pair headers[HTTP_ARGS_PAIRS_MAX];
    struct wire_pair response_headers[HTTP_ARGS_PAIRS_MAX];
    struct wire_pair variables[HTTP_ARGS_PAIRS_MAX];
    uint32_t header_count, response_header_count, variable_count;
    char error[HTTP_ARGS_ERROR_SIZE]; /* after a failure, terminated */
};

/* The values that getopt_long gives for the options; -H has its own letter. */
enum {
    HTTP_ARGS_HEADER = 'H',
    HTTP_ARGS_REQUEST = 0x1000,
    HTTP_ARGS_BODY,
    HTTP_ARGS_VAR,
    HTTP_ARGS_SRC,
    HTTP_ARGS_RESPONSE,
};

/* For a command's table of getopt_long, and "H:" for its short options. */
#define HTTP_ARGS_LONG                                                                             \
    {"request", required_argument, NULL, HTTP_ARGS_REQUEST},                                       \
        {"header", required_argument, NULL, HTTP_ARGS_HEADER},                                     \
        {"body", required_argument, NULL, HTTP_ARGS_BODY},                                         \
        {"var", required_argument, NULL, HTTP_ARGS_VAR},                                           \
        {"src", required_argument, NULL, HTTP_ARGS_SRC},                                           \
    {                                                                                              \
        "response", required_argument, NULL, HTTP_ARGS_RESPONSE                                    \
    }

/* For a command's help text. */
#define HTTP_ARGS_HELP                                                                             \
    "      --request 'METHOD /path?args'  the request line (default: GET /)\n"                     \
    "  -H, --header 'Name: value'         a header of the request (repeatable)\n"                  \
    "      --body FILE|TEXT               the request's body; @FILE: always a file, -: stdin\n"    \
    "      --var NAME=VALUE               what a variable is, asked for without '$' "              \
    "(repeatable)\n"                                                                               \
    "      --src ADDRESS                  the client's address (default: 127.0.0.1)\n"             \
    "      --response 'HTTP/1.1 200 OK'   run the response phase on this response of the\n"        \
    "                                     upstream; headers and, behind an empty line, the body\n" \
    "                                     follow on further lines or in further --response;\n"     \
    "                                     @FILE: from a file\n"

/* 0, -ENOMEM. http_args_free is due in any case. */
int http_args_init(struct http_args *http);
void http_args_free(struct http_args *http);

/* Takes one option's value, which is borrowed until http_args_free. 0, or -errno with
 * http->error; -EINVAL also for an option that is none of these. */
int http_args_take(struct http_args *http, int option, const char *value);

/* Puts everything together once all options are there, and adds what a gateway always
 * has: host, content-length, the usual variables. 0, or -errno with http->error. */
int http_args_finish(struct http_args *http);

/* TEXT|@FILE: the text itself, or the file's bytes; @-: what stdin has. -errno with
 * http->error. */
int http_args_load_text(struct http_args *http, const char *text, struct wire_str *bytes);

#endif
