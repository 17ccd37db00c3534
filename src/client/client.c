/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/heap_out.h"

const char *client_error_name(uint8_t code)
{
    switch (code) {
    case MESSAGE_BAD_REQUEST:
        return "BAD_REQUEST";
    case MESSAGE_SERVICE_UNAVAILABLE:
        return "SERVICE_UNAVAILABLE";
    case MESSAGE_CONF_TOKEN_NOT_FOUND:
        return "CONF_TOKEN_NOT_FOUND";
    }
    return "unknown";
}

/* For a person. */
static const char *meaning_of(uint8_t code)
{
    switch (code) {
    case MESSAGE_BAD_REQUEST:
        return "the runner could not read the message; the client would get 503";
    case MESSAGE_SERVICE_UNAVAILABLE:
        return "a plugin failed, or the conf was refused: the runner's log says which and why; "
               "the client would get 503";
    case MESSAGE_CONF_TOKEN_NOT_FOUND:
        return "the runner does not know the conf's token; the gateway would prepare the conf "
               "again, three times in all, and then answer 503";
    }
    return "a code that the protocol does not have; the client would get 503";
}

__attribute__((format(printf, 3, 4))) static int fail(struct client *client, int status,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(client->error, sizeof(client->error), format, args);
    va_end(args);
    return status;
}

int client_parse_address(const char *text, struct sockaddr_un *address)
{
    if (strncmp(text, "unix:", 5) == 0)
        text += 5;
    if (*text == '\0')
        return -EINVAL;
    size_t len = strlen(text);
    if (len >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, text, len + 1);
    return 0;
}

int client_dial(const struct sockaddr_un *address, int timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status;

    if (fd < 0)
        return -errno;
    /* On a unix socket a connect that blocks waits for room in the backlog, for as
     * long as the send timeout says; one that does not block fails at once. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        status = errno == EAGAIN ? -ETIMEDOUT : -errno;
        close(fd);
        return status;
    }
    return fd;
}

int client_connect(struct client *client, const char *address, int timeout_ms,
                   const struct answers *answers)
{
    struct sockaddr_un where;
    int status;

    *client = (struct client){.fd = -1, .timeout_ms = timeout_ms, .answers = answers};
    stream_init(&client->stream);
    heap_out_init(&client->out);
    status = client_parse_address(address, &where);
    if (status < 0)
        return fail(client, status, "\"%.150s\" is no address: want unix:/path, at most %zu bytes",
                    address, sizeof(where.sun_path) - 1);
    client->fd = client_dial(&where, timeout_ms);
    if (client->fd < 0)
        return fail(
            client, client->fd, "cannot connect to %s: %s%s", where.sun_path, strerror(-client->fd),
            client->fd == -ECONNREFUSED || client->fd == -ENOENT ? "; is a runner running?" : "");
    return 0;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    stream_free(&client->stream);
    heap_out_free(&client->out);
}

/* Waits for the descriptor. 0, -ETIMEDOUT, -errno. */
static int wait_for(struct client *client, short events, uint64_t deadline)
{
    struct pollfd fd = {.fd = client->fd, .events = events};

    for (;;) {
        uint64_t now = clock_ms();
        int ready;

        if (now >= deadline)
            return -ETIMEDOUT;
        ready = poll(&fd, 1, (int)(deadline - now));
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

static int send_all(struct client *client, const uint8_t *data, size_t len, uint64_t deadline)
{
    while (len) {
        ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        int status;

        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            status = wait_for(client, POLLOUT, deadline);
            if (status < 0)
                return fail(client, status, "the runner does not take what is sent: %s",
                            strerror(-status));
        } else if (errno != EINTR) {
            return fail(client, -errno, "sending to the runner: %s", strerror(errno));
        }
    }
    return 0;
}

static int receive(struct client *client, struct frame *frame, uint64_t deadline)
{
    while (stream_next(&client->stream, frame) != 0) {
        int status = wait_for(client, POLLIN, deadline);

        if (status == -ETIMEDOUT)
            return fail(client, status, "no reply within %d ms", client->timeout_ms);
        if (status == 0)
            status = stream_receive(&client->stream, client->fd, NULL);
        if (status == STREAM_END)
            return fail(client, -ECONNRESET, "the runner closed the connection in the call");
        if (status < 0)
            return fail(client, status, "receiving from the runner: %s", strerror(-status));
    }
    return 0;
}

static int answer(struct client *client, struct answers_turn *turn, const struct frame *frame,
                  uint64_t deadline)
{
    struct message_extra_info question;
    struct answers_frame known;

    if (message_read_extra_info(frame->payload, frame->size, &question) < 0)
        return fail(client, -EBADMSG, "the runner asked with a malformed ExtraInfo");
    client->asked++;
    if (!client->answers)
        return fail(client, -ENOTSUP, "the runner asked for more where it must not");
    known = answers_find(client->answers, turn, &question);
    return send_all(client, known.data, known.len, deadline);
}

/* Sends what is in out; answers what is asked; gives the reply of the wanted type. */
static int exchange(struct client *client, enum frame_type type, struct frame *reply)
{
    struct answers_turn turn = {.response_phase = type == FRAME_HTTP_RESP_CALL};
    uint64_t deadline = clock_ms() + (uint64_t)client->timeout_ms;
    int status = send_all(client, client->out.data, client->out.len, deadline);

    client->asked = 0;
    while (status == 0) {
        status = receive(client, reply, deadline);
        if (status < 0)
            return status;
        if (reply->type == type)
            return 0;
        if (reply->type == FRAME_ERROR) {
            if (message_read_error(reply->payload, reply->size, &client->error_code) < 0)
                return fail(client, -EBADMSG, "the runner sent a malformed Error frame");
            return fail(client, CLIENT_ERROR_FRAME, "the runner answered %s (%u): %s",
                        client_error_name(client->error_code), client->error_code,
                        meaning_of(client->error_code));
        }
        if (reply->type != FRAME_EXTRA_INFO || type == FRAME_PREPARE_CONF)
            return fail(client, -EBADMSG, "the runner answered type %d with type %u", type,
                        reply->type);
        status = answer(client, &turn, reply, deadline);
    }
    return status;
}

static int too_large(struct client *client, int status)
{
    return fail(client, status, "the call cannot be written: %s", strerror(-status));
}

static int malformed(struct client *client)
{
    return fail(client, -EBADMSG, "the runner's reply is malformed");
}

int client_prepare_conf(struct client *client, struct wire_str key, struct wire_pairs confs,
                        uint32_t *token)
{
    struct frame reply;
    int status;

    client->out.len = 0;
    status = message_write_prepare_conf(&client->out, key, confs);
    if (status < 0)
        return too_large(client, status);
    status = exchange(client, FRAME_PREPARE_CONF, &reply);
    if (status != 0)
        return status;
    return message_read_prepare_conf_reply(reply.payload, reply.size, token) < 0 ? malformed(client)
                                                                                 : 0;
}

int client_http_req_call(struct client *client, const struct message_http_req_call_write *call,
                         struct message_http_req_reply_view *reply)
{
    struct frame frame;
    int status;

    client->out.len = 0;
    status = message_write_http_req_call(&client->out, call);
    if (status < 0)
        return too_large(client, status);
    status = exchange(client, FRAME_HTTP_REQ_CALL, &frame);
    if (status != 0)
        return status;
    return message_read_http_req_reply(frame.payload, frame.size, reply) < 0 ? malformed(client)
                                                                             : 0;
}

int client_http_resp_call(struct client *client, const struct message_http_resp_call_write *call,
                          struct message_http_resp_reply_view *reply)
{
    struct frame frame;
    int status;

    client->out.len = 0;
    status = message_write_http_resp_call(&client->out, call);
    if (status < 0)
        return too_large(client, status);
    status = exchange(client, FRAME_HTTP_RESP_CALL, &frame);
    if (status != 0)
        return status;
    return message_read_http_resp_reply(frame.payload, frame.size, reply) < 0 ? malformed(client)
                                                                              : 0;
}
