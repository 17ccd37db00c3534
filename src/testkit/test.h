/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an a6_test.
 */
#ifndef TESTKIT_TEST_H
#define TESTKIT_TEST_H

#include <a6/test.h>

#include "testkit/stage_http.h"

#define TEST_PLUGINS_MAX 32u

struct a6_test {
    struct http_args http; /* the message, as the gateway would have it */
    struct chain_conf confs[TEST_PLUGINS_MAX];
    uint32_t conf_count;
    struct stage stage;
    struct chain *chain; /* made at the first run */
    bool finished;       /* the message is whole: it cannot be changed any more */
    bool broken;         /* a line on stderr has said why */

    /* of the last run */
    struct arena arena;
    struct apply_outcome outcome;
    char *log;
};

#endif
