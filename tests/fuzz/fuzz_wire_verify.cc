/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our verifier and Google's judge every payload alike, but for the exceptions that
 * wire/flatbuf.h names. The first byte says which message it is.
 */
#include <cstdio>
#include <cstdlib>

#include "../wire_google/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const Subject &subject = verdict_subjects[data[0] % verdict_subject_count];
    Verdict verdict = verdict_compare(subject, std::vector<uint8_t>(data + 1, data + size));
    if (!verdict.agree) {
        fprintf(stderr, "%s: only %s\n", subject.schema->name,
                verdict.ours ? "we accept it" : "Google accepts it");
        abort();
    }
    return 0;
}
