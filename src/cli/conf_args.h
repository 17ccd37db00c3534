/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins that a command line names for one conf: --plugin NAME [--conf TEXT|@FILE]...,
 * a conf belonging to the plugin before it. One thread.
 */
#ifndef CLI_CONF_ARGS_H
#define CLI_CONF_ARGS_H

#include "client/http_args.h"

#define CONF_ARGS_MAX 64

struct conf_args {
    struct wire_pair plugins[CONF_ARGS_MAX];
    uint32_t count;
};

/* Borrowed. 0; -E2BIG; -EINVAL for an empty name or a conf without its plugin. */
int conf_args_plugin(struct conf_args *confs, const char *name);
int conf_args_conf(struct conf_args *confs, struct wire_str text);

/* The two options. Read from a file, a conf lives in http. EXIT_OK, or EXIT_USAGE after a
 * line on stderr. */
int conf_args_take_plugin(struct conf_args *confs, const char *name);
int conf_args_take_conf(struct conf_args *confs, struct http_args *http, const char *text);

static inline struct wire_pairs conf_args_pairs(const struct conf_args *confs)
{
    return (struct wire_pairs){.first = confs->plugins, .count = confs->count};
}

#endif
