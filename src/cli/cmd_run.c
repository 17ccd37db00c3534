/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c-runner run: serve until told to stop.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <a6/runner.h>

#include "base/places.h"
#include "cli/commands.h"
#include "cli/options_text.h"
#include "cli/run_options.h"
#include "server/config.h"

static void print_usage(FILE *out)
{
    fprintf(out, "usage: c-runner run [OPTION...]\n\n"
                 "Serves the gateway's calls with plugins, on the socket that\n"
                 "APISIX_LISTEN_ADDRESS=unix:/path names. The gateway starts it; by hand:\n\n"
                 "    APISIX_LISTEN_ADDRESS=unix:/tmp/runner.sock c-runner run\n\n"
                 "Every option can also be set in the file of --config (`log-level: info`) and in\n"
                 "the environment (A6_RUNNER_LOG_LEVEL=info). A flag is stronger than the\n"
                 "environment, and that is stronger than the file.\n\n");
    options_text_help(out);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

static int load(a6_runner_config *config, int argc, char **argv, char *plugins, size_t size)
{
    char error[RUN_OPTIONS_ERROR_MAX];
    int result = run_options_load(config, argc, argv, error, sizeof(error));

    if (result == 0)
        result = config_check(config, error, sizeof(error));
    if (result < 0) {
        fprintf(stderr, "c-runner: %s\n", error);
        return result;
    }
    if (!config->plugin_dirs && places_plugin_dir(plugins, size) == 0)
        config->plugin_dirs = plugins;
    return 0;
}

int cmd_run(int argc, char **argv)
{
    a6_runner_config config;
    char plugins[PATH_MAX];
    int status = 1;

    if (asks_for_help(argc, argv)) {
        print_usage(stdout);
        return 0;
    }
    if (load(&config, argc, argv, plugins, sizeof(plugins)) == 0)
        status = a6_runner_run(&config);
    a6_runner_config_free(&config);
    return status;
}
