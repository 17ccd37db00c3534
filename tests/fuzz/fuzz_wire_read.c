/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte that a view speaks of can be read, and what was read can be written and
 * reads the same again. The first byte says which message it is; the payload stands
 * wherever the fuzzer put it, so nothing may count on its place in memory.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wire/message.h"

/* The sum of all bytes goes here, so that the loads are not optimised away. */
static volatile uint32_t seen;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void see_str(struct wire_str str)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < str.len; i++)
        sum += (unsigned char)str.data[i];
    seen += sum;
}

/* A string has a zero byte behind it. */
static void see_text(struct wire_str str)
{
    see_str(str);
    CHECK(!str.data || str.data[str.len] == 0);
}

static void see_pairs(struct wire_vector pairs)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_pair pair = message_pair_at(pairs, i);
        CHECK(pair.name.data);
        see_text(pair.name);
        see_text(pair.value);
    }
}

static void read_prepare_conf(const uint8_t *payload, uint32_t size)
{
    struct message_prepare_conf conf;
    if (message_read_prepare_conf(payload, size, &conf))
        return;
    see_text(conf.key);
    see_pairs(conf.conf);
}

static void read_http_req_call(const uint8_t *payload, uint32_t size)
{
    struct message_http_req_call call;
    if (message_read_http_req_call(payload, size, &call))
        return;
    seen += call.id + call.conf_token + call.method;
    see_str(call.source);
    see_text(call.path);
    see_pairs(call.args);
    see_pairs(call.headers);
}

static void read_http_resp_call(const uint8_t *payload, uint32_t size)
{
    struct message_http_resp_call call;
    if (message_read_http_resp_call(payload, size, &call))
        return;
    seen += call.id + call.conf_token + call.status;
    see_pairs(call.headers);
}

static void read_http_req_reply(const uint8_t *payload, uint32_t size)
{
    struct message_http_req_reply_view reply;
    if (message_read_http_req_reply(payload, size, &reply))
        return;
    seen += reply.id + reply.action + reply.status;
    see_text(reply.path);
    see_pairs(reply.headers);
    see_pairs(reply.args);
    see_pairs(reply.resp_headers);
    see_str(reply.body);
}

static void read_http_resp_reply(const uint8_t *payload, uint32_t size)
{
    struct message_http_resp_reply_view reply;
    if (message_read_http_resp_reply(payload, size, &reply))
        return;
    seen += reply.id + reply.status;
    see_pairs(reply.headers);
    see_str(reply.body);
}

static int grow(struct wire_out *out, size_t more)
{
    uint8_t *data = realloc(out->data, out->len + more);
    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = out->len + more;
    return 0;
}

static void read_extra_info(const uint8_t *payload, uint32_t size)
{
    struct message_extra_info question;
    struct message_extra_info again;
    struct wire_out out = {.grow = grow, .tail_from = SIZE_MAX};
    struct frame frame;

    if (message_read_extra_info(payload, size, &question))
        return;
    see_text(question.name);
    if (question.type < MESSAGE_INFO_VAR || question.type > MESSAGE_INFO_RESP_BODY)
        return;
    CHECK(message_write_extra_info(&out, question.type, question.name) == 0);
    CHECK(frame_parse(out.data, out.len, &frame) == 0);
    CHECK(message_read_extra_info(frame.payload, frame.size, &again) == 0);
    CHECK(again.type == question.type && again.name.len == question.name.len);
    CHECK(memcmp(again.name.data ? again.name.data : "",
                 question.name.data ? question.name.data : "", again.name.len) == 0);
    free(out.data);
}

static void read_extra_info_reply(const uint8_t *payload, uint32_t size)
{
    struct message_extra_info_reply reply;
    struct message_extra_info_reply again;
    struct wire_out out = {.grow = grow, .tail_from = SIZE_MAX};
    struct frame frame;

    if (message_read_extra_info_reply(payload, size, &reply))
        return;
    see_str(reply.result);
    CHECK(message_write_extra_info_reply(&out, reply.result) == 0);
    CHECK(frame_parse(out.data, out.len, &frame) == 0);
    CHECK(message_read_extra_info_reply(frame.payload, frame.size, &again) == 0);
    CHECK(!again.result.data == !reply.result.data && again.result.len == reply.result.len);
    CHECK(!reply.result.data ||
          memcmp(again.result.data, reply.result.data, reply.result.len) == 0);
    free(out.data);
}

static void read_numbers(const uint8_t *payload, uint32_t size)
{
    uint8_t code = 0;
    uint32_t token = 0;
    message_read_error(payload, size, &code);
    message_read_prepare_conf_reply(payload, size, &token);
    seen += code + token;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *payload, uint32_t size) = {
        read_numbers,        read_prepare_conf, read_http_req_call,    read_http_resp_call,
        read_http_req_reply, read_extra_info,   read_extra_info_reply, read_http_resp_reply,
    };
    if (size >= 1 && size <= FRAME_PAYLOAD_MAX)
        readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](data + 1, (uint32_t)(size - 1));
    return 0;
}
