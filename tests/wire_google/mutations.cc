/* SPDX-License-Identifier: Apache-2.0 */
#include "mutations.h"

#include <cstring>

#include "verdict.h"

/* A number that is likely to be nearly right where it lands. */
static uint32_t tempting_number(Random &random, size_t size)
{
    switch (below(random, 6)) {
    case 0:
        return below(random, 17);
    case 1:
        return static_cast<uint32_t>(size) - below(random, 9);
    case 2:
        return 0u - below(random, 40);
    case 3:
        return below(random, static_cast<uint32_t>(size) + 1);
    case 4:
        return 1u << below(random, 32);
    default:
        return random();
    }
}

static void mutate_once(Bytes *payload, Random &random)
{
    static const size_t widths[] = {1, 2, 4};
    size_t width = widths[below(random, 3)];
    uint32_t size = static_cast<uint32_t>(payload->size());

    if (size < 8)
        return;
    size_t at = below(random, size - 4) & ~(width - 1);
    uint32_t number = 0;
    memcpy(&number, payload->data() + at, width);
    switch (below(random, 5)) {
    case 0: /* a little more or less */
        number += below(random, 17) - 8;
        break;
    case 1: /* the end is missing */
        payload->resize(1 + below(random, size));
        return;
    case 2: /* what stands elsewhere */
        memcpy(&number, payload->data() + (below(random, size - 4) & ~(width - 1)), width);
        break;
    default:
        number = tempting_number(random, size);
    }
    memcpy(payload->data() + at, &number, width);
}

Bytes mutate(Bytes payload, Random &random)
{
    for (uint32_t times = 1 + below(random, 3); times; times--)
        mutate_once(&payload, random);
    return payload;
}

const char *mutation_disagreement(Kind kind, const Bytes &payload, bool *accepted)
{
    const Subject &subject = verdict_subjects[static_cast<unsigned>(kind)];
    Verdict verdict = verdict_compare(subject, payload);
    Model read(kind);

    *accepted = verdict.ours && verdict.google;
    if (!verdict.agree)
        return verdict.ours ? "only we accept it" : "only Google accepts it";
    if (!google_verify(kind, payload) ||
        flatbuf_verify(payload.data(), static_cast<uint32_t>(payload.size()), subject.schema))
        return nullptr;

    if (!ours_read(kind, payload, &read)) {
        /* A union that has a type and no value, see wire/message.h. */
        const uint8_t *root = flatbuf_root(payload.data());
        bool valueless = (kind == Kind::HttpReqReply && !flatbuf_union(root, 2)) ||
                         (kind == Kind::ExtraInfo && !flatbuf_union(root, 1));
        return valueless ? nullptr : "the verifiers accept it and our reader does not";
    }
    return read == google_read(kind, payload) ? nullptr : "it reads differently";
}
