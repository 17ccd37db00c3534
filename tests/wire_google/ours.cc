/* SPDX-License-Identifier: Apache-2.0 */
#include <cstdlib>
#include <cstring>

#include "model.h"

extern "C" {
#include "wire/message.h"
}

/* ---- writing ---- */

static wire_str whole(const std::string &string)
{
    return {string.data(), static_cast<uint32_t>(string.size())};
}

static wire_str str(const Text &text)
{
    return text ? whole(*text) : wire_str{nullptr, 0};
}

/* The entries of pairs, as long as this lives. */
struct Entries {
    explicit Entries(const Pairs &pairs)
    {
        if (!pairs)
            return;
        for (const Pair &pair : *pairs)
            entries.push_back({whole(pair.name), str(pair.value)});
    }
    operator wire_pairs() const
    {
        return {entries.data(), static_cast<uint32_t>(entries.size())};
    }
    std::vector<wire_pair> entries;
};

static int grow(wire_out *out, size_t more)
{
    auto data = static_cast<uint8_t *>(realloc(out->data, out->len + more));
    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = out->len + more;
    return 0;
}

static int write_to(wire_out *out, const Model &m)
{
    Entries conf(m.conf), args(m.args), headers(m.headers), resp_headers(m.resp_headers);

    switch (m.kind) {
    case Kind::Error:
        return message_write_error(out, static_cast<message_error>(m.code));
    case Kind::PrepareConf:
        return message_write_prepare_conf(out, str(m.key), conf);
    case Kind::PrepareConfReply:
        return message_write_prepare_conf_reply(out, m.token);
    case Kind::HttpReqCall: {
        message_http_req_call_write call = {m.id,        m.token, m.method, str(m.source),
                                            str(m.path), args,    headers};
        return message_write_http_req_call(out, &call);
    }
    case Kind::HttpReqReply: {
        message_http_req_reply reply = {m.id,         static_cast<message_action>(m.type),
                                        m.status,     str(m.path),
                                        headers,      args,
                                        resp_headers, str(m.body)};
        return message_write_http_req_reply(out, &reply);
    }
    case Kind::ExtraInfo:
        return message_write_extra_info(out, static_cast<message_info>(m.type), str(m.name));
    case Kind::ExtraInfoReply:
        return message_write_extra_info_reply(out, str(m.body));
    case Kind::HttpRespCall: {
        message_http_resp_call_write call = {m.id, m.token, m.status, headers};
        return message_write_http_resp_call(out, &call);
    }
    case Kind::HttpRespReply: {
        message_http_resp_reply reply = {m.id, m.status, headers, str(m.body)};
        return message_write_http_resp_reply(out, &reply);
    }
    }
    return -EINVAL;
}

Bytes ours_write(const Model &model, bool with_tail)
{
    wire_out out = {};
    Bytes frame;

    out.grow = grow;
    out.tail_from = with_tail ? 1 : SIZE_MAX;
    if (write_to(&out, model) == 0) {
        frame.assign(out.data, out.data + out.len);
        auto tail = static_cast<const uint8_t *>(out.tail);
        frame.insert(frame.end(), tail, tail + out.tail_len);
    }
    free(out.data);
    return frame;
}

/* ---- reading ---- */

static Text text(wire_str str)
{
    return str.data ? Text(std::string(str.data, str.len)) : Text();
}

static Pairs pairs(wire_vector vector)
{
    if (!vector.first)
        return {};
    std::vector<Pair> pairs;
    for (uint32_t i = 0; i < vector.count; i++) {
        wire_pair pair = message_pair_at(vector, i);
        pairs.push_back({std::string(pair.name.data, pair.name.len), text(pair.value)});
    }
    return pairs;
}

static bool read_from_gateway(const uint8_t *payload, uint32_t size, Model *m)
{
    message_prepare_conf conf;
    message_http_req_call req;
    message_http_resp_call resp;
    message_extra_info_reply info;

    switch (m->kind) {
    case Kind::PrepareConf:
        if (message_read_prepare_conf(payload, size, &conf))
            return false;
        m->key = text(conf.key);
        m->conf = pairs(conf.conf);
        return true;
    case Kind::HttpReqCall:
        if (message_read_http_req_call(payload, size, &req))
            return false;
        m->id = req.id;
        m->token = req.conf_token;
        m->method = req.method;
        m->source = text(req.source);
        m->path = text(req.path);
        m->args = pairs(req.args);
        m->headers = pairs(req.headers);
        return true;
    case Kind::HttpRespCall:
        if (message_read_http_resp_call(payload, size, &resp))
            return false;
        m->id = resp.id;
        m->token = resp.conf_token;
        m->status = resp.status;
        m->headers = pairs(resp.headers);
        return true;
    default:
        if (message_read_extra_info_reply(payload, size, &info))
            return false;
        m->body = text(info.result);
        return true;
    }
}

static bool read_http_req_reply(const uint8_t *payload, uint32_t size, Model *m)
{
    message_http_req_reply_view reply;

    if (message_read_http_req_reply(payload, size, &reply))
        return false;
    m->id = reply.id;
    m->type = reply.action;
    m->status = reply.status;
    m->path = text(reply.path);
    m->headers = pairs(reply.headers);
    m->args = pairs(reply.args);
    m->resp_headers = pairs(reply.resp_headers);
    m->body = text(reply.body);
    return true;
}

static bool read_from_runner(const uint8_t *payload, uint32_t size, Model *m)
{
    message_extra_info info;
    message_http_resp_reply_view resp;

    switch (m->kind) {
    case Kind::Error:
        return message_read_error(payload, size, &m->code) == 0;
    case Kind::PrepareConfReply:
        return message_read_prepare_conf_reply(payload, size, &m->token) == 0;
    case Kind::HttpReqReply:
        return read_http_req_reply(payload, size, m);
    case Kind::ExtraInfo:
        if (message_read_extra_info(payload, size, &info))
            return false;
        /* C lets an enum hold any number, C++ does not. */
        memcpy(&m->type, &info.type, 1);
        m->name = text(info.name);
        return true;
    default:
        if (message_read_http_resp_reply(payload, size, &resp))
            return false;
        m->id = resp.id;
        m->status = resp.status;
        m->headers = pairs(resp.headers);
        m->body = text(resp.body);
        return true;
    }
}

bool ours_read(Kind kind, const Bytes &payload, Model *model)
{
    auto size = static_cast<uint32_t>(payload.size());
    *model = Model{kind};
    if (kind == Kind::PrepareConf || kind == Kind::HttpReqCall || kind == Kind::HttpRespCall ||
        kind == Kind::ExtraInfoReply)
        return read_from_gateway(payload.data(), size, model);
    return read_from_runner(payload.data(), size, model);
}
