/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment as a source of options.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "server/config.h"

#define PREFIX "A6_RUNNER_"
#define VARIABLE_MAX 64

/* Sets one option from a variable; the error then begins with the variable's name. */
static int set_from(a6_runner_config *config, const struct config_option *option,
                    const char *variable, const char *value, char *error, size_t size)
{
    char why[256];
    int result;

    config_clear(config, option);
    result = config_set(config, option, value, why, sizeof(why));
    if (result < 0)
        snprintf(error, size, "environment: %s: %s", variable, why);
    return result;
}

/* What the gateway sets. */
static int take_gateways(a6_runner_config *config, char *error, size_t size)
{
    static const char *const names[][2] = {
        {"APISIX_LISTEN_ADDRESS", "listen-address"},
        {"APISIX_CONF_EXPIRE_TIME", "conf-expire-time"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i][0]);
        int result;

        if (!value)
            continue;
        result = set_from(config, config_find(names[i][1]), names[i][0], value, error, size);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Kubernetes tells every pod of a service a6-runner by variables like these. */
static bool is_platforms(const char *name)
{
    return strncmp(name, "SERVICE_", 8) == 0 || strcmp(name, "PORT") == 0 ||
           strncmp(name, "PORT_", 5) == 0;
}

static int unknown(const char *variable, char *error, size_t size)
{
    struct nearest nearest;
    char names[64][VARIABLE_MAX];
    const struct config_option *option;

    nearest_begin(&nearest, variable);
    for (size_t i = 0; i < 64 && (option = config_option_at(i)); i++) {
        config_variable(option, names[i], sizeof(names[i]));
        nearest_offer(&nearest, names[i]);
    }
    if (nearest_found(&nearest))
        snprintf(error, size, "environment: there is no option %s; did you mean %s?", variable,
                 nearest_found(&nearest));
    else
        snprintf(error, size, "environment: there is no option %s", variable);
    return -EINVAL;
}

/* One NAME=VALUE that begins with our prefix. */
static int take_entry(a6_runner_config *config, const char *entry, char *error, size_t size)
{
    const char *equals = strchr(entry, '=');
    const struct config_option *option;
    char variable[VARIABLE_MAX];
    char name[VARIABLE_MAX];

    snprintf(name, sizeof(name), "%.*s", (int)(equals - entry), entry);
    for (size_t i = 0; (option = config_option_at(i)); i++) {
        config_variable(option, variable, sizeof(variable));
        if (strcmp(variable, name) != 0)
            continue;
        /* The command line reads the file before it comes here. */
        if (option->type == CONFIG_FILE)
            return 0;
        return set_from(config, option, variable, equals + 1, error, size);
    }
    if (is_platforms(name + strlen(PREFIX)))
        return 0;
    return unknown(name, error, size);
}

int config_environment(a6_runner_config *config, char *error, size_t size)
{
    int result = take_gateways(config, error, size);

    for (char **entry = environ; result == 0 && entry && *entry; entry++) {
        if (strncmp(*entry, PREFIX, strlen(PREFIX)) == 0 && strchr(*entry, '='))
            result = take_entry(config, *entry, error, size);
    }
    return result;
}

int a6_runner_config_environment(a6_runner_config *config)
{
    char error[512];
    int result = config_environment(config, error, sizeof(error));

    if (result < 0)
        fprintf(stderr, "c-runner: %s\n", error);
    return result;
}
