/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads plugins into this process and plays a call through them; for `c-runner try` and
 * `check`. One thread.
 */
#ifndef CLI_TRY_RUN_H
#define CLI_TRY_RUN_H

#include "plugin/loader.h"
#include "testkit/stage_http.h"

struct try_run {
    struct registry registry;
    struct cells *cells;
    struct stage stage;            /* holds the reply that an outcome shows */
    char error[LOADER_ERROR_SIZE]; /* after a failure, terminated */
};

/* 0, -ENOMEM; try_run_free is due in any case. */
int try_run_init(struct try_run *run);

/* Shuts the plugins down and unloads them. */
void try_run_free(struct try_run *run);

/* Loads the files, up to a NULL, and calls the plugins' init. 0, or -errno with
 * run->error. */
int try_run_load(struct try_run *run, char *const *files);

/* Parses the confs of the plugins. 0 with a chain that is to
 * be dropped; -EINVAL: a plugin is unknown or refused its conf, which was logged;
 * -ENOMEM. Negative: with run->error. */
int try_run_parse(struct try_run *run, struct wire_pairs plugins, struct chain **chain);

/* Runs the call through the plugins. The outcome borrows from http and run. 0, or -errno with
 * run->error. */
int try_run_play(struct try_run *run, struct wire_pairs plugins, struct http_args *http,
                 struct apply_outcome *outcome);

#endif
