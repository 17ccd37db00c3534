/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev/model_parts.h"

static const char *const phase_plugins[PHASES] = {"ext-plugin-pre-req", "ext-plugin-post-req",
                                                  "ext-plugin-post-resp"};

struct entry {
    const char *name;
    const char *value;
};

static int take_name(struct reader *reader, json_t *value, void *to)
{
    struct entry *entry = to;
    int result = reader_text(reader, value, &entry->name);

    if (result == 0 && (!*entry->name || strlen(entry->name) > 128))
        return error_set(reader->error, "must have 1 to 128 bytes");
    return result;
}

static int take_value(struct reader *reader, json_t *value, void *to)
{
    struct entry *entry = to;

    if (json_is_object(value))
        return error_set(reader->error, "must be a string; a conf that is JSON is written as "
                                        "\"{\\\"body\\\":\\\"hello\\\"}\"");
    return reader_text(reader, value, &entry->value);
}

static int check_entry(struct reader *reader, json_t *value)
{
    static const struct reader_key keys[] = {{"name", take_name}, {"value", take_value}, {0}};
    struct entry entry = {0};
    int result = reader_object(reader, value, keys, &entry);

    if (result < 0)
        return result;
    if (!entry.name)
        return error_set(reader->error, "an entry has no name");
    if (!entry.value)
        return error_set(reader->error, "'%s' has no value; an empty one is \"\"", entry.name);
    return 0;
}

static int take_conf(struct reader *reader, json_t *value, void *to)
{
    struct model_chain *chain = to;
    json_t *item;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) == 0)
        return error_set(reader->error, "must be a list of {\"name\", \"value\"}, not empty");
    json_array_foreach(value, i, item)
    {
        int result = check_entry(reader, item);
        if (result < 0)
            return result;
    }
    chain->conf = value;
    return 0;
}

static int take_degradation(struct reader *reader, json_t *value, void *to)
{
    return reader_bool(reader, value, &((struct model_chain *)to)->degradation);
}

static int take_disable(struct reader *reader, json_t *value, void *to)
{
    bool disable = false;
    int result = reader_bool(reader, value, &disable);

    if (disable)
        *(bool *)to = true;
    return result;
}

struct plugin {
    struct model_chain chain;
    bool disabled;
};

static int plugin_conf(struct reader *reader, json_t *value, void *to)
{
    return take_conf(reader, value, &((struct plugin *)to)->chain);
}

static int plugin_degradation(struct reader *reader, json_t *value, void *to)
{
    return take_degradation(reader, value, &((struct plugin *)to)->chain);
}

static int plugin_meta(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"disable", take_disable}, {0}};

    return reader_object(reader, value, keys, &((struct plugin *)to)->disabled);
}

static int read_plugin(struct reader *reader, json_t *value, struct model_chain *chain)
{
    static const struct reader_key keys[] = {{"conf", plugin_conf},
                                             {"allow_degradation", plugin_degradation},
                                             {"_meta", plugin_meta},
                                             {0}};
    struct plugin plugin = {0};
    int result = reader_object(reader, value, keys, &plugin);

    if (result < 0)
        return result;
    if (!plugin.chain.conf)
        return error_set(reader->error, "has no conf, so it would run no plugin");
    if (plugin.disabled)
        plugin.chain.conf = NULL;
    plugin.chain.given = true;
    *chain = plugin.chain;
    return 0;
}

int model_plugins(struct reader *reader, json_t *value, struct model_chain *chains)
{
    const char *name;
    json_t *item;

    if (!json_is_object(value))
        return error_set(reader->error, "must be an object, not %s", reader_kind(value));
    json_object_foreach(value, name, item)
    {
        size_t phase = 0;
        int result;

        while (phase < PHASES && strcmp(name, phase_plugins[phase]) != 0)
            phase++;
        if (phase == PHASES)
            return error_set(reader->error,
                             "'%s' is not supported here: it is the gateway's own plugin; this "
                             "one has only ext-plugin-pre-req, -post-req and -post-resp",
                             name);
        result = read_plugin(reader, item, &chains[phase]);
        if (result < 0) {
            error_within(reader->error, name);
            return result;
        }
    }
    return 0;
}
