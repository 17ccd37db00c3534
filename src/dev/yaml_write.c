/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/yaml_write.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void write_value(FILE *to, json_t *value, int indent);

/* A string of JSON is one of YAML. */
void yaml_write_text(FILE *to, const char *text)
{
    json_t *value = json_string(text);
    char *dumped = json_dumps(value, JSON_ENCODE_ANY);

    fputs(dumped ? dumped : "\"\"", to);
    free(dumped);
    json_decref(value);
}

/* Words that YAML would not take for something else, as all keys of APISIX are. */
static bool is_plain(const char *name)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n",   NULL};

    for (size_t i = 0; words[i]; i++) {
        if (strcmp(name, words[i]) == 0)
            return false;
    }
    return *name >= 'a' && *name <= 'z' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void write_key(FILE *to, const char *name)
{
    if (is_plain(name))
        fputs(name, to);
    else
        yaml_write_text(to, name);
    fputc(':', to);
}

static void write_scalar(FILE *to, const json_t *value)
{
    char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    fprintf(to, " %s\n", dumped ? dumped : "null");
    free(dumped);
}

/* The first key of an item stands behind its dash. */
static void write_object(FILE *to, json_t *object, int indent, int first)
{
    json_t *value;
    const char *name;

    json_object_foreach(object, name, value)
    {
        fprintf(to, "%*s", first ? 0 : indent, "");
        first = 0;
        write_key(to, name);
        write_value(to, value, indent + 2);
    }
}

static void write_list(FILE *to, json_t *list, int indent)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);

        fprintf(to, "%*s-", indent, "");
        if (json_is_object(item) && json_object_size(item) > 0) {
            fputc(' ', to);
            write_object(to, item, indent + 2, 1);
        } else {
            write_value(to, item, indent + 2);
        }
    }
}

/* Behind a key or a dash. */
static void write_value(FILE *to, json_t *value, int indent)
{
    if (json_is_object(value) && json_object_size(value) > 0) {
        fputc('\n', to);
        write_object(to, value, indent, 0);
    } else if (json_is_array(value) && json_array_size(value) > 0) {
        fputc('\n', to);
        write_list(to, value, indent);
    } else {
        write_scalar(to, value);
    }
}

void yaml_write_list(FILE *to, json_t *list)
{
    write_list(to, list, 2);
}
