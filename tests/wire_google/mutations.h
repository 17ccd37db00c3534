/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged messages: both verifiers must judge them alike, and what both accept must
 * read alike. */
#ifndef WIRE_GOOGLE_MUTATIONS_H
#define WIRE_GOOGLE_MUTATIONS_H

#include "model.h"

Bytes mutate(Bytes payload, Random &random);

/* NULL, or what is different. Sets *accepted when both accept it. */
const char *mutation_disagreement(Kind kind, const Bytes &payload, bool *accepted);

#endif
