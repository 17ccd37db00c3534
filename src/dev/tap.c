/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/tap.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "dev/console.h"
#include "dev/tap_call.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/out.h"

#define BACKLOG 511
#define FRAME_MAX ((size_t)FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)
#define REQUEST_ID_MAX 64

struct tap_connection {
    struct tap *tap;
    int nginx;
    int runner;
    struct buffer frame; /* the last that came */
    struct buffer kept;  /* a call's, while its answer is awaited */
    struct tap_connection *next;
};

/* ---- bytes ---- */

/* 0, or negative at the end of the connection. */
static int receive(int fd, struct buffer *frame)
{
    struct frame parsed;
    int need;

    frame->len = 0;
    while ((need = frame_parse(frame->data, frame->len, &parsed)) != 0) {
        size_t whole = FRAME_HEADER_SIZE + (need == FRAME_NEED_PAYLOAD ? parsed.size : 0);
        ssize_t got;

        if (buffer_reserve(frame, whole - frame->len) < 0)
            return -ENOMEM;
        got = recv(fd, frame->data + frame->len, whole - frame->len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EPIPE;
        frame->len += (size_t)got;
    }
    return 0;
}

static int transmit(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -EPIPE;
        at += sent;
        len -= (size_t)sent;
    }
    return 0;
}

static struct frame view(const struct buffer *buffer)
{
    struct frame frame = {0};

    (void)frame_parse(buffer->data, buffer->len, &frame);
    return frame;
}

/* ---- one exchange ---- */

/* Asks nginx for the id by which its log knows the request. */
static int ask_request_id(struct tap_connection *connection, char *id, size_t size)
{
    static const struct wire_str name = {.data = "request_id", .len = 10};
    struct message_extra_info_reply reply;
    struct buffer answer;
    uint8_t room[256];
    struct wire_out out = {.data = room, .capacity = sizeof(room), .tail_from = SIZE_MAX};
    struct frame frame;
    int result;

    *id = '\0';
    buffer_init(&answer, FRAME_MAX);
    result = message_write_extra_info(&out, MESSAGE_INFO_VAR, name);
    if (result == 0)
        result = transmit(connection->nginx, out.data, out.len);
    if (result == 0)
        result = receive(connection->nginx, &answer);
    if (result == 0) {
        frame = view(&answer);
        if (frame.type == FRAME_EXTRA_INFO &&
            message_read_extra_info_reply(frame.payload, frame.size, &reply) == 0)
            snprintf(id, size, "%.*s", (int)reply.result.len,
                     reply.result.data ? reply.result.data : "");
    }
    buffer_free(&answer);
    return result;
}

static json_t *find_token(struct tap *tap, uint32_t token)
{
    char name[16];
    json_t *conf;

    snprintf(name, sizeof(name), "%u", token);
    pthread_mutex_lock(&tap->lock);
    /* A copy: counting references from several threads is not for all compilers atomic. */
    conf = json_deep_copy(json_object_get(tap->tokens, name));
    pthread_mutex_unlock(&tap->lock);
    return conf;
}

/* Takes the conf over. */
static void keep_token(struct tap *tap, uint32_t token, json_t *conf)
{
    char name[16];

    snprintf(name, sizeof(name), "%u", token);
    pthread_mutex_lock(&tap->lock);
    if (json_object_size(tap->tokens) > 10000)
        json_object_clear(tap->tokens);
    (void)json_object_set_new(tap->tokens, name, conf);
    pthread_mutex_unlock(&tap->lock);
}

static void note_prepared(struct tap *tap, const struct frame *asked, const struct frame *answered)
{
    json_t *conf = tap_call_conf(asked);
    uint32_t token;

    if (conf && answered->type == FRAME_PREPARE_CONF &&
        message_read_prepare_conf_reply(answered->payload, answered->size, &token) == 0)
        keep_token(tap, token, conf);
    else
        json_decref(conf);
}

/* The conf is not there any more: nginx prepares it anew and calls again. */
static bool is_token_lost(const struct frame *answered)
{
    uint8_t code;

    return answered->type == FRAME_ERROR &&
           message_read_error(answered->payload, answered->size, &code) == 0 &&
           code == MESSAGE_CONF_TOKEN_NOT_FOUND;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What the runner asks goes to nginx and the answer back, until the runner has decided. */
static int relay_answers(struct tap_connection *connection, json_t *call)
{
    struct frame frame;
    int result;

    for (;;) {
        result = receive(connection->runner, &connection->frame);
        if (result < 0)
            return result;
        frame = view(&connection->frame);
        if (frame.type != FRAME_EXTRA_INFO)
            return 0;
        tap_call_asked(call, &frame);
        result = transmit(connection->nginx, connection->frame.data, connection->frame.len);
        if (result == 0)
            result = receive(connection->nginx, &connection->frame);
        if (result == 0)
            result = transmit(connection->runner, connection->frame.data, connection->frame.len);
        if (result < 0)
            return result;
    }
}

/* Takes the call over. */
static void tell(struct tap_connection *connection, const char *id, json_t *call, int result,
                 int64_t started)
{
    struct tap *tap = connection->tap;
    struct frame asked = view(&connection->kept), answered = {0};

    if (result == 0)
        answered = view(&connection->frame);
    if (result == 0 && is_token_lost(&answered)) {
        console_line(
            CONSOLE_NOTE, "gateway",
            "the runner does not know the conf token %u (any more): refresh cache and try again",
            tap_call_token(&asked));
        json_decref(call);
        return;
    }
    if (result < 0)
        (void)json_object_set_new(call, "error",
                                  json_string("the runner closed the connection in this call"));
    else
        tap_call_answered(call, &asked, &answered);
    (void)json_object_set_new(call, "us", json_integer(now_us() - started));
    tap->told(tap->user, id, call);
}

/* nginx's frame is in connection->frame. */
static int exchange(struct tap_connection *connection)
{
    struct buffer swap = connection->kept;
    char id[REQUEST_ID_MAX] = "";
    int64_t started = now_us();
    json_t *conf = NULL, *call = NULL;
    struct frame frame;
    int result = 0;

    connection->kept = connection->frame;
    connection->frame = swap;
    frame = view(&connection->kept);
    if (frame.type == FRAME_HTTP_REQ_CALL || frame.type == FRAME_HTTP_RESP_CALL) {
        conf = find_token(connection->tap, tap_call_token(&frame));
        call = tap_call_begin(conf);
        result = ask_request_id(connection, id, sizeof(id));
    }
    if (result == 0)
        result = transmit(connection->runner, connection->kept.data, connection->kept.len);
    if (result == 0)
        result = relay_answers(connection, call);
    if (call)
        tell(connection, id, call, result, started);
    if (result == 0) {
        struct frame answered = view(&connection->frame);
        if (frame.type == FRAME_PREPARE_CONF)
            note_prepared(connection->tap, &frame, &answered);
        result = transmit(connection->nginx, connection->frame.data, connection->frame.len);
    }
    json_decref(conf);
    return result;
}

/* ---- connections ---- */

static int connect_runner(struct tap *tap)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", tap->runner);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        tap->absent = false;
        return fd;
    }
    if (!tap->absent)
        console_line(CONSOLE_BAD, "gateway",
                     "there is no runner at %s: %s. By hand it is started with: "
                     "APISIX_LISTEN_ADDRESS=unix:%s APISIX_CONF_EXPIRE_TIME=3600 "
                     "c-runner run",
                     tap->runner, strerror(errno), tap->runner);
    tap->absent = true;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void forget(struct tap_connection *connection)
{
    struct tap *tap = connection->tap;
    struct tap_connection **at;

    pthread_mutex_lock(&tap->lock);
    for (at = &tap->connections; *at != connection; at = &(*at)->next)
        continue;
    *at = connection->next;
    /* Under the lock: tap_stop must not shut down a descriptor that is another's by now. */
    close(connection->nginx);
    close(connection->runner);
    pthread_mutex_unlock(&tap->lock);
    buffer_free(&connection->frame);
    buffer_free(&connection->kept);
    free(connection);
}

static void *serve(void *data)
{
    struct tap_connection *connection = data;
    struct pollfd ends[2] = {{.fd = connection->nginx, .events = POLLIN},
                             {.fd = connection->runner, .events = POLLIN}};

    for (;;) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR)
            break;
        /* Between calls a runner says nothing: it has closed, and so do we. */
        if (ends[1].revents)
            break;
        if (!ends[0].revents)
            continue;
        if (receive(connection->nginx, &connection->frame) < 0 || exchange(connection) < 0)
            break;
    }
    forget(connection);
    return NULL;
}

static void take(struct tap *tap, int nginx)
{
    struct tap_connection *connection = calloc(1, sizeof(*connection));
    pthread_attr_t detached;
    pthread_t thread;
    int runner = connect_runner(tap);

    if (!connection || runner < 0) {
        free(connection);
        close(nginx);
        if (runner >= 0)
            close(runner);
        return;
    }
    *connection = (struct tap_connection){.tap = tap, .nginx = nginx, .runner = runner};
    buffer_init(&connection->frame, FRAME_MAX);
    buffer_init(&connection->kept, FRAME_MAX);
    pthread_mutex_lock(&tap->lock);
    connection->next = tap->connections;
    tap->connections = connection;
    pthread_mutex_unlock(&tap->lock);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, serve, connection) != 0)
        forget(connection);
    pthread_attr_destroy(&detached);
}

static void *listen_loop(void *data)
{
    struct tap *tap = data;
    int fd;

    while ((fd = accept4(tap->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
           errno == ECONNABORTED) {
        if (fd >= 0)
            take(tap, fd);
    }
    return NULL;
}

int tap_start(struct tap *tap, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", tap->path);
    pthread_mutex_init(&tap->lock, NULL);
    tap->tokens = json_object();
    tap->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tap->listener < 0 || !tap->tokens ||
        bind(tap->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(tap->listener, BACKLOG) < 0 ||
        pthread_create(&tap->thread, NULL, listen_loop, tap) != 0)
        return error_set(error, "%s: %s", tap->path, strerror(errno));
    tap->started = true;
    return 0;
}

static bool has_connections(struct tap *tap)
{
    bool any;

    pthread_mutex_lock(&tap->lock);
    any = tap->connections != NULL;
    for (struct tap_connection *at = tap->connections; at; at = at->next) {
        shutdown(at->nginx, SHUT_RDWR);
        shutdown(at->runner, SHUT_RDWR);
    }
    pthread_mutex_unlock(&tap->lock);
    return any;
}

void tap_stop(struct tap *tap)
{
    struct timespec step = {.tv_nsec = 1000000};

    if (!tap->started)
        return;
    shutdown(tap->listener, SHUT_RDWR);
    pthread_join(tap->thread, NULL);
    while (has_connections(tap))
        nanosleep(&step, NULL);
    close(tap->listener);
    json_decref(tap->tokens);
    pthread_mutex_destroy(&tap->lock);
}
