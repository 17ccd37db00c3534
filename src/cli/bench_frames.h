/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that a benchmark sends: whole frames, made once, into which a call only
 * puts its number. Read only after they are made; any thread.
 */
#ifndef CLI_BENCH_FRAMES_H
#define CLI_BENCH_FRAMES_H

#include "client/http_args.h"
#include "wire/message.h"

enum bench_mode { BENCH_REQ, BENCH_RESP, BENCH_CONF };

struct bench_frame {
    uint8_t *data;
    size_t len;
    size_t number_at; /* of the id's four bytes, or of the key's digits */
    enum bench_mode mode;
};

/* 0, -ENOMEM, -EMSGSIZE. bench_frame_free is due in any case. */
int bench_frame_call(struct bench_frame *frame, enum bench_mode mode, const struct http_args *http,
                     uint32_t token);
/* A new key for each number. */
int bench_frame_conf(struct bench_frame *frame, const char *key, struct wire_pairs confs);
void bench_frame_free(struct bench_frame *frame);

/* Puts the number into a copy of the frame. */
void bench_frame_number(const struct bench_frame *frame, uint8_t *copy, uint32_t number);

/* Gives http a request and a response as they are on a busy site: 3 args, 10 headers,
 * about 1,000 bytes in all; unless the user gave its own. 0, -errno. */
int bench_frame_defaults(struct http_args *http, bool own_request, bool own_headers);

#endif
