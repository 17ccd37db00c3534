/* SPDX-License-Identifier: Apache-2.0 */
/* What `c-runner dev` was asked for. */
#ifndef DEV_OPTIONS_H
#define DEV_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_PLUGINS_MAX 64

struct options {
    const char *config; /* a file, or NULL */
    const char *routes;
    const char *data;
    const char *plugins[OPTIONS_PLUGINS_MAX]; /* files for our own runner */
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

/* The folder below which the Admin API keeps its routes, when none is named. */
#define OPTIONS_DATA ".c-runner-dev"

/* `name` in the folder of the configuration file, or here; path has PATH_MAX bytes. */
void options_beside_config(const struct options *options, const char *name, char *path);

/* 0, or the exit status of usage that is wrong, told on stderr. */
int options_take(struct options *options, int argc, char **argv);

void options_help(void);

#endif
