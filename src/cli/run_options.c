/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_file.h"
#include "server/config.h"

/* What one look at argv[*at] gave. */
struct run_flag {
    const struct config_option *option;
    const char *value;
};

static int unknown_flag(const char *flag, const char *name, char *error, size_t size)
{
    const char *nearest = config_nearest(name);

    if (nearest)
        snprintf(error, size, "there is no option %s; did you mean --%s?", flag, nearest);
    else
        snprintf(error, size, "there is no option %s; `c-runner help run` lists them", flag);
    return -EINVAL;
}

static const struct config_option *find_letter(char letter)
{
    const struct config_option *option;

    for (size_t i = 0; (option = config_option_at(i)); i++) {
        if (option->flag && option->flag == letter)
            return option;
    }
    return NULL;
}

/* Splits "--name", "--name=value", "-m" and "-mvalue"; *value is NULL when it is the
 * next argument's. */
static int split(const char *argument, const struct config_option **option, const char **value,
                 char *error, size_t size)
{
    char name[64];
    size_t len;

    *value = NULL;
    if (argument[0] != '-' || argument[1] == '\0') {
        snprintf(error, size, "'%s' is no option; `c-runner help run` lists them", argument);
        return -EINVAL;
    }
    if (argument[1] != '-') {
        *option = find_letter(argument[1]);
        if (argument[2] != '\0')
            *value = argument + 2;
        return *option ? 0 : unknown_flag(argument, argument + 1, error, size);
    }
    len = strcspn(argument + 2, "=");
    snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
             argument + 2);
    *option = config_find(name);
    if (argument[2 + len] == '=')
        *value = argument + 2 + len + 1;
    return *option ? 0 : unknown_flag(argument, name, error, size);
}

/* Reads one flag, with its value, and moves *at behind it. -EINVAL with the error's text. */
static int read_flag(struct run_flag *flag, int argc, char **argv, int *at, char *error,
                     size_t size)
{
    const char *argument = argv[(*at)++];
    int result = split(argument, &flag->option, &flag->value, error, size);

    if (result < 0 || flag->value)
        return result;
    if (flag->option->type == CONFIG_SWITCH) {
        flag->value = "yes";
        return 0;
    }
    if (*at == argc) {
        snprintf(error, size, "%s needs a value: %s", argument, flag->option->metavar);
        return -EINVAL;
    }
    flag->value = argv[(*at)++];
    return 0;
}

/* The file that the flags name, else the environment; NULL for none. */
static int find_file(const char **file, int argc, char **argv, char *error, size_t size)
{
    struct run_flag flag;
    int result;

    *file = getenv("A6_RUNNER_CONFIG");
    if (*file && !**file)
        *file = NULL;
    for (int at = 1; at < argc;) {
        result = read_flag(&flag, argc, argv, &at, error, size);
        if (result < 0)
            return result;
        if (flag.option->type == CONFIG_FILE)
            *file = flag.value;
    }
    return 0;
}

static int take_flags(a6_runner_config *config, int argc, char **argv, char *error, size_t size)
{
    const struct config_option *option;
    struct run_flag flag;
    char why[RUN_OPTIONS_ERROR_MAX];
    int result;

    /* A list begins anew with its first flag. */
    for (int at = 1; at < argc;) {
        result = read_flag(&flag, argc, argv, &at, error, size);
        if (result < 0)
            return result;
        config_clear(config, flag.option);
    }
    for (int at = 1; at < argc;) {
        result = read_flag(&flag, argc, argv, &at, error, size);
        if (result < 0)
            return result;
        option = flag.option;
        if (option->type == CONFIG_FILE)
            continue;
        result = config_set(config, option, flag.value, why, sizeof(why));
        if (result < 0) {
            snprintf(error, size, "--%s", why);
            return result;
        }
    }
    return 0;
}

int run_options_load(a6_runner_config *config, int argc, char **argv, char *error, size_t size)
{
    const char *file;
    int result;

    a6_runner_config_init(config);
    result = find_file(&file, argc, argv, error, size);
    if (result == 0 && file)
        result = config_file_load(config, file, error, size);
    if (result == 0)
        result = config_environment(config, error, size);
    if (result == 0)
        result = take_flags(config, argc, argv, error, size);
    return result;
}
