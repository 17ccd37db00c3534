/* SPDX-License-Identifier: Apache-2.0 */
#include <functional>
#include <utility>

#include "ext-plugin_generated.h"
#include "model.h"

namespace fb = flatbuffers;
using namespace A6;

/* ---- writing ---- */

class Writer
{
  public:
    explicit Writer(Random &random) : random_(random)
    {
        builder_.ForceDefaults(below(random, 2));
        builder_.DedupVtables(below(random, 4) != 0);
    }

    Bytes write(const Model &model)
    {
        auto root = message(model);
        builder_.Finish(fb::Offset<void>(root));
        return Bytes(builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize());
    }

  private:
    using Field = std::function<void()>;

    /* The slots of a field that our schema does not have yet. */
    enum { later_slots = 30 };

    fb::uoffset_t table(std::vector<Field> fields)
    {
        fb::uoffset_t later = 0;
        if (!below(random_, 4)) {
            later = builder_.CreateString("of a later schema").o;
            fields.push_back([this] { number<uint8_t>(later_slots, 7); });
            fields.push_back([this] { number<uint64_t>(later_slots + 2, ~0ull); });
            fields.push_back([this, later] { offset(later_slots + 4, later); });
        }
        std::shuffle(fields.begin(), fields.end(), random_);
        auto start = builder_.StartTable();
        for (auto &field : fields)
            field();
        return builder_.EndTable(start);
    }

    template <typename T> void number(int slot, T value)
    {
        builder_.AddElement<T>(static_cast<fb::voffset_t>(slot), value, 0);
    }

    /* An absent thing has offset 0. */
    void offset(int slot, fb::uoffset_t to)
    {
        if (to)
            builder_.AddOffset(static_cast<fb::voffset_t>(slot), fb::Offset<void>(to));
    }

    fb::uoffset_t string(const Text &text)
    {
        if (!text)
            return 0;
        return below(random_, 2) ? builder_.CreateSharedString(*text).o
                                 : builder_.CreateString(*text).o;
    }

    fb::uoffset_t bytes(const Text &text)
    {
        if (!text)
            return 0;
        return builder_.CreateVector(reinterpret_cast<const uint8_t *>(text->data()), text->size())
            .o;
    }

    fb::uoffset_t pairs(const Pairs &pairs)
    {
        if (!pairs)
            return 0;
        std::vector<fb::Offset<TextEntry>> entries;
        for (const Pair &pair : *pairs) {
            bool omit = pair.name.empty() && below(random_, 2);
            auto name = omit ? 0 : string(pair.name);
            auto value = string(pair.value);
            entries.emplace_back(table({[=] { offset(TextEntry::VT_NAME, name); },
                                        [=] { offset(TextEntry::VT_VALUE, value); }}));
        }
        return builder_.CreateVector(entries).o;
    }

    fb::uoffset_t action(const Model &m)
    {
        using HTTPReqCall::Rewrite;
        using HTTPReqCall::Stop;
        auto body = bytes(m.body);
        auto headers = pairs(m.headers);
        if (m.type == 1)
            return table({[=] { number(Stop::VT_STATUS, m.status); },
                          [=] { offset(Stop::VT_HEADERS, headers); },
                          [=] { offset(Stop::VT_BODY, body); }});
        auto path = string(m.path);
        auto args = pairs(m.args);
        auto resp_headers = pairs(m.resp_headers);
        return table({[=] { offset(Rewrite::VT_PATH, path); },
                      [=] { offset(Rewrite::VT_HEADERS, headers); },
                      [=] { offset(Rewrite::VT_ARGS, args); },
                      [=] { offset(Rewrite::VT_RESP_HEADERS, resp_headers); },
                      [=] { offset(Rewrite::VT_BODY, body); }});
    }

    fb::uoffset_t http_req_call(const Model &m)
    {
        using HTTPReqCall::Req;
        auto source = bytes(m.source);
        auto path = string(m.path);
        auto args = pairs(m.args);
        auto headers = pairs(m.headers);
        return table({[=] { number(Req::VT_ID, m.id); }, [=] { offset(Req::VT_SRC_IP, source); },
                      [=] { number(Req::VT_METHOD, m.method); },
                      [=] { offset(Req::VT_PATH, path); }, [=] { offset(Req::VT_ARGS, args); },
                      [=] { offset(Req::VT_HEADERS, headers); },
                      [=] { number(Req::VT_CONF_TOKEN, m.token); }});
    }

    fb::uoffset_t message(const Model &m)
    {
        switch (m.kind) {
        case Kind::Error:
            return table({[=] { number(Err::Resp::VT_CODE, m.code); }});
        case Kind::PrepareConf: {
            auto key = string(m.key);
            auto conf = pairs(m.conf);
            return table({[=] { offset(PrepareConf::Req::VT_KEY, key); },
                          [=] { offset(PrepareConf::Req::VT_CONF, conf); }});
        }
        case Kind::PrepareConfReply:
            return table({[=] { number(PrepareConf::Resp::VT_CONF_TOKEN, m.token); }});
        case Kind::HttpReqCall:
            return http_req_call(m);
        case Kind::HttpReqReply: {
            auto value = m.type ? action(m) : 0;
            return table({[=] { number(HTTPReqCall::Resp::VT_ID, m.id); },
                          [=] { number(HTTPReqCall::Resp::VT_ACTION_TYPE, m.type); },
                          [=] { offset(HTTPReqCall::Resp::VT_ACTION, value); }});
        }
        case Kind::ExtraInfo: {
            auto name = string(m.name);
            auto info = table({[=] { offset(ExtraInfo::Var::VT_NAME, name); }});
            return table({[=] { number(ExtraInfo::Req::VT_INFO_TYPE, m.type); },
                          [=] { offset(ExtraInfo::Req::VT_INFO, info); }});
        }
        case Kind::ExtraInfoReply: {
            auto result = bytes(m.body);
            return table({[=] { offset(ExtraInfo::Resp::VT_RESULT, result); }});
        }
        case Kind::HttpRespCall: {
            using HTTPRespCall::Req;
            auto headers = pairs(m.headers);
            return table({[=] { number(Req::VT_ID, m.id); },
                          [=] { number(Req::VT_STATUS, m.status); },
                          [=] { offset(Req::VT_HEADERS, headers); },
                          [=] { number(Req::VT_CONF_TOKEN, m.token); }});
        }
        case Kind::HttpRespReply: {
            using HTTPRespCall::Resp;
            auto headers = pairs(m.headers);
            auto body = bytes(m.body);
            return table(
                {[=] { number(Resp::VT_ID, m.id); }, [=] { number(Resp::VT_STATUS, m.status); },
                 [=] { offset(Resp::VT_HEADERS, headers); }, [=] { offset(Resp::VT_BODY, body); }});
        }
        }
        return 0;
    }

    Random &random_;
    fb::FlatBufferBuilder builder_;
};

Bytes google_write(const Model &model, Random &random)
{
    return Writer(random).write(model);
}

/* ---- reading ---- */

template <typename T> static bool verify(const Bytes &payload)
{
    return fb::Verifier(payload.data(), payload.size()).VerifyBuffer<T>();
}

bool google_verify(Kind kind, const Bytes &payload)
{
    switch (kind) {
    case Kind::Error:
        return verify<Err::Resp>(payload);
    case Kind::PrepareConf:
        return verify<PrepareConf::Req>(payload);
    case Kind::PrepareConfReply:
        return verify<PrepareConf::Resp>(payload);
    case Kind::HttpReqCall:
        return verify<HTTPReqCall::Req>(payload);
    case Kind::HttpReqReply:
        return verify<HTTPReqCall::Resp>(payload);
    case Kind::ExtraInfo:
        return verify<ExtraInfo::Req>(payload);
    case Kind::ExtraInfoReply:
        return verify<ExtraInfo::Resp>(payload);
    case Kind::HttpRespCall:
        return verify<HTTPRespCall::Req>(payload);
    case Kind::HttpRespReply:
        return verify<HTTPRespCall::Resp>(payload);
    }
    return false;
}

static Text text(const fb::String *string)
{
    return string ? Text(string->str()) : Text();
}

static Text text(const fb::Vector<uint8_t> *bytes)
{
    return bytes ? Text(std::string(bytes->begin(), bytes->end())) : Text();
}

static Pairs pairs(const fb::Vector<fb::Offset<TextEntry>> *entries)
{
    if (!entries)
        return {};
    std::vector<Pair> pairs;
    for (const TextEntry *entry : *entries)
        pairs.push_back({entry->name() ? entry->name()->str() : "", text(entry->value())});
    return pairs;
}

static void read_action(const HTTPReqCall::Resp *reply, Model *model)
{
    if (auto stop = reply->action_as_Stop()) {
        model->status = stop->status();
        model->headers = pairs(stop->headers());
        model->body = text(stop->body());
    } else if (auto rewrite = reply->action_as_Rewrite()) {
        model->path = text(rewrite->path());
        model->headers = pairs(rewrite->headers());
        model->args = pairs(rewrite->args());
        model->resp_headers = pairs(rewrite->resp_headers());
        model->body = text(rewrite->body());
    }
}

template <typename T> static const T *root(const Bytes &payload)
{
    return fb::GetRoot<T>(payload.data());
}

Model google_read(Kind kind, const Bytes &payload)
{
    Model model(kind);

    switch (kind) {
    case Kind::Error:
        model.code = static_cast<uint8_t>(root<Err::Resp>(payload)->code());
        break;
    case Kind::PrepareConf:
        model.key = text(root<PrepareConf::Req>(payload)->key());
        model.conf = pairs(root<PrepareConf::Req>(payload)->conf());
        break;
    case Kind::PrepareConfReply:
        model.token = root<PrepareConf::Resp>(payload)->conf_token();
        break;
    case Kind::HttpReqCall: {
        auto call = root<HTTPReqCall::Req>(payload);
        model.id = call->id();
        model.token = call->conf_token();
        model.method = static_cast<uint8_t>(call->method());
        model.source = text(call->src_ip());
        model.path = text(call->path());
        model.args = pairs(call->args());
        model.headers = pairs(call->headers());
        break;
    }
    case Kind::HttpReqReply:
        model.id = root<HTTPReqCall::Resp>(payload)->id();
        model.type = static_cast<uint8_t>(root<HTTPReqCall::Resp>(payload)->action_type());
        read_action(root<HTTPReqCall::Resp>(payload), &model);
        break;
    case Kind::ExtraInfo: {
        auto question = root<ExtraInfo::Req>(payload);
        model.type = static_cast<uint8_t>(question->info_type());
        if (auto var = question->info_as_Var())
            model.name = text(var->name());
        break;
    }
    case Kind::ExtraInfoReply:
        model.body = text(root<ExtraInfo::Resp>(payload)->result());
        break;
    case Kind::HttpRespCall: {
        auto call = root<HTTPRespCall::Req>(payload);
        model.id = call->id();
        model.token = call->conf_token();
        model.status = call->status();
        model.headers = pairs(call->headers());
        break;
    }
    case Kind::HttpRespReply: {
        auto reply = root<HTTPRespCall::Resp>(payload);
        model.id = reply->id();
        model.status = reply->status();
        model.headers = pairs(reply->headers());
        model.body = text(reply->body());
        break;
    }
    }
    return model;
}
