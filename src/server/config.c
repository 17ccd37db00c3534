/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "conf/store.h"
#include "server/config_value.h"

static const struct config_option options[] = {
#define OPTION(name, flag, type, field, choices, least, most, preset, metavar, help)               \
    {name,   flag,    type, offsetof(a6_runner_config, field), choices, least, most,               \
     preset, metavar, help},
#include "server/config_table.h"
#undef OPTION
};

/* A field that does not suit its option's type would be written past its end. */
#define SIZE_CONFIG_FILE sizeof(size_t)
#define SIZE_CONFIG_TEXT sizeof(char *)
#define SIZE_CONFIG_ADDRESS sizeof(char *)
#define SIZE_CONFIG_PATHS sizeof(char *)
#define SIZE_CONFIG_NUMBER sizeof(uint32_t)
#define SIZE_CONFIG_COUNT sizeof(uint64_t)
#define SIZE_CONFIG_SECONDS sizeof(uint32_t)
#define SIZE_CONFIG_MILLISECONDS sizeof(uint32_t)
#define SIZE_CONFIG_SIZE sizeof(uint64_t)
#define SIZE_CONFIG_MODE sizeof(uint32_t)
#define SIZE_CONFIG_SWITCH sizeof(int)
#define SIZE_CONFIG_CHOICE sizeof(int)
#define OPTION(name, flag, type, field, choices, least, most, preset, metavar, help)               \
    static_assert(sizeof(((a6_runner_config *)0)->field) == SIZE_##type, name);                    \
    static_assert((long long)(most) <= 0xffffffffLL || SIZE_##type == sizeof(uint64_t), name);
#include "server/config_table.h"
#undef OPTION

static const size_t field_sizes[] = {
    [CONFIG_FILE] = SIZE_CONFIG_FILE,       [CONFIG_TEXT] = SIZE_CONFIG_TEXT,
    [CONFIG_ADDRESS] = SIZE_CONFIG_ADDRESS, [CONFIG_PATHS] = SIZE_CONFIG_PATHS,
    [CONFIG_NUMBER] = SIZE_CONFIG_NUMBER,   [CONFIG_COUNT] = SIZE_CONFIG_COUNT,
    [CONFIG_SECONDS] = SIZE_CONFIG_SECONDS, [CONFIG_MILLISECONDS] = SIZE_CONFIG_MILLISECONDS,
    [CONFIG_SIZE] = SIZE_CONFIG_SIZE,       [CONFIG_MODE] = SIZE_CONFIG_MODE,
    [CONFIG_SWITCH] = SIZE_CONFIG_SWITCH,   [CONFIG_CHOICE] = SIZE_CONFIG_CHOICE,
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* A copy that a config owns; a6_runner_config.allocated is the first of a list. */
struct copy {
    struct copy *next;
    char text[];
};

const struct config_option *config_option_at(size_t index)
{
    return index < OPTION_COUNT ? &options[index] : NULL;
}

const struct config_option *config_find(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

const char *config_nearest(const char *written)
{
    struct nearest nearest;

    nearest_begin(&nearest, written);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].flag && written[0] == options[i].flag && !written[1])
            return options[i].name;
        nearest_offer(&nearest, options[i].name);
    }
    return nearest_found(&nearest);
}

void config_variable(const struct config_option *option, char *variable, size_t size)
{
    snprintf(variable, size, "A6_RUNNER_%s", option->name);
    for (; *variable; variable++)
        *variable = *variable == '-' ? '_' : (char)toupper((unsigned char)*variable);
}

const char *config_socket_path(const char *address)
{
    const char *path = address + 5;

    return strncmp(address, "unix:", 5) == 0 && *path ? path : NULL;
}

/* ---- fields ---- */

/* A program that was built when there was no such option has no room for it. */
static bool has_field(const a6_runner_config *config, const struct config_option *option)
{
    return option->offset + field_sizes[option->type] <= config->size;
}

static void *field_of(a6_runner_config *config, const struct config_option *option)
{
    return (char *)config + option->offset;
}

static void put_number(a6_runner_config *config, const struct config_option *option, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;

    /* int, uint32_t and the enum of the mode are of one size. */
    static_assert(sizeof(int) == 4 && sizeof(a6_mode) == 4, "fields of 32 bits");
    if (option->type == CONFIG_SIZE || option->type == CONFIG_COUNT)
        memcpy(field_of(config, option), &value, sizeof(value));
    else
        memcpy(field_of(config, option), &narrow, sizeof(narrow));
}

static const char *get_text(a6_runner_config *config, const struct config_option *option)
{
    const char *text;

    memcpy(&text, field_of(config, option), sizeof(text));
    return text;
}

/* Puts a copy of the text into the field, behind what is there if the option is a
 * list that has something. */
static int put_text(a6_runner_config *config, const struct config_option *option, const char *text)
{
    const char *before = option->type == CONFIG_PATHS ? get_text(config, option) : NULL;
    size_t before_len = before ? strlen(before) : 0;
    size_t len = strlen(text);
    struct copy *copy = malloc(sizeof(*copy) + before_len + 1 + len + 1);
    char *end;

    if (!copy)
        return -ENOMEM;
    end = copy->text;
    if (before_len > 0) {
        memcpy(end, before, before_len);
        end += before_len;
        if (len > 0)
            *end++ = ':';
    }
    memcpy(end, text, len + 1);
    copy->next = config->allocated;
    config->allocated = copy;
    end = copy->text;
    /* analyzer: set in the line above; gcc 12 does not know a pointer again in such a copy. */
    memcpy(field_of(config, option), &end, sizeof(end));
    return 0;
}

void config_clear(a6_runner_config *config, const struct config_option *option)
{
    const char *none = NULL;

    if (option->type == CONFIG_PATHS && has_field(config, option))
        memcpy(field_of(config, option), &none, sizeof(none));
}

/* ---- setting ---- */

int config_set(a6_runner_config *config, const struct config_option *option, const char *value,
               char *error, size_t size)
{
    uint64_t number;
    int result;

    if (!has_field(config, option)) {
        snprintf(error, size,
                 "%s: this program is older than the option; build it against this runner's "
                 "<a6/runner.h>",
                 option->name);
        return -EINVAL;
    }
    switch (option->type) {
    case CONFIG_FILE:
        snprintf(error, size, "%s: can only be a flag or in the environment", option->name);
        return -EINVAL;
    case CONFIG_ADDRESS:
        result = config_value_check_address(value, error, size);
        if (result < 0)
            return result;
        /* fall through */
    case CONFIG_TEXT:
    case CONFIG_PATHS:
        if (!*value && option->type == CONFIG_TEXT) {
            snprintf(error, size, "%s: the value is empty", option->name);
            return -EINVAL;
        }
        result = put_text(config, option, value);
        if (result < 0)
            snprintf(error, size, "%s: no memory", option->name);
        return result;
    default:
        result = config_value_parse(option, value, &number, error, size);
        if (result == 0)
            put_number(config, option, number);
        return result;
    }
}

int a6_runner_set(a6_runner_config *config, const char *name, const char *value, char *error,
                  size_t size)
{
    const struct config_option *option = config_find(name);
    const char *nearest;

    if (option)
        return config_set(config, option, value, error, size);
    nearest = config_nearest(name);
    if (nearest)
        snprintf(error, size, "there is no option '%s'; did you mean '%s'?", name, nearest);
    else
        snprintf(error, size, "there is no option '%s'", name);
    return -EINVAL;
}

static void set_defaults(a6_runner_config *config)
{
    char error[256];

    memset(config, 0, sizeof(*config));
    config->log_fd = -1;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        uint64_t number = 0;

        /* Only numbers have defaults, so nothing here allocates. */
        if (options[i].preset) {
            int result =
                config_value_parse(&options[i], options[i].preset, &number, error, sizeof(error));

            assert(result == 0);
            (void)result;
        } else if (options[i].type == CONFIG_CHOICE) {
            number = (uint32_t)-1;
        } else {
            continue;
        }
        put_number(config, &options[i], number);
    }
}

/* The part that both know. */
static size_t common(size_t size)
{
    return size < sizeof(a6_runner_config) ? size : sizeof(a6_runner_config);
}

void a6_runner_config_init_sized(a6_runner_config *config, size_t size)
{
    a6_runner_config defaults;

    set_defaults(&defaults);
    defaults.size = size;
    memset(config, 0, size);
    memcpy(config, &defaults, common(size));
}

void config_complete(a6_runner_config *whole, const a6_runner_config *config)
{
    set_defaults(whole);
    memcpy(whole, config, common(config->size));
    whole->size = sizeof(*whole);
}

void a6_runner_config_free(a6_runner_config *config)
{
    struct copy *copy = config->allocated;

    while (copy) {
        struct copy *next = copy->next;

        free(copy);
        copy = next;
    }
    config->allocated = NULL;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *none = NULL;

        if ((options[i].type == CONFIG_PATHS || options[i].type == CONFIG_TEXT ||
             options[i].type == CONFIG_ADDRESS) &&
            has_field(config, &options[i]))
            memcpy(field_of(config, &options[i]), &none, sizeof(none));
    }
}

int config_check(const a6_runner_config *config, char *error, size_t size)
{
    if (!config->listen_address) {
        snprintf(error, size,
                 "APISIX_LISTEN_ADDRESS is not set: set it to unix:/path/of/the/socket as the "
                 "gateway does, or give --listen-address");
        return -EINVAL;
    }
    return config_value_check_address(config->listen_address, error, size);
}
