/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_dump gateway|runner FILE...: one line of JSON for each frame of each file, which
 * the named side has sent; read by src/wire, for tests that know what it should say.
 *
 * A string is written byte by byte (a byte above 0x7e as \u00XX), an absent one as
 * null. A payload that src/wire refuses is {"t": ..., "refused": true}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/message.h"

static void print_str(struct wire_str str)
{
    if (!str.data) {
        printf("null");
        return;
    }
    putchar('"');
    for (uint32_t i = 0; i < str.len; i++) {
        unsigned char c = (unsigned char)str.data[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void dump_str(const char *key, struct wire_str str)
{
    printf(", \"%s\": ", key);
    print_str(str);
}

static void dump_hex(const char *key, struct wire_str str)
{
    printf(", \"%s\": \"", key);
    for (uint32_t i = 0; i < str.len; i++)
        printf("%02x", (unsigned char)str.data[i]);
    putchar('"');
}

static void dump_number(const char *key, uint32_t number)
{
    printf(", \"%s\": %u", key, number);
}

static void dump_pairs(const char *key, struct wire_vector pairs)
{
    printf(", \"%s\": ", key);
    if (!pairs.first) {
        printf("null");
        return;
    }
    putchar('[');
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct wire_pair pair = message_pair_at(pairs, i);
        printf("%s[", i ? ", " : "");
        print_str(pair.name);
        printf(", ");
        print_str(pair.value);
        putchar(']');
    }
    putchar(']');
}

static void begin(const char *name)
{
    printf("{\"t\": \"%s\"", name);
}

static int dump_from_gateway(const struct frame *frame)
{
    struct message_prepare_conf conf;
    struct message_http_req_call req;
    struct message_extra_info_reply info;
    struct message_http_resp_call resp;

    switch (frame->type) {
    case FRAME_PREPARE_CONF:
        begin("PrepareConf.Req");
        if (message_read_prepare_conf(frame->payload, frame->size, &conf))
            return -1;
        dump_str("key", conf.key);
        dump_pairs("conf", conf.conf);
        return 0;
    case FRAME_HTTP_REQ_CALL:
        begin("HTTPReqCall.Req");
        if (message_read_http_req_call(frame->payload, frame->size, &req))
            return -1;
        dump_number("id", req.id);
        dump_hex("src_ip_hex", req.source);
        dump_number("method_num", req.method);
        dump_str("path", req.path);
        dump_pairs("args", req.args);
        dump_pairs("headers", req.headers);
        dump_number("conf_token", req.conf_token);
        return 0;
    case FRAME_EXTRA_INFO:
        begin("ExtraInfo.Resp");
        if (message_read_extra_info_reply(frame->payload, frame->size, &info))
            return -1;
        dump_str("result", info.result);
        return 0;
    case FRAME_HTTP_RESP_CALL:
        begin("HTTPRespCall.Req");
        if (message_read_http_resp_call(frame->payload, frame->size, &resp))
            return -1;
        dump_number("id", resp.id);
        dump_number("status", resp.status);
        dump_pairs("headers", resp.headers);
        dump_number("conf_token", resp.conf_token);
        return 0;
    default:
        begin("unknown");
        dump_number("type", frame->type);
        return 0;
    }
}

static int dump_http_req_reply(const struct frame *frame)
{
    struct message_http_req_reply_view reply;

    begin("HTTPReqCall.Resp");
    if (message_read_http_req_reply(frame->payload, frame->size, &reply))
        return -1;
    dump_number("id", reply.id);
    dump_number("action_type", reply.action);
    dump_number("status", reply.status);
    dump_str("path", reply.path);
    dump_pairs("headers", reply.headers);
    dump_pairs("args", reply.args);
    dump_pairs("resp_headers", reply.resp_headers);
    dump_str("body", reply.body);
    return 0;
}

static int dump_from_runner(const struct frame *frame)
{
    uint8_t code;
    uint32_t token;
    struct message_extra_info info;
    struct message_http_resp_reply_view resp;

    switch (frame->type) {
    case FRAME_ERROR:
        begin("Err.Resp");
        if (message_read_error(frame->payload, frame->size, &code))
            return -1;
        dump_number("code", code);
        return 0;
    case FRAME_PREPARE_CONF:
        begin("PrepareConf.Resp");
        if (message_read_prepare_conf_reply(frame->payload, frame->size, &token))
            return -1;
        dump_number("conf_token", token);
        return 0;
    case FRAME_HTTP_REQ_CALL:
        return dump_http_req_reply(frame);
    case FRAME_EXTRA_INFO:
        begin("ExtraInfo.Req");
        if (message_read_extra_info(frame->payload, frame->size, &info))
            return -1;
        dump_number("info_type", info.type);
        dump_str("name", info.name);
        return 0;
    case FRAME_HTTP_RESP_CALL:
        begin("HTTPRespCall.Resp");
        if (message_read_http_resp_reply(frame->payload, frame->size, &resp))
            return -1;
        dump_number("id", resp.id);
        dump_number("status", resp.status);
        dump_pairs("headers", resp.headers);
        dump_str("body", resp.body);
        return 0;
    default:
        begin("unknown");
        dump_number("type", frame->type);
        return 0;
    }
}

/* The payload is copied to memory of exactly its size, so that a sanitizer sees every
 * byte that is read behind it. */
static int dump_frame(const struct frame *frame, int from_gateway)
{
    uint8_t *copy = malloc(frame->size ? frame->size : 1);
    struct frame exact = {frame->type, frame->size, copy};

    if (!copy)
        return -1;
    memcpy(copy, frame->payload, frame->size);
    if (from_gateway ? dump_from_gateway(&exact) : dump_from_runner(&exact))
        printf(", \"refused\": true");
    puts("}");
    free(copy);
    return 0;
}

static int dump_file(const char *path, int from_gateway)
{
    static uint8_t data[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX];
    struct frame frame;

    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);
    for (size_t at = 0; at < len; at += FRAME_HEADER_SIZE + frame.size) {
        if (frame_parse(data + at, len - at, &frame)) {
            fprintf(stderr, "%s: no whole frame at byte %zu\n", path, at);
            return -1;
        }
        if (dump_frame(&frame, from_gateway))
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "gateway") != 0 && strcmp(argv[1], "runner") != 0)) {
        fprintf(stderr, "usage: wire_dump gateway|runner FILE...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (dump_file(argv[i], argv[1][0] == 'g'))
            return 1;
    }
    return 0;
}
