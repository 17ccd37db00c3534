/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/model_upstream.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 256
#define SECONDS_MAX 86400

static int take_id(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;

    return reader_id(reader, value, &upstream->id);
}

static int take_type(struct reader *reader, json_t *value, void *to)
{
    const char *type;
    int result = reader_text(reader, value, &type);

    (void)to;
    if (result == 0 && strcmp(type, "roundrobin") != 0)
        return error_set(reader->error, "'%s' is not supported here, only 'roundrobin'", type);
    return result;
}

static int take_scheme(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;
    const char *scheme;
    int result = reader_text(reader, value, &scheme);

    if (result < 0)
        return result;
    upstream->https = strcmp(scheme, "https") == 0;
    if (!upstream->https && strcmp(scheme, "http") != 0)
        return error_set(reader->error, "'%s' is not supported here, only 'http' and 'https'",
                         scheme);
    return 0;
}

static int take_pass_host(struct reader *reader, json_t *value, void *to)
{
    static const char *const names[] = {"pass", "node", "rewrite"};
    struct model_upstream *upstream = to;
    const char *name;
    int result = reader_text(reader, value, &name);

    if (result < 0)
        return result;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            upstream->pass_host = (enum model_pass_host)i;
            return 0;
        }
    }
    return error_set(reader->error, "must be 'pass', 'node' or 'rewrite', not '%s'", name);
}

int model_host(struct reader *reader, const char *text)
{
    size_t len = strlen(text);

    if (len < 1 || len > 255 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]") != len)
        return error_set(reader->error, "'%s' is not the name of a host", text);
    return 0;
}

static int take_upstream_host(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;
    int result = reader_text(reader, value, &upstream->host);

    return result < 0 ? result : model_host(reader, upstream->host);
}

static int take_retries(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;

    return reader_integer(reader, value, 0, 100, &upstream->retries);
}

static int take_retry_timeout(struct reader *reader, json_t *value, void *to)
{
    double seconds = json_number_value(value);

    if (!json_is_number(value) || !(seconds >= 0 && seconds <= SECONDS_MAX))
        return error_set(reader->error, "must be seconds, and 0 for no limit");
    ((struct model_upstream *)to)->retry_ms = lround(seconds * 1000);
    return 0;
}

/* ---- times ---- */

static int read_seconds(struct reader *reader, json_t *value, long *ms)
{
    double seconds = json_number_value(value);

    if (!json_is_number(value) || !(seconds >= 0.001 && seconds <= SECONDS_MAX))
        return error_set(reader->error, "must be seconds, more than 0");
    *ms = lround(seconds * 1000);
    return 0;
}

struct times {
    long connect, send, read;
};

static int take_connect(struct reader *reader, json_t *value, void *to)
{
    return read_seconds(reader, value, &((struct times *)to)->connect);
}

static int take_send(struct reader *reader, json_t *value, void *to)
{
    return read_seconds(reader, value, &((struct times *)to)->send);
}

static int take_read(struct reader *reader, json_t *value, void *to)
{
    return read_seconds(reader, value, &((struct times *)to)->read);
}

int model_timeout(struct reader *reader, json_t *value, long *connect_ms, long *send_ms,
                  long *read_ms)
{
    static const struct reader_key keys[] = {
        {"connect", take_connect}, {"send", take_send}, {"read", take_read}, {0}};
    struct times times = {0};
    int result = reader_object(reader, value, keys, &times);

    if (result < 0)
        return result;
    if (!times.connect || !times.send || !times.read)
        return error_set(reader->error, "needs all of connect, send and read");
    *connect_ms = times.connect;
    *send_ms = times.send;
    *read_ms = times.read;
    return 0;
}

static int take_timeout(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;

    return model_timeout(reader, value, &upstream->connect_ms, &upstream->send_ms,
                         &upstream->read_ms);
}

/* ---- nodes ---- */

/* "host:port", "[::1]:80", or without a port, into its parts. */
static int split_address(struct reader *reader, const char *text, struct model_node *node)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(end ? end : text, ':');
    char *host, *rest;
    long port;

    if (colon) {
        port = strtol(colon + 1, &rest, 10);
        if (*rest != '\0' || rest == colon + 1 || port < 1 || port > 65535)
            return error_set(reader->error, "'%s': the port must be 1 to 65535", text);
        node->port = port;
    }
    host = arena_copy(reader->arena, text, colon ? (size_t)(colon - text) : strlen(text));
    if (!host)
        return error_memory(reader->error);
    node->host = host;
    return model_host(reader, host);
}

static int take_node_host(struct reader *reader, json_t *value, void *to)
{
    struct model_node *node = to;
    int result = reader_text(reader, value, &node->host);

    return result < 0 ? result : model_host(reader, node->host);
}

static int take_node_port(struct reader *reader, json_t *value, void *to)
{
    return reader_integer(reader, value, 1, 65535, &((struct model_node *)to)->port);
}

static int take_node_weight(struct reader *reader, json_t *value, void *to)
{
    return reader_integer(reader, value, 0, 1000000, &((struct model_node *)to)->weight);
}

/* APISIX asks nodes of a lower one only when all others have failed. */
static int take_node_priority(struct reader *reader, json_t *value, void *to)
{
    (void)to;
    if (!json_is_integer(value) || json_integer_value(value) != 0)
        return error_set(reader->error, "only 0 is supported here");
    return 0;
}

static int read_node_object(struct reader *reader, json_t *value, struct model_node *node)
{
    static const struct reader_key keys[] = {
        {"host", take_node_host},         {"port", take_node_port}, {"weight", take_node_weight},
        {"priority", take_node_priority}, {"metadata", NULL},       {0}};
    int result;

    node->weight = -1;
    result = reader_object(reader, value, keys, node);
    if (result < 0)
        return result;
    if (!node->host)
        return error_set(reader->error, "a node has no host");
    if (node->weight < 0)
        return error_set(reader->error, "the node '%s' has no weight", node->host);
    return 0;
}

static int take_nodes(struct reader *reader, json_t *value, void *to)
{
    struct model_upstream *upstream = to;
    size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    const char *address;
    json_t *item;
    size_t i;
    int result = 0;

    if (!json_is_array(value) && !json_is_object(value))
        return error_set(reader->error, "must be {\"host:port\": weight} or a list of "
                                        "{\"host\", \"port\", \"weight\"}");
    if (count < 1 || count > NODES_MAX)
        return error_set(reader->error, "needs 1 to %d nodes", NODES_MAX);
    upstream->nodes = reader_alloc(reader, count * sizeof(*upstream->nodes));
    if (!upstream->nodes)
        return -ENOMEM;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            result = read_node_object(reader, item, &upstream->nodes[i]);
            if (result < 0)
                return result;
        }
    } else {
        i = 0;
        json_object_foreach(value, address, item)
        {
            result = split_address(reader, address, &upstream->nodes[i]);
            if (result == 0)
                result = take_node_weight(reader, item, &upstream->nodes[i]);
            if (result < 0)
                return result;
            i++;
        }
    }
    upstream->node_count = count;
    return 0;
}

/* ---- the whole ---- */

/* nginx cannot say another Host for each node. */
static bool hosts_differ(const struct model_upstream *upstream)
{
    for (size_t i = 1; i < upstream->node_count; i++) {
        if (strcmp(upstream->nodes[i].host, upstream->nodes[0].host) != 0)
            return true;
    }
    return false;
}

static int check(struct reader *reader, const struct model_upstream *upstream)
{
    long weights = 0;

    if (upstream->node_count == 0)
        return error_set(reader->error, "has no nodes");
    for (size_t i = 0; i < upstream->node_count; i++)
        weights += upstream->nodes[i].weight;
    if (weights == 0)
        return error_set(reader->error, "nodes: all have the weight 0, so none would be asked");
    if (upstream->pass_host == PASS_HOST_REWRITE && !upstream->host)
        return error_set(reader->error, "pass_host 'rewrite' needs upstream_host");
    if (upstream->pass_host == PASS_HOST_NODE && hosts_differ(upstream))
        return error_set(reader->error, "pass_host 'node' is supported here only when all nodes "
                                        "have the same host");
    return 0;
}

int model_upstream(struct reader *reader, json_t *value, struct model_upstream **to)
{
    static const struct reader_key keys[] = {
        {"id", take_id},
        {"type", take_type},
        {"nodes", take_nodes},
        {"scheme", take_scheme},
        {"pass_host", take_pass_host},
        {"upstream_host", take_upstream_host},
        {"timeout", take_timeout},
        {"retries", take_retries},
        {"retry_timeout", take_retry_timeout},
        /* Of the type chash, and APISIX writes them to others too. */
        {"hash_on", NULL},
        {"key", NULL},
        {"name", reader_check_text},
        {"desc", reader_check_text},
        {"labels", reader_check_labels},
        {"create_time", NULL},
        {"update_time", NULL},
        {0},
    };
    struct model_upstream *upstream = reader_alloc(reader, sizeof(*upstream));
    int result;

    if (!upstream)
        return -ENOMEM;
    upstream->retries = -1;
    result = reader_object(reader, value, keys, upstream);
    if (result == 0)
        result = check(reader, upstream);
    *to = upstream;
    return result;
}
