/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/heap_out.h"

#define ID_MARK 0x5ac3965au
#define KEY_MARK "#0000000000"
#define KEY_DIGITS 10

static int keep(struct bench_frame *frame, struct wire_out *out, const void *mark, size_t mark_len)
{
    uint8_t *found = memmem(out->data, out->len, mark, mark_len);

    frame->data = out->data;
    frame->len = out->len;
    if (!found)
        return -EBADMSG;
    frame->number_at = (size_t)(found - out->data);
    return 0;
}

int bench_frame_call(struct bench_frame *frame, enum bench_mode mode, const struct http_args *http,
                     uint32_t token)
{
    const uint32_t mark = ID_MARK;
    struct message_http_req_call_write req = {
        .id = ID_MARK,
        .conf_token = token,
        .method = http->request.method,
        .source = http->source,
        .path = http->request.path,
        .args = http->request.args,
        .headers = http->request.headers,
    };
    struct message_http_resp_call_write resp = {
        .id = ID_MARK,
        .conf_token = token,
        .status = http->response.status,
        .headers = http->response.headers,
    };
    struct wire_out out;
    int status;

    *frame = (struct bench_frame){.mode = mode};
    heap_out_init(&out);
    status = mode == BENCH_RESP ? message_write_http_resp_call(&out, &resp)
                                : message_write_http_req_call(&out, &req);
    if (status == 0)
        return keep(frame, &out, &mark, sizeof(mark));
    heap_out_free(&out);
    return status;
}

int bench_frame_conf(struct bench_frame *frame, const char *key, struct wire_pairs confs)
{
    char numbered[256];
    struct wire_out out;
    int status, len = snprintf(numbered, sizeof(numbered), "%.200s" KEY_MARK, key);

    *frame = (struct bench_frame){.mode = BENCH_CONF};
    heap_out_init(&out);
    status = message_write_prepare_conf(
        &out, (struct wire_str){.data = numbered, .len = (uint32_t)len}, confs);
    if (status == 0)
        return keep(frame, &out, KEY_MARK, sizeof(KEY_MARK) - 1);
    heap_out_free(&out);
    return status;
}

void bench_frame_free(struct bench_frame *frame)
{
    free(frame->data);
    *frame = (struct bench_frame){0};
}

void bench_frame_number(const struct bench_frame *frame, uint8_t *copy, uint32_t number)
{
    uint8_t *at = copy + frame->number_at;

    if (frame->mode != BENCH_CONF) {
        for (unsigned i = 0; i < 4; i++)
            at[i] = (uint8_t)(number >> 8 * i);
        return;
    }
    for (unsigned i = KEY_DIGITS; i > 0; i--, number /= 10)
        at[i] = (uint8_t)('0' + number % 10); /* at[0] is the '#' */
}

int bench_frame_defaults(struct http_args *http, bool own_request, bool own_headers)
{
    static const char *const headers[] = {
        "Host: www.example.com",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-GB,en;q=0.8,fr;q=0.5,es;q=0.3",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Referer: https://www.example.com/catalogue/garden/chairs?page=3",
        "Cookie: visitor=7d1b52c4a0e94f3c; basket=3f9a; consent=necessary; locale=en-GB",
        "X-Forwarded-For: 198.51.100.23, 192.0.2.44",
        "X-Forwarded-Proto: https",
        "X-Request-Id: 0b8f7a62-9d35-4e4c-8f0e-6c1f2a9d7b11",
    };
    static const char *const response[] = {
        "HTTP/1.1 200 OK",
        "Content-Type: text/html; charset=utf-8",
        "Content-Length: 5120",
        "Date: Sat, 31 Jan 2026 12:00:00 GMT",
        "Server: upstream",
        "Cache-Control: max-age=60",
        "Set-Cookie: basket=3f9a; Path=/; HttpOnly",
    };
    int status = 0;

    if (!own_request)
        status = http_args_take(http, HTTP_ARGS_REQUEST,
                                "GET /catalogue/garden/chairs/4711?colour=green&page=4&sort=price");
    for (size_t i = 0; status == 0 && !own_headers && i < sizeof(headers) / sizeof(*headers); i++)
        status = http_args_take(http, HTTP_ARGS_HEADER, headers[i]);
    if (http->has_response)
        return status;
    for (size_t i = 0; status == 0 && i < sizeof(response) / sizeof(*response); i++)
        status = http_args_take(http, HTTP_ARGS_RESPONSE, response[i]);
    return status;
}
