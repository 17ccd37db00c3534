/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/page.h"

#include <string.h>

#include <a6/version.h>

/* With the objects that they refer to. */
static json_t *routes_of(const struct site *site)
{
    return site->tree ? json_deep_copy(site->tree) : json_object();
}

/* Those of our own runner, and those of another one as far as they were called. */
static json_t *plugins_of(const struct site *site)
{
    json_t *list = json_array(), *known = json_object(), *item, *counted;
    const char *name;
    size_t i;

    json_array_foreach(site->plugins, i, item)
    {
        name = json_string_value(json_object_get(item, "name"));
        item = json_copy(item);
        if (name) {
            (void)json_object_set_new(known, name, json_true());
            (void)json_object_update(item, json_object_get(site->calls.plugins, name));
        }
        (void)json_array_append_new(list, item);
    }
    json_object_foreach(site->calls.plugins, name, counted)
    {
        if (json_object_get(known, name))
            continue;
        item = json_copy(counted);
        (void)json_object_set_new(item, "name", json_string(name));
        (void)json_array_append_new(list, item);
    }
    json_decref(known);
    return list;
}

json_t *page_state(struct site *site)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:O, s:O, s:I}", "version", A6_VERSION, "source",
                     site->routes_file ? site->routes_file : "the Admin API", "standalone",
                     site->routes_file != NULL, "routes", routes_of(site), "plugins",
                     plugins_of(site), "requests", site->calls.recent, "problems",
                     site->calls.problems, "total", site->calls.total);
}
