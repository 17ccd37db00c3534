/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's side of calls, one at a time, blocking: for `c-runner call` and tests.
 *
 * Views in replies are valid until the client's next use. One thread at a time.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdint.h>
#include <sys/un.h>

#include "client/answers.h"
#include "client/stream.h"
#include "wire/message.h"

#define CLIENT_ERROR_SIZE 256

struct client {
    int fd;
    int timeout_ms; /* for each connect, and for each call as a whole */
    struct stream stream;
    struct wire_out out;
    const struct answers *answers; /* NULL: a runner that asks fails the call */
    uint32_t asked;                /* questions of the last call */
    uint8_t error_code;            /* after CLIENT_ERROR_FRAME: an enum message_error or another */
    char error[CLIENT_ERROR_SIZE]; /* after any failure: what happened, terminated */
};

/* What a call gives besides 0 and -errno: the runner answered with an Error frame. */
enum { CLIENT_ERROR_FRAME = 1 };

/* "unix:/path" or "/path". -EINVAL, -ENAMETOOLONG. */
int client_parse_address(const char *text, struct sockaddr_un *address);

/* A connected descriptor, close-on-exec, blocking; or -errno. Waits while the
 * runner's backlog is full, for timeout_ms. */
int client_dial(const struct sockaddr_un *address, int timeout_ms);

/* answers is borrowed. 0, -errno. client_close is due in any case. */
int client_connect(struct client *client, const char *address, int timeout_ms,
                   const struct answers *answers);
void client_close(struct client *client);

/* All: 0, CLIENT_ERROR_FRAME, -errno. After a failure the connection is of no use
 * any more, as the gateway has it. -EBADMSG: the runner broke the protocol. */
int client_prepare_conf(struct client *client, struct wire_str key, struct wire_pairs confs,
                        uint32_t *token);
int client_http_req_call(struct client *client, const struct message_http_req_call_write *call,
                         struct message_http_req_reply_view *reply);
int client_http_resp_call(struct client *client, const struct message_http_resp_call_write *call,
                          struct message_http_resp_reply_view *reply);

/* "BAD_REQUEST" and so on. */
const char *client_error_name(uint8_t code);

#endif
