/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/nearest.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit second_units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {NULL, 0}};
static const struct unit millisecond_units[] = {{"ms", 1},    {"", 1000},     {"s", 1000},
                                                {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit size_units[] = {
    {"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};

static const struct unit *units_of(enum config_type type)
{
    switch (type) {
    case CONFIG_SECONDS:
        return second_units;
    case CONFIG_MILLISECONDS:
        return millisecond_units;
    case CONFIG_SIZE:
        return size_units;
    default:
        return no_units;
    }
}

static const char *form_of(enum config_type type)
{
    switch (type) {
    case CONFIG_SECONDS:
        return "a time like 90s, 2m or 1h";
    case CONFIG_MILLISECONDS:
        return "a time like 800ms, 56s or 2m";
    case CONFIG_SIZE:
        return "a size in bytes or like 64k, 16m or 1g";
    case CONFIG_MODE:
        return "octal permissions like 0666";
    default:
        return "a number";
    }
}

/* Digits of the base at the start of *text, which is moved behind them. */
static bool parse_digits(const char **text, unsigned base, uint64_t *value)
{
    const char *start = *text;

    *value = 0;
    for (; isdigit((unsigned char)**text) && (unsigned)(**text - '0') < base; (*text)++) {
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, (uint64_t)(**text - '0'), value))
            return false;
    }
    return *text > start;
}

static bool parse_number(const struct config_option *option, const char *text, uint64_t *value)
{
    const struct unit *unit;

    if (!parse_digits(&text, option->type == CONFIG_MODE ? 8 : 10, value))
        return false;
    for (unit = units_of(option->type); unit->name; unit++) {
        if (strcasecmp(unit->name, text) == 0)
            return !__builtin_mul_overflow(*value, unit->factor, value);
    }
    return false;
}

/* The value as somebody would write it: 56s and not 56000. */
static void format_number(const struct config_option *option, uint64_t value, char *text,
                          size_t size)
{
    const struct unit *best = NULL;

    if (option->type == CONFIG_MODE) {
        snprintf(text, size, "%04" PRIo64, value);
        return;
    }
    for (const struct unit *unit = units_of(option->type); unit->name; unit++) {
        if (value % unit->factor == 0 && value / unit->factor > 0 &&
            (!best || unit->factor > best->factor || (unit->name[0] && !best->name[0])))
            best = unit;
    }
    snprintf(text, size, "%" PRIu64 "%s", value / (best ? best->factor : 1),
             best ? best->name : "");
}

static int parse_limited(const struct config_option *option, const char *text, uint64_t *value,
                         char *error, size_t size)
{
    char least[32];
    char most[32];

    if (!parse_number(option, text, value)) {
        snprintf(error, size, "%s: '%s' is not %s", option->name, text, form_of(option->type));
        return -EINVAL;
    }
    if (*value < option->least || *value > option->most) {
        format_number(option, option->least, least, sizeof(least));
        format_number(option, option->most, most, sizeof(most));
        snprintf(error, size, "%s: '%s' is not between %s and %s", option->name, text, least, most);
        return -EINVAL;
    }
    return 0;
}

/* Copies the choice of the place; false past the last. */
static bool choice_at(const char *choices, unsigned place, char *name, size_t size)
{
    for (; place > 0; place--) {
        choices = strchr(choices, '|');
        if (!choices)
            return false;
        choices++;
    }
    snprintf(name, size, "%.*s", (int)strcspn(choices, "|"), choices);
    return true;
}

static int parse_choice(const struct config_option *option, const char *text, uint64_t *value,
                        char *error, size_t size)
{
    static const unsigned many = 8;
    char names[8][16];
    struct nearest nearest;
    unsigned count;
    int len;

    nearest_begin(&nearest, text);
    for (count = 0; count < many; count++) {
        if (!choice_at(option->choices, count, names[count], sizeof(names[count])))
            break;
        if (strcmp(names[count], text) == 0) {
            *value = count;
            return 0;
        }
        nearest_offer(&nearest, names[count]);
    }
    len = snprintf(error, size, "%s: '%s' is none of", option->name, text);
    for (unsigned i = 0; i < count && len >= 0 && (size_t)len < size; i++)
        len += snprintf(error + len, size - (size_t)len, "%s %s", i ? "," : "", names[i]);
    if (nearest_found(&nearest) && len >= 0 && (size_t)len < size)
        snprintf(error + len, size - (size_t)len, "; did you mean '%s'?", nearest_found(&nearest));
    return -EINVAL;
}

static int parse_switch(const struct config_option *option, const char *text, uint64_t *value,
                        char *error, size_t size)
{
    static const char *const on[] = {"yes", "true", "on", "1"};
    static const char *const off[] = {"no", "false", "off", "0"};

    for (unsigned i = 0; i < 4; i++) {
        if (strcasecmp(text, on[i]) == 0 || strcasecmp(text, off[i]) == 0) {
            *value = strcasecmp(text, on[i]) == 0;
            return 0;
        }
    }
    snprintf(error, size, "%s: '%s' is neither yes nor no", option->name, text);
    return -EINVAL;
}

int config_value_parse(const struct config_option *option, const char *text, uint64_t *value,
                       char *error, size_t size)
{
    switch (option->type) {
    case CONFIG_CHOICE:
        return parse_choice(option, text, value, error, size);
    case CONFIG_SWITCH:
        return parse_switch(option, text, value, error, size);
    default:
        return parse_limited(option, text, value, error, size);
    }
}

int config_value_check_address(const char *text, char *error, size_t size)
{
    const char *path = config_socket_path(text);
    size_t room = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    if (!path) {
        snprintf(error, size, "'%s' is not an address of the form unix:/path", text);
        return -EINVAL;
    }
    if (strlen(path) > room) {
        snprintf(
            error, size,
            "the socket's path has %zu bytes, and a unix socket's can have no more than %zu: %s",
            strlen(path), room, path);
        return -EINVAL;
    }
    return 0;
}
