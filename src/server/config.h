/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the runner: one table (config_table.h), and what is made of it.
 *
 * A value comes as text from a flag, the file or the environment, is checked against
 * the table, and lands in its field of a6_runner_config.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <a6/runner.h>

enum config_type {
    CONFIG_FILE,         /* the configuration file's name: no field, for the command line */
    CONFIG_TEXT,         /* const char * */
    CONFIG_ADDRESS,      /* const char *: unix:/path */
    CONFIG_PATHS,        /* const char *, ':' between; can be repeated */
    CONFIG_NUMBER,       /* uint32_t */
    CONFIG_COUNT,        /* uint64_t */
    CONFIG_SECONDS,      /* uint32_t; "90", "90s", "2m", "1h" */
    CONFIG_MILLISECONDS, /* uint32_t; "800ms", "56s"; without a unit: seconds */
    CONFIG_SIZE,         /* uint64_t, bytes; "64k", "16m", "1g" */
    CONFIG_MODE,         /* uint32_t; octal */
    CONFIG_SWITCH,       /* int, 0 or 1; as a flag it needs no value */
    CONFIG_CHOICE,       /* int, the place in the list of choices */
};

struct config_option {
    const char *name;
    char flag;
    enum config_type type;
    size_t offset; /* of the field in a6_runner_config */
    const char *choices;
    uint64_t least;
    uint64_t most;
    const char *preset; /* the default */
    const char *metavar;
    const char *help;
};

/* The table's rows; NULL past the last. */
const struct config_option *config_option_at(size_t index);

/* NULL when there is none of the name. */
const struct config_option *config_find(const char *name);

/* The name of the option that is nearest to what was written, which may also be its
 * one-letter form; or NULL. */
const char *config_nearest(const char *written);

/* A6_RUNNER_LOG_LEVEL for log-level; at most size bytes. */
void config_variable(const struct config_option *option, char *variable, size_t size);

/* As a6_runner_set, for an option found before. An option of CONFIG_FILE is refused. */
int config_set(a6_runner_config *config, const struct config_option *option, const char *value,
               char *error, size_t size);

/* The config as this library has it, from one that may be a program's of another version:
 * what that did not know has its default. */
void config_complete(a6_runner_config *whole, const a6_runner_config *config);

/* Sets a repeatable option back to nothing, so that a stronger source replaces what a
 * weaker one said. */
void config_clear(a6_runner_config *config, const struct config_option *option);

/*
 * What the environment says, into config. -EINVAL, -ENOMEM, with the error's text.
 * Of variables that are not ours but begin like ours only those that a container
 * platform makes for a service of that name are passed over.
 */
int config_environment(a6_runner_config *config, char *error, size_t size);

/* Whether it is enough to begin with: -EINVAL and the error's text. */
int config_check(const a6_runner_config *config, char *error, size_t size);

/* The socket's path in "unix:/path"; NULL when it is not one. */
const char *config_socket_path(const char *address);

#endif
