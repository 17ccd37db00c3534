/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the least that any runner can cost, to measure ours against.
 *
 * Reads a frame and sends a ready-made reply into which only the call's id is put:
 * one receive and one send for each call, no plugin, no verification, no limits. The
 * replies are those that our plugins give in the rows of docs/performance.md:
 *
 *   none      the call goes on unchanged
 *   stop      an answer as the `say` plugin gives it
 *   rewrite   one header set
 *   variable  asks for one variable, then as stop
 *   echo      asks for the request's body, then rewrites it to a copy of itself
 *
 * usage: floor -s SOCKET [-m epoll|thread] [-r REPLY]
 *   epoll   one loop, level-triggered (default)
 *   thread  a thread for each connection, blocking
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/message.h"

#define ID_MARK 0x5ac3965au
#define REPLY_MAX 512u

struct reply {
    uint8_t bytes[REPLY_MAX];
    size_t len;
    size_t id_at; /* 0: has none */
};

enum kind { KIND_NONE, KIND_STOP, KIND_REWRITE, KIND_VARIABLE, KIND_ECHO };
static const char *const kind_names[] = {"none", "stop", "rewrite", "variable", "echo"};

static enum kind kind = KIND_STOP;
static struct reply conf_reply, req_reply, resp_reply, question, error_reply;

struct connection {
    int fd;
    bool waits_to_send;
    uint32_t id; /* of the call that a question belongs to */
    uint8_t *in;
    size_t in_len, in_capacity;
    uint8_t *out;
    size_t out_len, out_at, out_capacity;
};

static struct wire_str text_of(const char *text)
{
    return (struct wire_str){.data = text, .len = (uint32_t)strlen(text)};
}

/* ---- the replies ---- */

static struct wire_out reply_out(struct reply *reply)
{
    return (struct wire_out){
        .data = reply->bytes, .capacity = sizeof(reply->bytes), .tail_from = SIZE_MAX};
}

static void reply_keep(struct reply *reply, const struct wire_out *out, int status)
{
    const uint32_t mark = ID_MARK;

    if (status < 0) {
        fprintf(stderr, "floor: a reply cannot be made: %s\n", strerror(-status));
        exit(1);
    }
    reply->len = out->len;
    for (size_t at = FRAME_HEADER_SIZE; at + sizeof(mark) <= out->len; at++)
        if (memcmp(reply->bytes + at, &mark, sizeof(mark)) == 0)
            reply->id_at = at;
}

static void make_req_reply(void)
{
    const struct wire_pair said = {text_of("X-Resp-A6-Runner"), text_of("C")};
    const struct wire_pair set = {text_of("x-bench"), text_of("set")};
    struct message_http_req_reply message = {.id = ID_MARK};
    struct wire_out out = reply_out(&req_reply);

    if (kind == KIND_STOP || kind == KIND_VARIABLE) {
        message.action = MESSAGE_ACTION_STOP;
        message.status = 200;
        message.headers = (struct wire_pairs){.first = &said, .count = 1};
        message.body = text_of("hello");
    } else if (kind == KIND_REWRITE) {
        message.action = MESSAGE_ACTION_REWRITE;
        message.headers = (struct wire_pairs){.first = &set, .count = 1};
    } else if (kind == KIND_ECHO) {
        message.action = MESSAGE_ACTION_REWRITE;
    }
    reply_keep(&req_reply, &out, message_write_http_req_reply(&out, &message));
}

static void make_replies(void)
{
    struct message_http_resp_reply unchanged = {.id = ID_MARK};
    struct wire_out out = reply_out(&conf_reply);

    reply_keep(&conf_reply, &out, message_write_prepare_conf_reply(&out, 1));
    out = reply_out(&resp_reply);
    reply_keep(&resp_reply, &out, message_write_http_resp_reply(&out, &unchanged));
    out = reply_out(&error_reply);
    reply_keep(&error_reply, &out, message_write_error(&out, MESSAGE_BAD_REQUEST));
    out = reply_out(&question);
    if (kind == KIND_ECHO)
        reply_keep(&question, &out,
                   message_write_extra_info(&out, MESSAGE_INFO_REQ_BODY, text_of("")));
    else
        reply_keep(&question, &out,
                   message_write_extra_info(&out, MESSAGE_INFO_VAR, text_of("remote_addr")));
    make_req_reply();
}

/* ---- a connection ---- */

static bool reserve(uint8_t **data, size_t *capacity, size_t want)
{
    uint8_t *grown;

    if (want <= *capacity)
        return true;
    grown = realloc(*data, want);
    if (!grown)
        return false;
    *data = grown;
    *capacity = want;
    return true;
}

/* Sends what is there; what the socket does not take stays in out. */
static bool push(struct connection *connection, const uint8_t *data, size_t len)
{
    size_t left;
    ssize_t sent;

    do
        sent = send(connection->fd, data, len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)len)
        return true;
    if (sent < 0 && errno != EAGAIN)
        return false;
    left = len - (sent > 0 ? (size_t)sent : 0);
    if (!reserve(&connection->out, &connection->out_capacity, left))
        return false;
    memmove(connection->out, data + (len - left), left);
    connection->out_len = left;
    connection->out_at = 0;
    return true;
}

static bool push_rest(struct connection *connection)
{
    while (connection->out_at < connection->out_len) {
        ssize_t sent = send(connection->fd, connection->out + connection->out_at,
                            connection->out_len - connection->out_at, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        connection->out_at += (size_t)sent;
    }
    connection->out_len = connection->out_at = 0;
    return true;
}

static bool push_reply(struct connection *connection, const struct reply *reply, uint32_t id)
{
    uint8_t bytes[REPLY_MAX];

    memcpy(bytes, reply->bytes, reply->len);
    if (reply->id_at)
        memcpy(bytes + reply->id_at, &id, sizeof(id));
    return push(connection, bytes, reply->len);
}

/* A Rewrite with the body at its end. Its table of the fields says where the body is,
 * so the message is written whole: one copy of the body, as in any echo. */
static bool push_echo(struct connection *connection, const struct frame *answer)
{
    struct wire_str body = flatbuf_bytes(flatbuf_root(answer->payload), 0);
    struct message_http_req_reply message = {
        .id = connection->id, .action = MESSAGE_ACTION_REWRITE, .body = body};
    struct wire_out out = {.tail_from = SIZE_MAX};

    if (!reserve(&connection->out, &connection->out_capacity, body.len + (size_t)REPLY_MAX))
        return false;
    out.data = connection->out;
    out.capacity = connection->out_capacity;
    if (message_write_http_req_reply(&out, &message) < 0)
        return false;
    connection->out_len = out.len;
    connection->out_at = 0;
    return push_rest(connection);
}

/* The first field of the root table, when it is there. Trusts the sender. */
static uint32_t call_id(const struct frame *frame)
{
    return frame->size < 8 ? 0 : flatbuf_u32(flatbuf_root(frame->payload), 0);
}

static bool serve_frame(struct connection *connection, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_PREPARE_CONF:
        return push_reply(connection, &conf_reply, 0);
    case FRAME_HTTP_REQ_CALL:
        if (kind != KIND_VARIABLE && kind != KIND_ECHO)
            return push_reply(connection, &req_reply, call_id(frame));
        connection->id = call_id(frame);
        return push_reply(connection, &question, 0);
    case FRAME_EXTRA_INFO:
        if (kind == KIND_ECHO)
            return push_echo(connection, frame);
        return push_reply(connection, &req_reply, connection->id);
    case FRAME_HTTP_RESP_CALL:
        return push_reply(connection, &resp_reply, call_id(frame));
    }
    return push_reply(connection, &error_reply, 0);
}

/* Receives once and serves what is whole. false: the connection is to end. */
static bool receive(struct connection *connection)
{
    struct frame frame;
    size_t at = 0;
    ssize_t got = recv(connection->fd, connection->in + connection->in_len,
                       connection->in_capacity - connection->in_len, 0);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    connection->in_len += (size_t)got;
    while (frame_parse(connection->in + at, connection->in_len - at, &frame) == 0) {
        if (!serve_frame(connection, &frame))
            return false;
        at += FRAME_HEADER_SIZE + (size_t)frame.size;
    }
    connection->in_len -= at;
    if (connection->in_len == 0)
        return true;
    memmove(connection->in, connection->in + at, connection->in_len);
    if (frame_parse(connection->in, connection->in_len, &frame) != FRAME_NEED_PAYLOAD)
        return true;
    return reserve(&connection->in, &connection->in_capacity,
                   FRAME_HEADER_SIZE + (size_t)frame.size);
}

static struct connection *open_connection(int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->fd = fd;
    if (!reserve(&connection->in, &connection->in_capacity, 4096)) {
        free(connection);
        return NULL;
    }
    return connection;
}

static void end_connection(struct connection *connection)
{
    close(connection->fd);
    free(connection->in);
    free(connection->out);
    free(connection);
}

/* ---- one loop, or a thread for each ---- */

static void watch_output(int epoll, struct connection *connection)
{
    bool wants = connection->out_len > 0;
    struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0u),
                                .data = {.ptr = connection}};

    if (wants == connection->waits_to_send)
        return;
    connection->waits_to_send = wants;
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void accept_one(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *connection = fd < 0 ? NULL : open_connection(fd);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};

    if (connection && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        end_connection(connection);
    else if (!connection && fd >= 0)
        close(fd);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll keeps it, and gives it to loop() */
}

static void loop(int listener)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[256] = {{.events = EPOLLIN, .data = {.ptr = NULL}}};

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!connection)
                accept_one(epoll, listener);
            else if ((events[i].events & EPOLLOUT && !push_rest(connection)) ||
                     (events[i].events & ~(uint32_t)EPOLLOUT && !receive(connection)))
                end_connection(connection);
            else
                watch_output(epoll, connection);
        }
    }
}

static void *serve_connection(void *data)
{
    while (receive(data))
        ;
    end_connection(data);
    return NULL;
}

static void thread_for_each(int listener)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)128 * 1024);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct connection *connection = fd < 0 ? NULL : open_connection(fd);
        pthread_t thread;

        if (!connection)
            continue;
        if (pthread_create(&thread, &attributes, serve_connection, connection) != 0)
            end_connection(connection);
    }
}

/* ---- start ---- */

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 4096) < 0)
        return -1;
    return listener;
}

static int find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
        if (strcmp(kind_names[i], name) == 0)
            return (int)i;
    return -1;
}

static int usage(void)
{
    fprintf(stderr, "usage: floor -s SOCKET [-m epoll|thread] "
                    "[-r none|stop|rewrite|variable|echo]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool threads = false;
    struct rlimit limit;
    int listener, found;

    for (int option; (option = getopt(argc, argv, "s:m:r:")) != -1;) {
        switch (option) {
        case 's':
            path = strncmp(optarg, "unix:", 5) == 0 ? optarg + 5 : optarg;
            break;
        case 'm':
            threads = strcmp(optarg, "thread") == 0;
            break;
        case 'r':
            found = find_kind(optarg);
            if (found < 0)
                return usage();
            kind = (enum kind)found;
            break;
        default:
            return usage();
        }
    }
    if (!path || optind != argc)
        return usage();
    make_replies();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    listener = listen_on(path);
    if (listener < 0) {
        perror(path);
        return 1;
    }
    if (threads)
        thread_for_each(listener);
    else
        loop(listener);
    return 0;
}
