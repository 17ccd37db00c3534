/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/admin_list.h"

#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>

/* ---- what is looked for ---- */

static bool finds(const regex_t *regex, const json_t *text)
{
    return json_is_string(text) && regexec(regex, json_string_value(text), 0, NULL, 0) == 0;
}

static bool has_name(const regex_t *regex, const json_t *value)
{
    return finds(regex, json_object_get(value, "name"));
}

static bool has_uri(const regex_t *regex, const json_t *value)
{
    const json_t *uris = json_object_get(value, "uris");
    bool found = finds(regex, json_object_get(value, "uri"));

    for (size_t i = 0; !found && i < json_array_size(uris); i++)
        found = finds(regex, json_array_get(uris, i));
    return found;
}

/* Keeps the entries that `has`; pattern: NULL for all. */
static int keep(json_t *entries, const char *argument, const char *pattern,
                bool (*has)(const regex_t *regex, const json_t *value), struct error *error)
{
    regex_t regex;

    if (!pattern)
        return 0;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return error_set(error, "invalid argument %s: not a regular expression", argument);
    for (size_t i = json_array_size(entries); i-- > 0;) {
        if (!has(&regex, json_object_get(json_array_get(entries, i), "value")))
            (void)json_array_remove(entries, i);
    }
    regfree(&regex);
    return 0;
}

static void keep_label(json_t *entries, const char *label)
{
    for (size_t i = json_array_size(entries); label && i-- > 0;) {
        const json_t *value = json_object_get(json_array_get(entries, i), "value");

        if (!json_object_get(json_object_get(value, "labels"), label))
            (void)json_array_remove(entries, i);
    }
}

/* ---- pages ---- */

/* With both arguments only. */
static int keep_page(json_t *entries, const struct admin_list *wanted, struct error *error)
{
    long page = wanted->page ? strtol(wanted->page, NULL, 10) : 0;
    long size = wanted->page_size ? strtol(wanted->page_size, NULL, 10) : 0;
    size_t first, count = json_array_size(entries);

    if (!wanted->page || !wanted->page_size)
        return 0;
    if (size < 10 || size > 500)
        return error_set(error, "page_size must be between 10 and 500");
    if (page < 1)
        page = 1;
    first = (size_t)page > count ? count : (size_t)(page - 1) * (size_t)size;
    for (size_t i = count; i-- > 0;) {
        if (i < first || i >= first + (size_t)size)
            (void)json_array_remove(entries, i);
    }
    return 0;
}

json_t *admin_list_answer(const struct admin_list *wanted, json_t *entries, struct error *error)
{
    int result = keep(entries, "name", wanted->name, has_name, error), total;

    if (result == 0)
        result = keep(entries, "uri", wanted->uri, has_uri, error);
    keep_label(entries, wanted->label);
    total = (int)json_array_size(entries);
    if (result == 0)
        result = keep_page(entries, wanted, error);
    if (result == 0)
        return json_pack("{s:i, s:o}", "total", total, "list", entries);
    json_decref(entries);
    return NULL;
}
