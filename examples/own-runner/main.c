/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of one's own with the runner and its plugins in it: one file to ship.
 *
 *     own-runner [--NAME=VALUE]...    the options of `c-runner run`
 *     own-runner --version
 *
 * The plugins are in plugins/: A6_REGISTER makes them known, nothing here names them.
 */
#include <stdio.h>
#include <string.h>

#include <a6/runner.h>

#define OWN_VERSION "1.0.0"

/* "--log-level=debug" */
static int take_option(a6_runner_config *config, const char *text)
{
    const char *equals = strchr(text, '=');
    char name[64];
    char error[256];
    size_t len;

    if (strncmp(text, "--", 2) != 0 || !equals || (size_t)(equals - text - 2) >= sizeof(name)) {
        (void)fprintf(stderr, "own-runner: want --NAME=VALUE, not '%s'\n", text);
        return -1;
    }
    len = (size_t)(equals - text - 2);
    memcpy(name, text + 2, len);
    name[len] = '\0';
    if (a6_runner_set(config, name, equals + 1, error, sizeof(error)) < 0) {
        (void)fprintf(stderr, "own-runner: %s\n", error);
        return -1;
    }
    return 0;
}

/* What the gateway says in the environment, then what the command line says. */
static int configure(a6_runner_config *config, int argc, char **argv)
{
    int i;

    a6_runner_config_init(config);
    if (a6_runner_config_environment(config) < 0)
        return -1;
    for (i = 1; i < argc; i++) {
        if (take_option(config, argv[i]) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    a6_runner_config config;
    int status = 2;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("own-runner %s, with apisix-c-plugin-runner %s\n", OWN_VERSION, A6_VERSION);
        return 0;
    }
    if (configure(&config, argc, argv) == 0)
        status = a6_runner_run(&config);
    a6_runner_config_free(&config);
    return status;
}
