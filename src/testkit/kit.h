/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all tests of a program share: the plugins, the cells, and the log, which is
 * kept in memory. One thread, but kit's log can be written to by any.
 */
#ifndef TESTKIT_KIT_H
#define TESTKIT_KIT_H

#include "base/buffer.h"
#include "plugin/chain.h"
#include "plugin/loader.h"

#define KIT_CELLS 1024u

struct kit {
    struct registry registry;
    struct cells *cells;
    bool running;
};

/* The program's kit, started when it is first asked for. NULL: it cannot be started,
 * and a line on stderr says why. */
struct kit *kit_get(void);

/* Both: 0, or -errno after a line on stderr. */
int kit_add(const a6_plugin *plugin);
int kit_load(const char *file);

/* Shuts the plugins down. */
void kit_stop(void);

/* The log since kit_log_clear, each line as "LEVEL text\n"; terminated. */
void kit_log_clear(void);
const char *kit_log(void);

#endif
