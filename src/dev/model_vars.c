/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev/model_parts.h"

#define VARS_MAX 64
/* nginx has no longer tokens. */
#define VALUE_MAX 4000

static const struct {
    const char *name;
    int compare;
    bool negated;
} operators[] = {
    {"==", VAR_EQUAL, false},      {"~=", VAR_EQUAL, true},         {"<", VAR_LESS, false},
    {"<=", VAR_LESS_EQUAL, false}, {">", VAR_MORE, false},          {">=", VAR_MORE_EQUAL, false},
    {"~~", VAR_MATCHES, false},    {"~*", VAR_MATCHES_CASE, false}, {"in", VAR_IN, false},
    {"IN", VAR_IN, false},
};

static int find_operator(struct reader *reader, const char *name, struct model_var *var)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (strcmp(operators[i].name, name) != 0)
            continue;
        var->compare = operators[i].compare;
        var->negated = var->negated != operators[i].negated;
        return 0;
    }
    return error_set(reader->error,
                     "the operator '%s' is not supported here, only == ~= < <= > >= ~~ ~* in "
                     "and ! before one of them",
                     name);
}

static int check_name(struct reader *reader, const char *name)
{
    if (!*name || strlen(name) > 100 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
        return error_set(reader->error, "'%s' is not the name of a variable", name);
    return 0;
}

/* A text; or for == and ~= a number. */
static int take_operand(struct reader *reader, json_t *value, struct model_var *var,
                        const char **text)
{
    char digits[32];
    int len;

    if (json_is_integer(value) && var->compare == VAR_EQUAL) {
        var->as_number = true;
        len = snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        *text = arena_copy(reader->arena, digits, (size_t)len);
        return *text ? 0 : error_memory(reader->error);
    }
    if (json_is_integer(value) && var->compare == VAR_IN)
        return error_set(reader->error,
                         "what a client sends is text, and never 'in' a list of numbers; write "
                         "\"%lld\"",
                         (long long)json_integer_value(value));
    if (json_string_length(value) > VALUE_MAX)
        return error_set(reader->error, "a value is longer than %d bytes", VALUE_MAX);
    return reader_text(reader, value, text);
}

/* A whole number, for the operators that compare sizes. */
static int take_number(struct reader *reader, json_t *value, long *number)
{
    const char *text = json_string_value(value);
    int used = 0;

    if (json_is_integer(value))
        return reader_integer(reader, value, 0, 1000000000000000000, number);
    if (!text || sscanf(text, "%18ld%n", number, &used) != 1 || text[used] != '\0' || *number < 0)
        return error_set(reader->error, "only whole numbers from 0 can be compared by size here");
    return 0;
}

static int take_operands(struct reader *reader, json_t *value, struct model_var *var)
{
    size_t count = var->compare == VAR_IN ? json_array_size(value) : 1;

    if (var->compare == VAR_IN && count == 0)
        return error_set(reader->error, "'in' needs a list that is not empty");
    if (var->compare >= VAR_LESS && var->compare <= VAR_MORE_EQUAL)
        return take_number(reader, value, &var->number);
    var->values.items = reader_alloc(reader, count * sizeof(*var->values.items));
    if (!var->values.items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        json_t *item = var->compare == VAR_IN ? json_array_get(value, i) : value;
        int result = take_operand(reader, item, var, &var->values.items[i]);
        if (result < 0)
            return result;
    }
    var->values.count = count;
    return 0;
}

static int read_var(struct reader *reader, json_t *value, struct model_var *var)
{
    size_t count = json_array_size(value), at = 1;
    const char *word = NULL;
    int result;

    if (!json_is_array(value) || count < 3 || count > 4 || json_is_array(json_array_get(value, 1)))
        return error_set(reader->error, "each must be [\"name\", \"operator\", value]; AND, OR "
                                        "and nested lists are not supported here");
    result = reader_text(reader, json_array_get(value, 0), &var->name);
    if (result == 0)
        result = check_name(reader, var->name);
    if (result == 0 && count == 4) {
        const char *bang = json_string_value(json_array_get(value, at++));
        var->negated = true;
        if (!bang || strcmp(bang, "!") != 0)
            result = error_set(reader->error, "of four words the second must be \"!\"");
    }
    if (result == 0)
        result = reader_text(reader, json_array_get(value, at++), &word);
    if (result == 0)
        result = find_operator(reader, word, var);
    if (result == 0)
        result = take_operands(reader, json_array_get(value, at), var);
    return result;
}

int model_vars(struct reader *reader, json_t *value, struct model_var **vars, size_t *count)
{
    json_t *item;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) > VARS_MAX)
        return error_set(reader->error, "must be a list of at most %d comparisons", VARS_MAX);
    *vars = reader_alloc(reader, json_array_size(value) * sizeof(**vars));
    if (!*vars)
        return -ENOMEM;
    json_array_foreach(value, i, item)
    {
        int result = read_var(reader, item, &(*vars)[i]);
        if (result < 0)
            return result;
        *count = i + 1;
    }
    return 0;
}
