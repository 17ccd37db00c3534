/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/apisix_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev/tree.h"

#define ARENA_MAX ((size_t)4 << 20)

struct section {
    const char *name;
    void (*warn)(const char *text);
};

static void warn_unknown(void *user, const char *name)
{
    const struct section *section = user;
    char text[256];

    snprintf(text, sizeof(text), "config: %s%s%s means nothing to this gateway and is passed over",
             section->name, *section->name ? "." : "", name);
    section->warn(text);
}

/* Reads a section whose unknown keys are named with it. */
static int read_section(struct reader *reader, json_t *value, const char *name,
                        const struct reader_key *keys, void *to)
{
    struct section section = {name, ((struct section *)reader->user)->warn};
    void *outer = reader->user;
    int result;

    reader->user = &section;
    result = reader_object(reader, value, keys, to);
    reader->user = outer;
    return result;
}

/* ---- ext-plugin ---- */

static int take_path(struct reader *reader, json_t *value, void *to)
{
    struct apisix_config *config = to;
    int result = reader_text(reader, value, &config->path_for_test);

    if (result < 0)
        return result;
    if (strncmp(config->path_for_test, "unix:", 5) == 0)
        return error_set(reader->error, "is a path without 'unix:'");
    if (config->path_for_test[0] != '/' || strlen(config->path_for_test) > 107)
        return error_set(reader->error, "must be an absolute path of at most 107 bytes");
    return 0;
}

static int take_command(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct apisix_config *)to)->command, NULL);
}

static int take_ext_plugin(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {
        {"path_for_test", take_path}, {"cmd", take_command}, {0}};

    return json_is_null(value) ? 0 : read_section(reader, value, "ext-plugin", keys, to);
}

/* ---- apisix ---- */

static int take_port(struct reader *reader, json_t *value, void *to)
{
    return reader_integer(reader, value, 1, 65535, to);
}

static int add_port(struct reader *reader, json_t *value, struct apisix_config *config)
{
    static const struct reader_key keys[] = {{"port", take_port}, {0}};
    long *port = &config->ports[config->port_count];
    int result;

    if (config->port_count == NGINX_CONF_PORTS_MAX)
        return error_set(reader->error, "more than %d ports", NGINX_CONF_PORTS_MAX);
    result = json_is_object(value) ? read_section(reader, value, "apisix.node_listen", keys, port)
                                   : take_port(reader, value, port);
    if (result == 0 && *port == 0)
        return error_set(reader->error, "has no port");
    config->port_count++;
    return result;
}

static int take_node_listen(struct reader *reader, json_t *value, void *to)
{
    json_t *item;
    size_t i;

    if (!json_is_array(value))
        return add_port(reader, value, to);
    json_array_foreach(value, i, item)
    {
        int result = add_port(reader, item, to);
        if (result < 0)
            return result;
    }
    return 0;
}

static int take_apisix(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"node_listen", take_node_listen}, {0}};

    return json_is_null(value) ? 0 : read_section(reader, value, "apisix", keys, to);
}

/* ---- deployment ---- */

static int key_name(struct reader *reader, json_t *value, void *to)
{
    const char *name;

    (void)to;
    return reader_text(reader, value, &name);
}

static int key_key(struct reader *reader, json_t *value, void *to)
{
    return reader_text(reader, value, &((struct admin_key *)to)->key);
}

static int key_role(struct reader *reader, json_t *value, void *to)
{
    const char *role = NULL;
    int result = reader_text(reader, value, &role);

    if (result < 0)
        return result;
    ((struct admin_key *)to)->viewer = strcmp(role, "viewer") == 0;
    if (strcmp(role, "admin") != 0 && strcmp(role, "viewer") != 0)
        return error_set(reader->error, "must be 'admin' or 'viewer', not '%s'", role);
    return 0;
}

static int take_admin_key(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {
        {"name", key_name}, {"key", key_key}, {"role", key_role}, {0}};
    struct apisix_config *config = to;
    json_t *item;
    size_t i;

    if (!json_is_array(value))
        return error_set(reader->error, "must be a list of {name, key, role}");
    json_array_foreach(value, i, item)
    {
        int result;

        if (config->key_count == ADMIN_KEYS_MAX)
            return error_set(reader->error, "more than %d keys", ADMIN_KEYS_MAX);
        result = reader_object(reader, item, keys, &config->keys[config->key_count]);
        if (result < 0)
            return result;
        if (!config->keys[config->key_count].key || !*config->keys[config->key_count].key)
            return error_set(reader->error, "an entry has no key");
        config->key_count++;
    }
    return 0;
}

static int listen_port(struct reader *reader, json_t *value, void *to)
{
    return reader_integer(reader, value, 1, 65535, &((struct apisix_config *)to)->admin_port);
}

static int take_admin_listen(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"port", listen_port}, {0}};

    return read_section(reader, value, "deployment.admin.admin_listen", keys, to);
}

static int take_key_required(struct reader *reader, json_t *value, void *to)
{
    bool required = true;
    int result = reader_bool(reader, value, &required);

    ((struct apisix_config *)to)->no_key = !required;
    return result;
}

static int take_admin(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"admin_key", take_admin_key},
                                             {"admin_key_required", take_key_required},
                                             {"admin_listen", take_admin_listen},
                                             {0}};

    return json_is_null(value) ? 0 : read_section(reader, value, "deployment.admin", keys, to);
}

static int take_role(struct reader *reader, json_t *value, void *to)
{
    return reader_text(reader, value, &((struct apisix_config *)to)->role);
}

static int take_provider(struct reader *reader, json_t *value, const char **provider)
{
    int result = reader_text(reader, value, provider);

    if (result == 0 && strcmp(*provider, "yaml") != 0 && strcmp(*provider, "etcd") != 0)
        return error_set(reader->error, "'%s' is not supported here, only 'yaml' and 'etcd'",
                         *provider);
    return result;
}

static int take_traditional_provider(struct reader *reader, json_t *value, void *to)
{
    return take_provider(reader, value, &((struct apisix_config *)to)->traditional_provider);
}

static int take_traditional(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"config_provider", take_traditional_provider}, {0}};

    return read_section(reader, value, "deployment.role_traditional", keys, to);
}

static int take_data_plane_provider(struct reader *reader, json_t *value, void *to)
{
    return take_provider(reader, value, &((struct apisix_config *)to)->data_plane_provider);
}

static int take_data_plane(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"config_provider", take_data_plane_provider}, {0}};

    return read_section(reader, value, "deployment.role_data_plane", keys, to);
}

static int take_deployment(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"admin", take_admin},
                                             {"role", take_role},
                                             {"role_data_plane", take_data_plane},
                                             {"role_traditional", take_traditional},
                                             {0}};

    return json_is_null(value) ? 0 : read_section(reader, value, "deployment", keys, to);
}

/* ---- nginx_config ---- */

static int take_envs(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct apisix_config *)to)->variables, NULL);
}

static int take_nginx_config(struct reader *reader, json_t *value, void *to)
{
    static const struct reader_key keys[] = {{"envs", take_envs}, {0}};

    return json_is_null(value) ? 0 : read_section(reader, value, "nginx_config", keys, to);
}

/* ---- the whole ---- */

/* Where routes come from. Here the Admin API stands in for etcd: what it is given is kept. */
static int choose_provider(struct apisix_config *config, void (*warn)(const char *text),
                           struct error *error)
{
    const char *role = config->role ? config->role : "traditional";

    if (strcmp(role, "data_plane") == 0) {
        config->standalone =
            config->data_plane_provider && strcmp(config->data_plane_provider, "yaml") == 0;
        return 0;
    }
    if (config->data_plane_provider)
        warn(
            "config: deployment.role_data_plane means nothing without deployment.role: data_plane");
    if (strcmp(role, "traditional") != 0)
        return error_set(error, "deployment: role: must be 'traditional' or 'data_plane', not '%s'",
                         role);
    if (config->traditional_provider && strcmp(config->traditional_provider, "yaml") == 0)
        return error_set(error, "deployment: role_traditional: config_provider: 'yaml', with "
                                "routes through /apisix/admin/configs, is not supported here; "
                                "for a file of routes set role: data_plane and "
                                "role_data_plane.config_provider: yaml");
    return 0;
}

static int read_file(struct apisix_config *config, const char *file, void (*warn)(const char *text),
                     struct error *error)
{
    static const struct reader_key keys[] = {{"ext-plugin", take_ext_plugin},
                                             {"apisix", take_apisix},
                                             {"deployment", take_deployment},
                                             {"nginx_config", take_nginx_config},
                                             {0}};
    struct section section = {"", warn};
    struct reader reader = {
        .arena = &config->arena, .error = error, .unknown = warn_unknown, .user = &section};
    int result;

    config->tree = tree_file(file, false, error);
    if (!config->tree)
        return -EINVAL;
    result = reader_object(&reader, config->tree, keys, config);
    if (result == 0)
        result = choose_provider(config, warn, error);
    if (result == 0 && config->path_for_test && config->command.count)
        result = error_set(error, "ext-plugin: has both cmd and path_for_test; with "
                                  "path_for_test you start the runner, with cmd the gateway does");
    if (result < 0)
        error_within(error, file);
    return result;
}

int apisix_config_read(struct apisix_config *config, const char *file,
                       void (*warn)(const char *text), struct error *error)
{
    int result = 0;

    memset(config, 0, sizeof(*config));
    arena_init(&config->arena, ARENA_MAX);
    if (file)
        result = read_file(config, file, warn, error);
    if (config->port_count == 0)
        config->ports[config->port_count++] = 9080;
    if (config->admin_port == 0)
        config->admin_port = 9180;
    if (config->key_count == 0)
        config->keys[config->key_count++].key = ADMIN_EXAMPLE_KEY;
    return result;
}

void apisix_config_free(struct apisix_config *config)
{
    json_decref(config->tree);
    arena_free(&config->arena);
}
