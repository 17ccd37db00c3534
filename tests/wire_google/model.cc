/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

static std::string some_text(Random &random)
{
    static const uint32_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 30, 200};
    std::string text(lengths[below(random, 10)], 0);
    for (char &c : text)
        c = static_cast<char>(below(random, 256));
    return text;
}

static Text maybe_text(Random &random)
{
    return below(random, 4) ? Text(some_text(random)) : Text();
}

static Pairs maybe_pairs(Random &random)
{
    if (!below(random, 4))
        return {};
    std::vector<Pair> pairs(1 + below(random, below(random, 20) ? 6 : 100));
    for (Pair &pair : pairs)
        pair = {some_text(random), maybe_text(random)};
    return pairs;
}

static uint32_t some_number(Random &random)
{
    static const uint32_t numbers[] = {0, 1, 200, 0x80000000, 0xffffffff};
    return below(random, 2) ? numbers[below(random, 5)] : random();
}

static void random_action(Model *model, Random &random)
{
    model->type = static_cast<uint8_t>(below(random, 3));
    if (!model->type)
        return;
    model->headers = maybe_pairs(random);
    model->body = maybe_text(random);
    if (model->type == 1)
        model->status = static_cast<uint16_t>(some_number(random));
    if (model->type == 2) {
        model->path = maybe_text(random);
        model->args = maybe_pairs(random);
        model->resp_headers = maybe_pairs(random);
    }
}

Model model_random(Kind kind, Random &random)
{
    Model model(kind);

    switch (kind) {
    case Kind::Error:
        model.code = static_cast<uint8_t>(below(random, 3));
        break;
    case Kind::PrepareConf:
        model.key = maybe_text(random);
        model.conf = maybe_pairs(random);
        break;
    case Kind::PrepareConfReply:
        model.token = some_number(random);
        break;
    case Kind::HttpReqCall:
        model.id = some_number(random);
        model.token = some_number(random);
        model.method = static_cast<uint8_t>(below(random, 15));
        model.source = maybe_text(random);
        model.path = maybe_text(random);
        model.args = maybe_pairs(random);
        model.headers = maybe_pairs(random);
        break;
    case Kind::HttpReqReply:
        model.id = some_number(random);
        random_action(&model, random);
        break;
    case Kind::ExtraInfo:
        model.type = static_cast<uint8_t>(1 + below(random, 3));
        if (model.type == 1)
            model.name = maybe_text(random);
        break;
    case Kind::ExtraInfoReply:
        model.body = maybe_text(random);
        break;
    case Kind::HttpRespCall:
        model.token = some_number(random);
        [[fallthrough]];
    case Kind::HttpRespReply:
        model.id = some_number(random);
        model.status = static_cast<uint16_t>(some_number(random));
        model.headers = maybe_pairs(random);
        if (kind == Kind::HttpRespReply)
            model.body = maybe_text(random);
        break;
    }
    return model;
}
