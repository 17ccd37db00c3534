/* SPDX-License-Identifier: Apache-2.0 */
#include "testkit/stage_http.h"

#include <errno.h>

#include "client/heap_out.h"
#include "wire/frame.h"

static int write_call(const struct http_args *http, struct wire_out *frame)
{
    if (http->has_response) {
        const struct message_http_resp_call_write message = {.status = http->response.status,
                                                             .headers = http->response.headers};
        return message_write_http_resp_call(frame, &message);
    }
    const struct message_http_req_call_write message = {.method = http->request.method,
                                                        .source = http->source,
                                                        .path = http->request.path,
                                                        .args = http->request.args,
                                                        .headers = http->request.headers};
    return message_write_http_req_call(frame, &message);
}

static int apply_response(const struct frame *frame, const struct http_args *http,
                          struct arena *arena, struct apply_outcome *outcome)
{
    struct message_http_resp_reply_view reply;
    int status = message_read_http_resp_reply(frame->payload, frame->size, &reply);

    return status ? status : apply_resp_reply(arena, &http->response, &reply, outcome);
}

static int apply_request(const struct frame *frame, const struct http_args *http,
                         struct arena *arena, struct apply_outcome *outcome)
{
    struct message_http_req_reply_view reply;
    int status = message_read_http_req_reply(frame->payload, frame->size, &reply);

    return status ? status : apply_req_reply(arena, &http->request, &reply, outcome);
}

int stage_http_play(struct stage *stage, struct chain *chain, const struct http_args *http,
                    struct arena *arena, struct apply_outcome *outcome)
{
    struct wire_out call;
    struct frame reply;
    int status;

    *outcome = (struct apply_outcome){0};
    heap_out_init(&call);
    status = write_call(http, &call);
    if (status == 0)
        status = stage_play(stage, chain, call.data, call.len);
    heap_out_free(&call);
    if (status != 0)
        return status;
    if (frame_parse(stage->reply.data, stage->reply.len, &reply) != 0)
        return -EBADMSG;
    if (reply.type == FRAME_ERROR)
        return STAGE_ERROR;
    return http->has_response ? apply_response(&reply, http, arena, outcome)
                              : apply_request(&reply, http, arena, outcome);
}
