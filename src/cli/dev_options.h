/* SPDX-License-Identifier: Apache-2.0 */
/* What `c-runner dev` was asked for. */
#ifndef CLI_DEV_OPTIONS_H
#define CLI_DEV_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define DEV_PLUGINS_MAX 64

struct dev_options {
    const char *config; /* a file, or NULL */
    const char *routes;
    const char *data;
    const char *plugins[DEV_PLUGINS_MAX]; /* files for our own runner */
    size_t plugin_count;
    const char *plugin_dir;
    const char *nginx;
    const char *module;
    long port, admin_port; /* 0: what the configuration says */
    long echo;             /* port of an upstream that echoes; 0: none */
    bool watch;
    bool print_apisix;
    bool help;
};

/* 0, or the exit status of usage that is wrong, told on stderr. */
int dev_options_take(struct dev_options *options, int argc, char **argv);

void dev_options_help(void);

#endif
