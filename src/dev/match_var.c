/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/match_var.h"

#include <ctype.h>
#include <string.h>

#include "dev/match.h"

#define REGEX_MAX ((size_t)64 << 10)

void match_var_escape(struct buffer *regex, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (isalnum(byte) || byte >= 0x80 || strchr("/_-", byte))
            (void)buffer_append(regex, text, 1);
        else
            (void)buffer_printf(regex, "\\x%02x", byte);
    }
}

/* A line `"~regex" result;` */
static void put_line(FILE *to, struct buffer *regex, int result)
{
    if (buffer_append(regex, "", 1) < 0)
        return;
    fprintf(to, "    ");
    match_quote(to, (const char *)regex->data);
    fprintf(to, " %d;\n", result);
    regex->len = 0;
}

/*
 * Numbers that are greater than one with these digits: more digits, or as many and a
 * greater one behind a common start. or_equal: that one too.
 */
static void append_more(struct buffer *regex, long number, bool or_equal)
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%ld", number);

    (void)buffer_printf(regex, "~^0*(?:(?:[1-9][0-9]{%d,}", count);
    for (int i = 0; i < count; i++) {
        if (digits[i] < '9')
            (void)buffer_printf(regex, "|%.*s[%c-9][0-9]{%d}", i, digits, digits[i] + 1,
                                count - i - 1);
    }
    if (or_equal)
        (void)buffer_printf(regex, "|%s)(?:\\.[0-9]+)?)$", digits);
    else
        (void)buffer_printf(regex, ")(?:\\.[0-9]+)?|%s\\.[0-9]*[1-9][0-9]*)$", digits);
}

/* Less is what is a number and not more. */
static void put_size(FILE *to, struct buffer *regex, const struct model_var *var)
{
    bool less = var->compare == VAR_LESS || var->compare == VAR_LESS_EQUAL;
    bool or_equal = var->compare == VAR_LESS || var->compare == VAR_MORE_EQUAL;

    append_more(regex, var->number, or_equal);
    put_line(to, regex, less == var->negated);
    if (less) {
        (void)buffer_printf(regex, "~^-?[0-9]+(?:\\.[0-9]+)?$");
        put_line(to, regex, !var->negated);
    }
}

/* An argument as clients write it: APISIX compares what it is decoded, nginx's variable is
 * what came. */
static void append_argument(struct buffer *regex, const char *text)
{
    for (; *text; text++) {
        char byte[] = {*text, '\0'};

        (void)buffer_printf(regex, "(?:");
        match_var_escape(regex, byte);
        (void)buffer_printf(regex, "%s|%%(?i:%02x))", *text == ' ' ? "|\\x2b" : "",
                            (unsigned char)*text);
    }
}

/* "18", as a number that is written with zeros before and behind it, too. */
static void append_number(struct buffer *regex, const char *digits)
{
    bool negative = *digits == '-';

    (void)buffer_printf(regex, "%s0*%s(?:\\.0*)?", negative ? "-" : "", digits + negative);
}

static void put_values(FILE *to, struct buffer *regex, const struct model_var *var)
{
    for (size_t i = 0; i < var->values.count; i++) {
        const char *value = var->values.items[i];

        if (var->compare == VAR_MATCHES) {
            (void)buffer_printf(regex, "~%s", value);
        } else if (var->compare == VAR_MATCHES_CASE) {
            (void)buffer_printf(regex, "~*%s", value);
        } else {
            (void)buffer_printf(regex, "~^");
            if (var->as_number)
                append_number(regex, value);
            else if (strncmp(var->name, "arg_", 4) == 0)
                append_argument(regex, value);
            else
                match_var_escape(regex, value);
            (void)buffer_printf(regex, "\\z");
        }
        put_line(to, regex, !var->negated);
    }
}

void match_var_write(FILE *to, const struct model_var *var, size_t number)
{
    struct buffer regex;

    buffer_init(&regex, REGEX_MAX);
    fprintf(to, "map $%s $a6_c%zu {\n    default %d;\n", var->name, number, var->negated);
    if (var->compare >= VAR_LESS && var->compare <= VAR_MORE_EQUAL)
        put_size(to, &regex, var);
    else
        put_values(to, &regex, var);
    fprintf(to, "}\n");
    buffer_free(&regex);
}
