/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether our verifier and Google's judge a payload alike, with the two exceptions
 * that wire/flatbuf.h names taken into account. For the tests here and the fuzzer.
 */
#ifndef WIRE_GOOGLE_VERDICT_H
#define WIRE_GOOGLE_VERDICT_H

#include <cstdint>
#include <cstring>
#include <vector>

#include "ext-plugin_generated.h"

extern "C" {
#include "wire/schema.h"
}

struct Subject {
    const flatbuf_table *schema;
    bool (*google)(const std::vector<uint8_t> &payload);
};

template <typename T> bool verdict_google(const std::vector<uint8_t> &payload)
{
    return flatbuffers::Verifier(payload.data(), payload.size()).VerifyBuffer<T>();
}

/* In the order of Kind. */
inline const Subject verdict_subjects[] = {
    {&schema_error, verdict_google<A6::Err::Resp>},
    {&schema_prepare_conf, verdict_google<A6::PrepareConf::Req>},
    {&schema_prepare_conf_reply, verdict_google<A6::PrepareConf::Resp>},
    {&schema_http_req_call, verdict_google<A6::HTTPReqCall::Req>},
    {&schema_http_req_reply, verdict_google<A6::HTTPReqCall::Resp>},
    {&schema_extra_info, verdict_google<A6::ExtraInfo::Req>},
    {&schema_extra_info_reply, verdict_google<A6::ExtraInfo::Resp>},
    {&schema_http_resp_call, verdict_google<A6::HTTPRespCall::Req>},
    {&schema_http_resp_reply, verdict_google<A6::HTTPRespCall::Resp>},
};
constexpr unsigned verdict_subject_count = sizeof(verdict_subjects) / sizeof(verdict_subjects[0]);

/* What a payload that one of the two accepts has in it. */
struct Contents {
    uint64_t bytes = 0;               /* of strings and byte vectors */
    std::vector<size_t> unterminated; /* where an empty string lacks its zero */
};

inline void verdict_walk(const uint8_t *payload, const uint8_t *table, const flatbuf_table *schema,
                         Contents *contents)
{
    for (unsigned slot = 0; slot < schema->count; slot++) {
        const flatbuf_field &field = schema->fields[slot];
        const uint8_t *target;
        if (field.kind <= FLATBUF_U32 || field.kind == FLATBUF_UNION_TYPE ||
            !(target = flatbuf_follow(flatbuf_field_at(table, slot))))
            continue;
        uint32_t count = flatbuf_load_u32(target);
        if (field.kind == FLATBUF_UNION) {
            uint8_t type = flatbuf_u8(table, slot - 1);
            if (type && type <= field.members)
                verdict_walk(payload, target, field.union_tables[type], contents);
        } else if (field.kind == FLATBUF_TABLES) {
            for (uint32_t i = 0; i < count; i++)
                verdict_walk(payload, flatbuf_table_at({target + 4, count}, i), field.table,
                             contents);
        } else {
            contents->bytes += count;
            if (field.kind == FLATBUF_STRING && count == 0 && target[4] != 0)
                contents->unterminated.push_back(static_cast<size_t>(target + 4 - payload));
        }
    }
}

struct Verdict {
    bool ours, google; /* accepted */
    bool agree;
};

/* When only we accept, every empty string gets its zero, and both are asked again:
 * whatever else is wrong with the payload is then still wrong. */
inline Verdict verdict_compare(const Subject &subject, std::vector<uint8_t> payload)
{
    for (;;) {
        Verdict verdict = {};
        verdict.ours = flatbuf_verify(payload.data(), static_cast<uint32_t>(payload.size()),
                                      subject.schema) == 0;
        verdict.google = subject.google(payload);
        verdict.agree = verdict.ours == verdict.google;
        if (verdict.agree)
            return verdict;

        Contents contents;
        verdict_walk(payload.data(), flatbuf_root(payload.data()), subject.schema, &contents);
        if (verdict.google) {
            verdict.agree = contents.bytes > FLATBUF_CONTENT_MAX;
            return verdict;
        }
        if (contents.unterminated.empty())
            return verdict;
        for (size_t at : contents.unterminated)
            payload[at] = 0;
    }
}

#endif
