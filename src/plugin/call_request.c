/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the request, and the reply that tells its changes. */
#include "plugin/call_request.h"

#include <arpa/inet.h>
#include <errno.h>

#include "plugin/call_memory.h"

int call_request_begin(struct call *call, const uint8_t *payload, uint32_t size)
{
    struct message_http_req_call sent;
    struct call_request *request;
    int failed = message_read_http_req_call(payload, size, &sent);

    if (failed)
        return failed;
    call->id = sent.id;
    call->token = sent.conf_token;
    request = arena_alloc(&call->arena, sizeof(*request));
    if (!request)
        return -ENOMEM;
    call->message.as_request = request;
    request->source = sent.source;
    request->source_text = NULL;
    request->method = sent.method;
    request->path_changed = false;
    request->answered = false;
    request->path = sent.path;
    edits_begin(&request->args, sent.args, false);
    edits_begin(&request->headers, sent.headers, true);
    request->body = (struct wire_str){NULL, 0};
    request->response_headers.count = 0;
    request->response_headers.capacity = 0;
    return 0; /* the answer's parts are set when it is begun */
}

a6_str call_request_source(const a6_request *req)
{
    const struct wire_str *source = &call_request_of(req)->source;

    return source->len == 4 || source->len == 16 ? call_str(*source) : a6_str_make(NULL, 0);
}

a6_str call_request_source_text(a6_request *req)
{
    struct call *call = (struct call *)(void *)req;
    struct call_request *request = call_request_of(req);
    a6_str source = call_request_source(req);
    char *text;

    if (!source.data)
        return source;
    if (!request->source_text) {
        text = arena_alloc(&call->arena, INET6_ADDRSTRLEN);
        if (!text ||
            !inet_ntop(source.len == 4 ? AF_INET : AF_INET6, source.data, text, INET6_ADDRSTRLEN))
            return a6_str_make(NULL, 0);
        request->source_text = text;
    }
    return a6_str_from(request->source_text);
}

a6_method call_request_method(const a6_request *req)
{
    return (a6_method)call_request_of(req)->method;
}

a6_str call_request_path(const a6_request *req)
{
    return call_str_present(call_request_of(req)->path);
}

size_t call_request_arg_count(const a6_request *req)
{
    return edits_count(&call_request_of(req)->args);
}

int call_request_arg_at(const a6_request *req, size_t index, a6_pair *arg)
{
    const struct edit_list *args = &call_request_of(req)->args;
    struct wire_pair pair;

    if (index >= edits_count(args))
        return -ENOENT;
    pair = edits_at(args, (uint32_t)index);
    arg->name = call_str(pair.name);
    arg->value = call_str(pair.value);
    return 0;
}

size_t call_request_header_count(const a6_request *req)
{
    return edits_count(&call_request_of(req)->headers);
}

int call_request_header_at(const a6_request *req, size_t index, a6_pair *header)
{
    return edits_header_at(&call_request_of(req)->headers, index, header);
}

int call_request_find_header(const a6_request *req, a6_str name, size_t *index)
{
    return edits_find_header(&call_request_of(req)->headers, name, index);
}

/* ---- the reply ---- */

/* Room for the pairs of a reply. NULL with a count of 0 is right. */
static int tell(struct call *call, const struct edit_list *list, struct wire_pairs *told)
{
    uint32_t most = edits_tell_max(list);
    struct wire_pair *pairs;

    *told = (struct wire_pairs){NULL, 0};
    if (most == 0)
        return 0;
    pairs = call_memory_take(call, most * sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    *told = (struct wire_pairs){pairs, edits_tell(list, pairs)};
    return 0;
}

int call_request_write(struct call *call, struct wire_out *out)
{
    const struct call_request *request = call->message.as_request;
    struct message_http_req_reply reply = {.id = call->id};

    if (request->answered)
        return call_answer_reply(call, out);
    if (tell(call, &request->headers, &reply.headers) || tell(call, &request->args, &reply.args))
        return -ENOMEM;
    if (request->path_changed)
        reply.path = request->path;
    reply.resp_headers =
        (struct wire_pairs){request->response_headers.first, request->response_headers.count};
    reply.body = request->body;
    if (reply.path.data || reply.headers.count || reply.args.count || reply.resp_headers.count ||
        reply.body.data)
        reply.action = MESSAGE_ACTION_REWRITE;
    return message_write_http_req_reply(out, &reply);
}
