/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/model_parts.h"
#include "dev/model_upstream.h"

#define ARENA_MAX ((size_t)64 << 20)
#define OBJECTS_MAX 5000
#define URI_MAX 2048

/* A route or service while it is read: what it says of others, to be looked up. */
struct draft {
    struct model_route route; /* chains, upstream, hosts and all */
    const char *upstream_id;
    const char *service_id;
};

struct builder {
    struct reader reader;
    struct model_upstream **upstreams;
    size_t upstream_count;
    struct draft *services;
    size_t service_count;
    struct model *model;
};

/* ---- the keys of a route and of a service ---- */

static int check_uri(struct reader *reader, const char *uri)
{
    const char *star = strchr(uri, '*');

    if (*uri != '/')
        return error_set(reader->error, "'%s' must begin with '/'", uri);
    if (strlen(uri) > URI_MAX)
        return error_set(reader->error, "is longer than %d bytes", URI_MAX);
    if (star && star[1])
        return error_set(reader->error, "'%s': a '*' is supported here at the end only", uri);
    if (strcmp(uri, "/_dev") == 0 || strncmp(uri, "/_dev/", 6) == 0 ||
        strncmp(uri, "/apisix/admin/", 14) == 0)
        return error_set(reader->error, "'%s' is this gateway's own: its page, or the Admin API",
                         uri);
    return 0;
}

static int check_host(struct reader *reader, const char *host)
{
    return strcmp(host, "*") == 0 ? 0 : model_host(reader, *host == '*' ? host + 1 : host);
}

static int check_method(struct reader *reader, const char *method)
{
    static const char *const methods[] = {"GET",     "POST",    "PUT",   "DELETE", "PATCH", "HEAD",
                                          "OPTIONS", "CONNECT", "TRACE", "PURGE",  NULL};

    for (size_t i = 0; methods[i]; i++) {
        if (strcmp(method, methods[i]) == 0)
            return 0;
    }
    return error_set(reader->error, "'%s' is not a method that APISIX knows", method);
}

/* An address, or a network 10.0.0.0/8. */
static int check_address(struct reader *reader, const char *text)
{
    char address[INET6_ADDRSTRLEN + 1], bytes[16];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    bool v6 = strchr(text, ':') != NULL;
    char *end = NULL;
    long bits = slash ? strtol(slash + 1, &end, 10) : 0;

    snprintf(address, sizeof(address), "%.*s", (int)(len < sizeof(address) ? len : 0), text);
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, bytes) != 1 ||
        (slash && (end == slash + 1 || *end || bits < 0 || bits > (v6 ? 128 : 32))))
        return error_set(reader->error, "'%s' is neither an IP address nor a network", text);
    return 0;
}

static int take_id(struct reader *reader, json_t *value, void *to)
{
    return reader_id(reader, value, &((struct draft *)to)->route.id);
}

static int take_name(struct reader *reader, json_t *value, void *to)
{
    return reader_text(reader, value, &((struct draft *)to)->route.name);
}

static int take_uri(struct reader *reader, json_t *value, void *to)
{
    return reader_single(reader, value, &((struct draft *)to)->route.uris, check_uri);
}

static int take_uris(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct draft *)to)->route.uris, check_uri);
}

static int take_host(struct reader *reader, json_t *value, void *to)
{
    return reader_single(reader, value, &((struct draft *)to)->route.hosts, check_host);
}

static int take_hosts(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct draft *)to)->route.hosts, check_host);
}

static int take_methods(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct draft *)to)->route.methods, check_method);
}

static int take_addr(struct reader *reader, json_t *value, void *to)
{
    return reader_single(reader, value, &((struct draft *)to)->route.addresses, check_address);
}

static int take_addrs(struct reader *reader, json_t *value, void *to)
{
    return reader_list(reader, value, &((struct draft *)to)->route.addresses, check_address);
}

static int take_vars(struct reader *reader, json_t *value, void *to)
{
    struct draft *draft = to;

    return model_vars(reader, value, &draft->route.vars, &draft->route.var_count);
}

static int take_priority(struct reader *reader, json_t *value, void *to)
{
    return reader_integer(reader, value, -1000000000, 1000000000,
                          &((struct draft *)to)->route.priority);
}

static int take_status(struct reader *reader, json_t *value, void *to)
{
    long status = 1;
    int result = reader_integer(reader, value, 0, 1, &status);

    ((struct draft *)to)->route.enabled = status == 1;
    return result;
}

static int take_upstream(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = NULL;
    int result = model_upstream(reader, value, &upstream);

    if (result == 0)
        upstream->id = NULL; /* not one that others may name */
    ((struct draft *)to)->route.upstream = upstream;
    return result;
}

static int take_upstream_id(struct reader *reader, json_t *value, void *to)
{
    return reader_id(reader, value, &((struct draft *)to)->upstream_id);
}

static int take_service_id(struct reader *reader, json_t *value, void *to)
{
    return reader_id(reader, value, &((struct draft *)to)->service_id);
}

static int take_timeout(struct reader *reader, json_t *value, void *to)
{
    struct model_route *route = &((struct draft *)to)->route;

    return model_timeout(reader, value, &route->connect_ms, &route->send_ms, &route->read_ms);
}

static int take_plugins(struct reader *reader, json_t *value, void *to)
{
    return model_plugins(reader, value, ((struct draft *)to)->route.chains);
}

#define KEYS_OF_BOTH                                                                               \
    {"id", take_id}, {"name", take_name}, {"hosts", take_hosts}, {"plugins", take_plugins},        \
        {"upstream", take_upstream}, {"upstream_id", take_upstream_id},                            \
        {"desc", reader_check_text}, {"labels", reader_check_labels}, {"create_time", NULL},       \
    {                                                                                              \
        "update_time", NULL                                                                        \
    }

static const struct reader_key route_keys[] = {
    KEYS_OF_BOTH,
    {"uri", take_uri},
    {"uris", take_uris},
    {"host", take_host},
    {"methods", take_methods},
    {"remote_addr", take_addr},
    {"remote_addrs", take_addrs},
    {"vars", take_vars},
    {"priority", take_priority},
    {"status", take_status},
    {"service_id", take_service_id},
    {"timeout", take_timeout},
    {0},
};

static const struct reader_key service_keys[] = {KEYS_OF_BOTH, {0}};

static int read_draft(struct builder *builder, json_t *value, const struct reader_key *keys,
                      struct draft *draft)
{
    draft->route.enabled = true;
    return reader_object(&builder->reader, value, keys, draft);
}

/* ---- putting together ---- */

/* What upstream_id names; where there is an upstream as well, the id wins, as in APISIX. */
static int find_upstream(struct builder *builder, struct draft *draft)
{
    if (!draft->upstream_id)
        return 0;
    for (size_t i = 0; i < builder->upstream_count; i++) {
        if (strcmp(builder->upstreams[i]->id, draft->upstream_id) == 0) {
            draft->route.upstream = builder->upstreams[i];
            return 0;
        }
    }
    return error_set(builder->reader.error, "upstream_id: there is no upstream '%s'",
                     draft->upstream_id);
}

static int join_service(struct builder *builder, struct draft *draft)
{
    const struct draft *service = NULL;

    if (!draft->service_id)
        return 0;
    for (size_t i = 0; i < builder->service_count && !service; i++) {
        if (strcmp(builder->services[i].route.id, draft->service_id) == 0)
            service = &builder->services[i];
    }
    if (!service)
        return error_set(builder->reader.error, "service_id: there is no service '%s'",
                         draft->service_id);
    if (!draft->route.upstream)
        draft->route.upstream = service->route.upstream;
    if (draft->route.hosts.count == 0)
        draft->route.hosts = service->route.hosts;
    for (size_t phase = 0; phase < PHASES; phase++) {
        if (!draft->route.chains[phase].given)
            draft->route.chains[phase] = service->route.chains[phase];
    }
    return 0;
}

static int read_upstream(struct builder *builder, json_t *value)
{
    struct model_upstream *upstream;
    int result = model_upstream(&builder->reader, value, &upstream);

    builder->upstreams[builder->upstream_count++] = upstream;
    return result;
}

static int read_service(struct builder *builder, json_t *value)
{
    struct draft *service = &builder->services[builder->service_count++];
    int result = read_draft(builder, value, service_keys, service);

    return result < 0 ? result : find_upstream(builder, service);
}

/* APISIX's schema wants one of these, be it empty. */
static bool serves_something(const json_t *value)
{
    return json_object_get(value, "plugins") || json_object_get(value, "upstream") ||
           json_object_get(value, "upstream_id") || json_object_get(value, "service_id");
}

static int read_route(struct builder *builder, json_t *value)
{
    struct draft draft = {0};
    int result = read_draft(builder, value, route_keys, &draft);

    if (result == 0 && draft.route.uris.count == 0)
        result = error_set(builder->reader.error, "has neither uri nor uris");
    if (result == 0 && !serves_something(value))
        result = error_set(builder->reader.error,
                           "has none of plugins, upstream, upstream_id and service_id");
    if (result == 0)
        result = find_upstream(builder, &draft);
    if (result == 0)
        result = join_service(builder, &draft);
    builder->model->routes[builder->model->route_count++] = draft.route;
    return result;
}

static int rule_id(struct reader *reader, json_t *value, void *to)
{
    return reader_id(reader, value, &((struct model_rule *)to)->id);
}

static int rule_plugins(struct reader *reader, json_t *value, void *to)
{
    return model_plugins(reader, value, ((struct model_rule *)to)->chains);
}

static int read_rule(struct builder *builder, json_t *value)
{
    static const struct reader_key keys[] = {{"id", rule_id},
                                             {"plugins", rule_plugins},
                                             {"create_time", NULL},
                                             {"update_time", NULL},
                                             {0}};

    return reader_object(&builder->reader, value, keys,
                         &builder->model->rules[builder->model->rule_count++]);
}

/* ---- the lists ---- */

/* The ids that objects of the list say they have. */
static json_t *given_ids(const json_t *list)
{
    json_t *given = json_object();
    const json_t *object;
    size_t i;

    json_array_foreach(list, i, object)
    {
        const json_t *id = json_object_get(object, "id");
        char number[32];

        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(id));
        if (json_is_string(id))
            (void)json_object_set_new(given, json_string_value(id), json_true());
        else if (json_is_integer(id))
            (void)json_object_set_new(given, number, json_true());
    }
    return given;
}

/* Every object needs an id of its own; where the file gives none, its place is one, unless
 * it is another's. */
static int name_object(struct builder *builder, json_t *object, size_t place, json_t *given,
                       json_t *seen, char *name, size_t size)
{
    const char *id = NULL;

    snprintf(name, size, "%zu", place + 1);
    if (!json_object_get(object, "id") && json_object_get(given, name))
        snprintf(name, size, "arr_%zu", place + 1);
    if (!json_is_object(object))
        return error_set(builder->reader.error, "must be an object, not %s", reader_kind(object));
    if (!json_object_get(object, "id") && json_object_set_new(object, "id", json_string(name)) < 0)
        return error_memory(builder->reader.error);
    if (reader_id(&builder->reader, json_object_get(object, "id"), &id) < 0)
        return -EINVAL;
    snprintf(name, size, "%s", id);
    if (json_object_get(seen, id))
        return error_set(builder->reader.error, "the id is there twice");
    return json_object_set_new(seen, id, json_true()) < 0 ? error_memory(builder->reader.error) : 0;
}

static int read_list(struct builder *builder, const char *kind,
                     int (*read)(struct builder *builder, json_t *value))
{
    json_t *list = json_object_get(builder->model->tree, kind);
    json_t *seen = json_object(), *given = given_ids(list);
    char name[80], where[128];
    int result = seen && given ? 0 : error_memory(builder->reader.error);

    if (list && !json_is_null(list) && !json_is_array(list))
        result =
            error_set(builder->reader.error, "%s: must be a list, not %s", kind, reader_kind(list));
    for (size_t i = 0; result == 0 && i < json_array_size(list); i++) {
        json_t *object = json_array_get(list, i);

        result = name_object(builder, object, i, given, seen, name, sizeof(name));
        if (result == 0)
            result = read(builder, object);
        if (result == 0)
            continue;
        snprintf(where, sizeof(where), "%s/%s", kind, name);
        error_within(builder->reader.error, where);
    }
    json_decref(given);
    json_decref(seen);
    return result;
}

static size_t count_of(const struct builder *builder, const char *kind)
{
    return json_array_size(json_object_get(builder->model->tree, kind));
}

static int take_places(struct builder *builder)
{
    size_t upstreams = count_of(builder, "upstreams"), services = count_of(builder, "services");
    size_t routes = count_of(builder, "routes"), rules = count_of(builder, "global_rules");
    struct reader *reader = &builder->reader;

    if (upstreams + services + routes + rules > OBJECTS_MAX)
        return error_set(reader->error, "more than %d objects", OBJECTS_MAX);
    builder->upstreams = reader_alloc(reader, upstreams * sizeof(struct model_upstream *));
    builder->services = reader_alloc(reader, services * sizeof(*builder->services));
    builder->model->routes = reader_alloc(reader, routes * sizeof(*builder->model->routes));
    builder->model->rules = reader_alloc(reader, rules * sizeof(*builder->model->rules));
    return builder->upstreams && builder->services && builder->model->routes &&
                   builder->model->rules
               ? 0
               : -ENOMEM;
}

static int read_all(struct builder *builder)
{
    /* In the order in which they refer to each other, backwards. */
    static const struct reader_key keys[] = {
        {"routes", NULL}, {"services", NULL}, {"upstreams", NULL}, {"global_rules", NULL}, {0}};
    int result = reader_object(&builder->reader, builder->model->tree, keys, NULL);

    if (result == 0)
        result = take_places(builder);
    if (result == 0)
        result = read_list(builder, "upstreams", read_upstream);
    if (result == 0)
        result = read_list(builder, "services", read_service);
    if (result == 0)
        result = read_list(builder, "routes", read_route);
    if (result == 0)
        result = read_list(builder, "global_rules", read_rule);
    return result;
}

int model_read(json_t *tree, struct model **to, struct error *error)
{
    struct builder builder = {.reader = {.error = error}};
    struct model *model = calloc(1, sizeof(*model));
    int result;

    if (!model)
        return error_memory(error);
    arena_init(&model->arena, ARENA_MAX);
    model->tree = json_incref(tree);
    builder.reader.arena = &model->arena;
    builder.model = model;
    result = read_all(&builder);
    if (result < 0) {
        model_free(model);
        return result;
    }
    *to = model;
    return 0;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    json_decref(model->tree);
    arena_free(&model->arena);
    free(model);
}
