/* SPDX-License-Identifier: Apache-2.0 */
#include "support/server_peer.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/worker_conn.h"
#include "support/server_rig.h"

#define BUFFER ((size_t)40 << 20)
/* How long a peer of real threads waits. */
#define PATIENCE_MS 20000

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);

static void *spare_buffers[2 * SERVER_RIG_PEERS];
static unsigned spare_count;

/* Not counted as an allocation, and touched only where it is used. */
static void *take_buffer(void)
{
    if (spare_count)
        return spare_buffers[--spare_count];
    void *memory = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    server_rig_require(memory != MAP_FAILED, "no buffer");
    return memory;
}

void server_peer_open(struct server_rig *rig, struct server_peer *peer)
{
    int pair[2];
    unsigned place = 0;

    *peer = (struct server_peer){
        .rig = rig, .var = {.data = "value", .len = 5}, .body = {.data = "body", .len = 4}};
    server_rig_require(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no socket");
    peer->fd = pair[0];
    peer->data = take_buffer();
    peer->out = (struct wire_out){.data = take_buffer(), .capacity = BUFFER, .tail_from = SIZE_MAX};
    while (place < SERVER_RIG_PEERS && rig->peers[place])
        place++;
    server_rig_require(place < SERVER_RIG_PEERS, "too many peers");
    rig->peers[place] = peer;
    if (!rig->threads) {
        (void)conn_open(rig->loop, pair[1]);
        return;
    }
    struct conn *conn = conn_new(rig->loop, pair[1]);
    server_rig_require(conn != NULL, "no memory");
    loop_post_conn(rig->loop, conn);
}

void server_peer_close(struct server_peer *peer)
{
    if (peer->fd < 0)
        return;
    close(peer->fd);
    peer->fd = -1;
    spare_buffers[spare_count++] = peer->data;
    spare_buffers[spare_count++] = peer->out.data;
    for (unsigned i = 0; i < SERVER_RIG_PEERS; i++) {
        if (peer->rig->peers[i] == peer)
            peer->rig->peers[i] = NULL;
    }
    server_rig_pump(peer->rig);
}

bool server_peer_send(struct server_peer *peer)
{
    while (peer->sent < peer->out.len) {
        ssize_t done = write(peer->fd, peer->out.data + peer->sent, peer->out.len - peer->sent);
        if (done <= 0)
            return false;
        peer->sent += (size_t)done;
    }
    peer->sent = peer->out.len = 0;
    return true;
}

static void receive(struct server_peer *peer)
{
    if (peer->start) {
        memmove(peer->data, peer->data + peer->start, peer->len - peer->start);
        peer->len -= peer->start;
        peer->looked -= peer->start;
        peer->start = 0;
    }
    while (!peer->deaf && peer->len < BUFFER) {
        ssize_t got = read(peer->fd, peer->data + peer->len, BUFFER - peer->len);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN)
                peer->closed = true;
            return;
        }
        peer->len += (size_t)got;
    }
}

static void answer(struct server_peer *peer, const struct message_extra_info *question)
{
    bool var = question->type == MESSAGE_INFO_VAR;

    server_rig_require(var ? question->name.data != NULL
                           : question->type == MESSAGE_INFO_REQ_BODY ||
                                 question->type == MESSAGE_INFO_RESP_BODY,
                       "not a question that there is");
    peer->questions++;
    if (peer->mute || (peer->answer && peer->answer(peer, question)))
        return;
    server_rig_require(message_write_extra_info_reply(&peer->out, var ? peer->var : peer->body) ==
                           0,
                       "an answer is too large");
}

static void check(struct server_peer *peer, const struct frame *frame)
{
    struct message_http_req_reply_view reply;
    struct message_http_resp_reply_view response;
    struct message_extra_info question;
    uint32_t token;
    bool valid = false;

    switch (frame->type) {
    case FRAME_ERROR:
        valid = message_read_error(frame->payload, frame->size, &peer->code) == 0 &&
                peer->code <= MESSAGE_CONF_TOKEN_NOT_FOUND;
        break;
    case FRAME_PREPARE_CONF:
        valid = message_read_prepare_conf_reply(frame->payload, frame->size, &token) == 0 && token;
        break;
    case FRAME_HTTP_REQ_CALL:
        valid = message_read_http_req_reply(frame->payload, frame->size, &reply) == 0 &&
                reply.action <= MESSAGE_ACTION_REWRITE;
        break;
    case FRAME_EXTRA_INFO:
        valid = message_read_extra_info(frame->payload, frame->size, &question) == 0;
        if (valid)
            answer(peer, &question);
        break;
    case FRAME_HTTP_RESP_CALL:
        valid = message_read_http_resp_reply(frame->payload, frame->size, &response) == 0;
        break;
    default:
        break;
    }
    server_rig_require(valid, "an invalid frame came from the runner");
}

/* Checks what came and answers questions. */
static void look(struct server_peer *peer)
{
    struct frame frame;

    while (frame_parse(peer->data + peer->looked, peer->len - peer->looked, &frame) == 0) {
        check(peer, &frame);
        peer->looked += FRAME_HEADER_SIZE + frame.size;
    }
}

void server_peer_turn(struct server_peer *peer)
{
    (void)server_peer_send(peer);
    receive(peer);
    look(peer);
    (void)server_peer_send(peer);
}

enum server_outcome server_peer_read(struct server_peer *peer)
{
    server_peer_turn(peer);
    while (peer->start < peer->looked) {
        struct frame *frame = &peer->frame;
        (void)frame_parse(peer->data + peer->start, peer->len - peer->start, frame);
        peer->start += FRAME_HEADER_SIZE + frame->size;
        if (frame->type == FRAME_ERROR) {
            (void)message_read_error(frame->payload, frame->size, &peer->code);
            return SERVER_ERROR;
        }
        if (frame->type != FRAME_EXTRA_INFO)
            return SERVER_REPLIED;
    }
    return peer->closed ? SERVER_CLOSED : SERVER_SILENT;
}

/* For real threads: until something can be done. */
static bool await(struct server_peer *peer)
{
    struct pollfd fd = {.fd = peer->fd, .events = (short)(POLLIN | (peer->out.len ? POLLOUT : 0))};

    return __real_poll(&fd, 1, PATIENCE_MS) > 0;
}

enum server_outcome server_peer_talk(struct server_peer *peer)
{
    for (;;) {
        size_t to_send = peer->out.len - peer->sent;
        unsigned questions = peer->questions;
        size_t had = peer->len - peer->start;
        (void)server_peer_send(peer);
        bool moved = peer->out.len - peer->sent != to_send;
        server_rig_pump(peer->rig);
        enum server_outcome outcome = server_peer_read(peer);
        if (outcome != SERVER_SILENT)
            return outcome;
        moved = moved || peer->questions != questions || peer->len - peer->start != had;
        if (peer->rig->threads ? !await(peer) : !moved)
            return SERVER_SILENT;
    }
}

/* ---- usual messages ---- */

static struct wire_str text(const char *terminated)
{
    return (struct wire_str){terminated, terminated ? (uint32_t)strlen(terminated) : 0};
}

void server_write_conf(struct server_peer *peer, const char *key, ...)
{
    struct wire_pair confs[16];
    struct wire_pairs pairs = {confs, 0};
    const char *name;
    va_list list;

    va_start(list, key);
    while ((name = va_arg(list, const char *)))
        confs[pairs.count++] = (struct wire_pair){text(name), text(va_arg(list, const char *))};
    va_end(list);
    server_rig_require(message_write_prepare_conf(&peer->out, text(key), pairs) == 0,
                       "a conf is too large");
}

void server_write_request(struct server_peer *peer, uint32_t token, const char *path)
{
    static const struct wire_pair headers[] = {{{"host", 4}, {"example.com", 11}},
                                               {{"accept", 6}, {"*/*", 3}}};
    struct message_http_req_call_write call = {.id = 7,
                                               .conf_token = token,
                                               .source = {"\x7f\0\0\1", 4},
                                               .path = text(path),
                                               .headers = {headers, 2}};

    server_rig_require(message_write_http_req_call(&peer->out, &call) == 0,
                       "a request is too large");
}

void server_write_response(struct server_peer *peer, uint32_t token, uint16_t status)
{
    static const struct wire_pair headers[] = {{{"Server", 6}, {"upstream", 8}}};
    struct message_http_resp_call_write call = {
        .id = 8, .conf_token = token, .status = status, .headers = {headers, 1}};

    server_rig_require(message_write_http_resp_call(&peer->out, &call) == 0,
                       "a response is too large");
}

uint32_t server_rig_prepare(struct server_rig *rig, const char *plugin, const char *conf)
{
    struct server_peer peer;
    uint32_t token = 0;

    server_peer_open(rig, &peer);
    server_write_conf(&peer, "route#1#test#1", plugin, conf, (const char *)NULL);
    if (server_peer_talk(&peer) == SERVER_REPLIED)
        (void)message_read_prepare_conf_reply(peer.frame.payload, peer.frame.size, &token);
    server_peer_close(&peer);
    return token;
}
