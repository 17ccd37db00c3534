/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/admin_patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

static int merge(json_t *object, json_t *by, int depth)
{
    const char *name;
    json_t *value;
    int result = 0;

    if (depth > DEPTH_MAX)
        return -1;
    json_object_foreach(by, name, value)
    {
        json_t *before = json_object_get(object, name);

        if (json_is_null(value))
            (void)json_object_del(object, name);
        else if (json_is_object(value) && json_is_object(before))
            result = merge(before, value, depth + 1);
        else
            result = json_object_set_new(object, name, json_deep_copy(value));
        if (result < 0)
            return result;
    }
    return 0;
}

/* Makes the objects that are not there on the way. NULL: this leads nowhere. */
static json_t *step_into(json_t *parent, const char *name)
{
    if (json_is_array(parent))
        return json_array_get(parent, (size_t)strtoul(name, NULL, 10));
    if (json_is_object(parent) && !json_object_get(parent, name) &&
        json_object_set_new(parent, name, json_object()) < 0)
        return NULL;
    return json_object_get(parent, name);
}

/* A list takes one more value behind its last. */
static int replace(json_t *parent, const char *name, json_t *by)
{
    size_t place = (size_t)strtoul(name, NULL, 10);

    if (json_is_object(parent)) {
        if (json_is_null(by))
            (void)json_object_del(parent, name);
        else if (json_object_set_new(parent, name, json_deep_copy(by)) < 0)
            return -1;
        return 0;
    }
    if (!json_is_array(parent) || name[strspn(name, "0123456789")] || !*name)
        return -1;
    if (json_is_null(by))
        return json_array_remove(parent, place);
    if (place == json_array_size(parent))
        return json_array_append_new(parent, json_deep_copy(by));
    return json_array_set_new(parent, place, json_deep_copy(by));
}

static int replace_below(json_t *object, const char *sub_path, json_t *by)
{
    char name[256];

    while (object) {
        size_t len = strcspn(sub_path, "/");

        snprintf(name, sizeof(name), "%.*s", (int)len, sub_path);
        if (len >= sizeof(name) || len == 0)
            return -1;
        if (sub_path[len] == '\0')
            return replace(object, name, by);
        object = step_into(object, name);
        sub_path += len + 1;
    }
    return -1;
}

json_t *admin_patch(const json_t *object, const char *sub_path, json_t *by, struct error *error)
{
    json_t *value = json_deep_copy(object);
    int result = -1;

    if (*sub_path)
        result = replace_below(value, sub_path, by);
    else if (json_is_object(by))
        result = merge(value, by, 0);
    if (result == 0)
        return value;
    json_decref(value);
    (void)error_set(error, *sub_path ? "invalid sub-path: /%s" : "invalid configuration%s",
                    sub_path);
    return NULL;
}
