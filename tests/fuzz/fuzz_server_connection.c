/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection: any bytes in; out come valid frames and nothing else, and when the
 * peer has gone nothing of the connection is left.
 *
 * The input is what a peer sends. Questions are answered, the last ones with garbage.
 * The conf of the plugin `fuzz` chooses what its filter does, one letter each.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/store.h"
#include "plugin/loader.h"
#include "server/scoreboard.h"
#include "server/worker.h"
#include "server/worker_conn.h"
#include "server/worker_loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_LIMIT 65536u
#define QUESTIONS_MAX 12u

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- a plugin that uses what there is ---- */

static int parse(a6_env *env, a6_str text, void **conf)
{
    char *copy = malloc(text.len + 1);

    if (!copy)
        return -ENOMEM;
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (strchr(copy, '!')) {
        free(copy);
        return a6_env_error(env, "it says no");
    }
    if (strchr(copy, 'v'))
        (void)a6_env_need_var(env, A6_STR("remote_addr"));
    if (strchr(copy, 'b'))
        (void)a6_env_need(env, A6_NEED_REQUEST_BODY);
    if (strchr(copy, 'r'))
        (void)a6_env_need(env, A6_NEED_RESPONSE_BODY);
    *conf = copy;
    return 0;
}

static void touch_all(a6_request *req)
{
    a6_pair pair;
    size_t total = 0;

    for (size_t i = 0; a6_request_header_at(req, i, &pair) == 0; i++)
        total += pair.name.len + pair.value.len;
    for (size_t i = 0; a6_request_arg_at(req, i, &pair) == 0; i++)
        total += pair.name.len + pair.value.len;
    total += a6_request_path(req).len + a6_request_source_text(req).len;
    require(total < SIZE_MAX / 2);
}

static a6_result filter_request(a6_request *req, void *conf)
{
    const char *what = conf;
    a6_str text;

    touch_all(req);
    for (; *what; what++) {
        switch (*what) {
        case 's':
            (void)a6_answer(req, 200);
            (void)a6_answer_header(req, A6_STR("x"), a6_request_path(req));
            (void)a6_answer_write(req, a6_request_path(req));
            break;
        case 'h':
            (void)a6_request_set_header(req, A6_STR("x-one"), a6_request_header(req, "host"));
            (void)a6_request_delete_header(req, A6_STR("accept"));
            break;
        case 'a':
            (void)a6_request_add_arg(req, A6_STR("a"), a6_request_path(req));
            (void)a6_request_delete_arg(req, A6_STR("rep"));
            break;
        case 'p':
            (void)a6_request_set_path(req, A6_STR("/changed"));
            break;
        case 'v':
            (void)a6_var(&req->call, A6_STR("remote_addr"), &text);
            break;
        case 'b':
            if (a6_request_body(&req->call, &text) == 0 && text.data)
                (void)a6_request_set_body(req, text);
            break;
        case 'e':
            return a6_error(&req->call, "as the conf says");
        default:
            break;
        }
    }
    return A6_OK;
}

static a6_result filter_response(a6_response *res, void *conf)
{
    const char *what = conf;
    a6_str body;

    for (; *what; what++) {
        if (*what == 'h')
            (void)a6_response_set_header(res, A6_STR("x-one"), a6_response_header(res, "server"));
        else if (*what == 'r' && a6_response_body(res, &body) == 0 && body.len)
            (void)a6_response_set_body(res, body);
        else if (*what == 's')
            (void)a6_response_set_status(res, a6_response_status(res) + 1);
    }
    return A6_OK;
}

static const a6_plugin plugin = {
    A6_PLUGIN_HEADER,
    .name = "fuzz",
    .parse_conf = parse,
    .free_conf = free,
    .request_filter = filter_request,
    .response_filter = filter_response,
};
A6_REGISTER(plugin)

/* ---- a worker without threads ---- */

static struct worker worker;
static struct loop *loop;

static void set_up(void)
{
    static a6_runner_config config;
    static struct heritage heritage;
    struct conf_store_limits limits = {.max_bytes = 1 << 20, .max_count = 64, .ttl_ms = 3600000};
    struct log_config log = {.level = LOG_FATAL, .fd = STDERR_FILENO};
    char error[LOADER_ERROR_SIZE];

    require(log_open(&log) == 0);
    a6_runner_config_init(&config);
    heritage = (struct heritage){.config = &config, .listen_fd = -1};
    require(conf_store_create(&heritage.store, &limits) == 0);
    require(cells_create(&heritage.cells, 64) == 0);
    require(scoreboard_create(&heritage.board) == 0);
    worker.heritage = &heritage;
    worker.control_fd = -1;
    worker.limits = (struct call_limits){
        .max_memory = config.max_call_bytes, .max_body = 1 << 20, .deadline_ms = 1000};
    registry_init(&worker.registry);
    require(loader_linked(&worker.registry, error, sizeof(error)) == 0);
    require(loader_start(&worker.registry, heritage.cells, error, sizeof(error)) == 0);
    struct chain_options options = {.registry = &worker.registry, .cells = heritage.cells};
    require(confs_init(&worker.confs, heritage.store, &options) == 0);
    require(crew_init(&worker.crew, &worker, 1) == 0);
    require(loop_create(&loop, &worker, 0) == 0);
    worker.loops[0] = loop;
    worker.loop_count = 1;
}

/* Handles what there is to handle. */
static void pump(void)
{
    struct epoll_event events[4];
    int count;

    while ((count = epoll_wait(loop->epoll_fd, events, 4, 0)) > 0) {
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr > (void *)16) /* below: the loop's own marks */
                require(conn_event(events[i].data.ptr, events[i].events) != CONN_LOOP_LOST);
        }
    }
}

/* ---- the peer ---- */

struct peer {
    int fd;
    uint8_t *data;
    size_t len;
    size_t capacity;
    unsigned questions;
};

static void answer_question(struct peer *peer)
{
    static const uint8_t garbage[] = {3, 0, 0, 4, 0xff, 0xff, 0xff, 0x7f};
    static char text[6000];
    uint8_t frame[8192];
    struct wire_out out = {.data = frame, .capacity = sizeof(frame), .tail_from = SIZE_MAX};
    struct wire_str result = {.data = text, .len = peer->questions * 1000u % sizeof(text)};

    if (peer->questions++ > QUESTIONS_MAX) {
        (void)send(peer->fd, garbage, sizeof(garbage), MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    if (peer->questions % 4 == 0)
        result.data = NULL;
    require(message_write_extra_info_reply(&out, result) == 0);
    (void)send(peer->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void check_frame(struct peer *peer, const struct frame *frame)
{
    struct message_http_req_reply_view reply;
    struct message_http_resp_reply_view response;
    struct message_extra_info question;
    uint32_t token;
    uint8_t code;

    switch (frame->type) {
    case FRAME_ERROR:
        require(message_read_error(frame->payload, frame->size, &code) == 0 && code <= 2);
        break;
    case FRAME_PREPARE_CONF:
        require(message_read_prepare_conf_reply(frame->payload, frame->size, &token) == 0);
        require(token != 0);
        break;
    case FRAME_HTTP_REQ_CALL:
        require(message_read_http_req_reply(frame->payload, frame->size, &reply) == 0);
        require(reply.action <= MESSAGE_ACTION_REWRITE);
        break;
    case FRAME_EXTRA_INFO:
        require(message_read_extra_info(frame->payload, frame->size, &question) == 0);
        answer_question(peer);
        break;
    case FRAME_HTTP_RESP_CALL:
        require(message_read_http_resp_reply(frame->payload, frame->size, &response) == 0);
        break;
    default:
        abort();
    }
}

/* Reads and checks what came; true: something did. */
static bool listen_to(struct peer *peer)
{
    bool came = false;
    ssize_t got;

    for (;;) {
        if (peer->capacity - peer->len < 65536) {
            peer->capacity = peer->capacity * 2 + 131072;
            peer->data = realloc(peer->data, peer->capacity);
            require(peer->data != NULL);
        }
        got = recv(peer->fd, peer->data + peer->len, 65536, MSG_DONTWAIT);
        if (got <= 0)
            break;
        peer->len += (size_t)got;
        came = true;
    }
    size_t at = 0;
    struct frame frame;
    while (frame_parse(peer->data + at, peer->len - at, &frame) == 0) {
        check_frame(peer, &frame);
        at += FRAME_HEADER_SIZE + frame.size;
    }
    memmove(peer->data, peer->data + at, peer->len - at);
    peer->len -= at;
    return came;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    struct peer peer = {0};

    if (!loop)
        set_up();
    if (size > INPUT_LIMIT)
        return 0;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    require(conn_open(loop, pair[0]) == 0);
    peer.fd = pair[1];
    for (size_t sent = 0; sent < size;) {
        ssize_t done = send(peer.fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done > 0)
            sent += (size_t)done;
        else if (errno != EAGAIN)
            break; /* the runner closed: it had its reasons */
        pump();
        (void)listen_to(&peer);
    }
    do
        pump();
    while (listen_to(&peer));
    close(peer.fd);
    pump();
    require(atomic_load(&worker.connections) == 0);
    require(peer.len == 0 || peer.questions > QUESTIONS_MAX);
    free(peer.data);
    return 0;
}
