/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message says, in a form that belongs to neither implementation. Every
 * message is told in one struct, with the parts that it has not left alone, so that
 * two readings can be compared without knowing the message.
 */
#ifndef WIRE_GOOGLE_MODEL_H
#define WIRE_GOOGLE_MODEL_H

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

enum class Kind {
    Error,
    PrepareConf,
    PrepareConfReply,
    HttpReqCall,
    HttpReqReply,
    ExtraInfo,
    ExtraInfoReply,
    HttpRespCall,
    HttpRespReply,
};
constexpr int kind_count = 9;

using Text = std::optional<std::string>;

struct Pair {
    std::string name;
    Text value;
    bool operator==(const Pair &other) const
    {
        return name == other.name && value == other.value;
    }
};
using Pairs = std::optional<std::vector<Pair>>;

struct Model {
    explicit Model(Kind of) : kind(of)
    {
    }

    Kind kind;
    uint32_t id = 0, token = 0;
    uint16_t status = 0;
    uint8_t method = 0, code = 0, type = 0; /* type: of the union */
    Text key, path, source, name, body;
    Pairs conf, args, headers, resp_headers;

    auto all() const
    {
        return std::tie(kind, id, token, status, method, code, type, key, path, source, name, body,
                        conf, args, headers, resp_headers);
    }
    bool operator==(const Model &other) const
    {
        return all() == other.all();
    }
};

using Random = std::mt19937;

inline uint32_t below(Random &random, uint32_t end)
{
    return std::uniform_int_distribution<uint32_t>(0, end - 1)(random);
}

using Bytes = std::vector<uint8_t>;

/* A random message. A vector that is there has an entry, because our writers leave an
 * empty one out. */
Model model_random(Kind kind, Random &random);

/* A payload, to and from Google's implementation. The encoder takes every freedom
 * that the format gives: order of fields, defaults written or not, vtables and strings
 * shared or not, names left out when empty, fields of a later schema. */
Bytes google_write(const Model &model, Random &random);
bool google_verify(Kind kind, const Bytes &payload);
Model google_read(Kind kind, const Bytes &payload);

/* The same by ours. A write gives the whole frame; read is false when it refuses. */
Bytes ours_write(const Model &model, bool with_tail);
bool ours_read(Kind kind, const Bytes &payload, Model *model);

#endif
