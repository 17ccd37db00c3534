/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection: any bytes in; out come valid frames and nothing else, and when the
 * peer has gone nothing of the connection is left.
 *
 * The input is what a peer sends. Questions are answered, the last ones with garbage.
 * The conf of the plugin `fuzz` chooses what its filter does, one letter each.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/server_rig.h"

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

/* ---- the peer ---- */

static bool answer_question(struct server_peer *peer, const struct message_extra_info *question)
{
    static const uint8_t garbage[] = {3, 0, 0, 4, 0xff, 0xff, 0xff, 0x7f};
    static char text[6000];
    struct wire_str result = {.data = text, .len = peer->questions * 1000u % sizeof(text)};

    (void)question;
    if (peer->questions > QUESTIONS_MAX) {
        memcpy(peer->out.data + peer->out.len, garbage, sizeof(garbage));
        peer->out.len += sizeof(garbage);
        return true;
    }
    if (peer->questions % 4 == 0)
        result.data = NULL;
    require(message_write_extra_info_reply(&peer->out, result) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server_rig rig;
    static bool open;
    struct server_peer peer;

    if (size > INPUT_LIMIT)
        return 0;
    if (!open)
        server_rig_open(&rig);
    open = true;
    rig.worker.limits.max_body = 1 << 20;
    server_peer_open(&rig, &peer);
    peer.answer = answer_question;
    if (size)
        memcpy(peer.out.data, data, size);
    peer.out.len = size;
    for (enum server_outcome outcome = SERVER_REPLIED;
         outcome != SERVER_SILENT && outcome != SERVER_CLOSED;)
        outcome = server_peer_talk(&peer);
    require(peer.start == peer.len || peer.questions > QUESTIONS_MAX);
    server_peer_close(&peer);
    require(atomic_load(&rig.worker.connections) == 0);
    return 0;
}
