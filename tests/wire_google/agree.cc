/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ours and Google's FlatBuffers agree on random messages, both ways, and on damaged
 * ones. The seed is fixed; a failure says which message it was.
 */
#include <cstdio>

#include "model.h"
#include "mutations.h"

enum { rounds = 2000, mutations = 12 };

static int failures;
static int accepted_mutants, refused_mutants;

static void check(bool ok, const char *what, Kind kind, int round)
{
    if (ok)
        return;
    if (failures++ < 20)
        fprintf(stderr, "message kind %d, round %d: %s\n", static_cast<int>(kind), round, what);
}

static void written_by_google(Kind kind, int round, Random &random)
{
    Model model = model_random(kind, random);
    Bytes payload = google_write(model, random);
    Model read(kind);

    check(google_verify(kind, payload), "Google refuses what Google wrote", kind, round);
    bool accepted = ours_read(kind, payload, &read);
    check(accepted, "we refuse what Google wrote", kind, round);
    check(!accepted || read == model, "we misread what Google wrote", kind, round);
}

static void written_by_us(Kind kind, int round, Random &random)
{
    Model model = model_random(kind, random);
    Bytes frame = ours_write(model, below(random, 2));
    Model read(kind);

    check(frame.size() > 4, "we cannot write it", kind, round);
    if (frame.size() <= 4)
        return;
    size_t length =
        static_cast<size_t>(frame[1]) << 16 | static_cast<size_t>(frame[2]) << 8 | frame[3];
    check(length == frame.size() - 4, "the frame's length is not its payload's", kind, round);
    Bytes payload(frame.begin() + 4, frame.end());
    bool accepted = google_verify(kind, payload);
    check(accepted, "Google refuses what we wrote", kind, round);
    check(!accepted || google_read(kind, payload) == model, "Google misreads what we wrote", kind,
          round);
    check(ours_read(kind, payload, &read) && read == model, "we misread what we wrote", kind,
          round);
}

static void damaged(Kind kind, int round, Random &random)
{
    Model model = model_random(kind, random);
    Bytes payload = google_write(model, random);

    if (below(random, 2)) {
        payload = ours_write(model, false);
        payload.erase(payload.begin(), payload.begin() + 4);
    }
    for (int i = 0; i < mutations; i++) {
        bool accepted;
        const char *what = mutation_disagreement(kind, mutate(payload, random), &accepted);
        check(!what, what, kind, round);
        (accepted ? accepted_mutants : refused_mutants)++;
    }
}

/* A test of refusals is worth nothing if all or none are refused. */
static void check_mutants()
{
    printf("damaged messages: %d accepted, %d refused\n", accepted_mutants, refused_mutants);
    if (accepted_mutants < 10000 || refused_mutants < 10000) {
        fprintf(stderr, "the damage is too small or too great to tell anything\n");
        failures++;
    }
}

int main()
{
    Random random(7);

    for (int kind = 0; kind < kind_count; kind++) {
        for (int round = 0; round < rounds; round++) {
            written_by_google(static_cast<Kind>(kind), round, random);
            written_by_us(static_cast<Kind>(kind), round, random);
            damaged(static_cast<Kind>(kind), round, random);
        }
    }
    check_mutants();
    if (failures)
        fprintf(stderr, "%d disagreements\n", failures);
    return failures != 0;
}
