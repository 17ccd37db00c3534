/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/dev_model_parts.h"

const char *const dev_phase_plugins[DEV_PHASES] = {"ext-plugin-pre-req", "ext-plugin-post-req",
                                                   "ext-plugin-post-resp"};

struct entry {
    const char *name;
    const char *value;
};

static int take_name(struct dev_reader *reader, json_t *value, void *to)
{
    struct entry *entry = to;
    int result = dev_reader_text(reader, value, &entry->name);

    if (result == 0 && (!*entry->name || strlen(entry->name) > 128))
        return dev_error(reader->error, "must have 1 to 128 bytes");
    return result;
}

static int take_value(struct dev_reader *reader, json_t *value, void *to)
{
    struct entry *entry = to;

    if (json_is_object(value))
        return dev_error(reader->error, "must be a string; a conf that is JSON is written as "
                                        "\"{\\\"body\\\":\\\"hello\\\"}\"");
    return dev_reader_text(reader, value, &entry->value);
}

static int check_entry(struct dev_reader *reader, json_t *value)
{
    static const struct dev_key keys[] = {{"name", take_name}, {"value", take_value}, {0}};
    struct entry entry = {0};
    int result = dev_reader_object(reader, value, keys, &entry);

    if (result < 0)
        return result;
    if (!entry.name)
        return dev_error(reader->error, "an entry has no name");
    if (!entry.value)
        return dev_error(reader->error, "'%s' has no value; an empty one is \"\"", entry.name);
    return 0;
}

static int take_conf(struct dev_reader *reader, json_t *value, void *to)
{
    struct dev_chain *chain = to;
    json_t *item;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) == 0)
        return dev_error(reader->error, "must be a list of {\"name\", \"value\"}, not empty");
    json_array_foreach(value, i, item)
    {
        int result = check_entry(reader, item);
        if (result < 0)
            return result;
    }
    chain->conf = value;
    return 0;
}

static int take_degradation(struct dev_reader *reader, json_t *value, void *to)
{
    return dev_reader_bool(reader, value, &((struct dev_chain *)to)->degradation);
}

static int take_disable(struct dev_reader *reader, json_t *value, void *to)
{
    bool disable = false;
    int result = dev_reader_bool(reader, value, &disable);

    if (disable)
        *(bool *)to = true;
    return result;
}

struct plugin {
    struct dev_chain chain;
    bool disabled;
};

static int plugin_conf(struct dev_reader *reader, json_t *value, void *to)
{
    return take_conf(reader, value, &((struct plugin *)to)->chain);
}

static int plugin_degradation(struct dev_reader *reader, json_t *value, void *to)
{
    return take_degradation(reader, value, &((struct plugin *)to)->chain);
}

static int plugin_meta(struct dev_reader *reader, json_t *value, void *to)
{
    static const struct dev_key keys[] = {{"disable", take_disable}, {0}};

    return dev_reader_object(reader, value, keys, &((struct plugin *)to)->disabled);
}

static int read_plugin(struct dev_reader *reader, json_t *value, struct dev_chain *chain)
{
    static const struct dev_key keys[] = {{"conf", plugin_conf},
                                          {"allow_degradation", plugin_degradation},
                                          {"_meta", plugin_meta},
                                          {0}};
    struct plugin plugin = {0};
    int result = dev_reader_object(reader, value, keys, &plugin);

    if (result < 0)
        return result;
    if (!plugin.chain.conf)
        return dev_error(reader->error, "has no conf, so it would run no plugin");
    if (plugin.disabled)
        plugin.chain.conf = NULL;
    *chain = plugin.chain;
    return 0;
}

int dev_model_plugins(struct dev_reader *reader, json_t *value, struct dev_chain *chains)
{
    const char *name;
    json_t *item;

    if (!json_is_object(value))
        return dev_error(reader->error, "must be an object, not %s", dev_reader_kind(value));
    json_object_foreach(value, name, item)
    {
        size_t phase = 0;
        int result;

        while (phase < DEV_PHASES && strcmp(name, dev_phase_plugins[phase]) != 0)
            phase++;
        if (phase == DEV_PHASES)
            return dev_error(reader->error,
                             "'%s' is not supported here: it is the gateway's own plugin; this "
                             "one has only ext-plugin-pre-req, -post-req and -post-resp",
                             name);
        result = read_plugin(reader, item, &chains[phase]);
        if (result < 0) {
            dev_error_within(reader->error, name);
            return result;
        }
    }
    return 0;
}
