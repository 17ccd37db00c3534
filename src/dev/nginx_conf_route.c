/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/nginx_conf_route.h"

#include <errno.h>
#include <string.h>

#include "dev/address.h"
#include "dev/match.h"

/* nginx follows ten internal redirects of a request, and a route needs up to three. */
#define RULES_MAX 3

/* A token of nginx's configuration has at most 4096 bytes; a longer conf is a file. */
#define INLINE_MAX 2000

/* nginx compares each with all others: what differs comes first. */
#define UPSTREAM "%zu.a6"

static const char *const directives[PHASES] = {"ext_plugin_pre_req", "ext_plugin_post_req",
                                               "ext_plugin_post_resp"};

const char *nginx_conf_path(struct nginx_conf_writer *writer, const char *name)
{
    snprintf(writer->path, sizeof(writer->path), "%s/%s", writer->settings->folder, name);
    return writer->path;
}

const char *nginx_conf_runner(struct nginx_conf_writer *writer)
{
    snprintf(writer->path, sizeof(writer->path), "unix:%s", writer->settings->runner);
    return writer->path;
}

/* ---- upstreams ---- */

static bool is_first(const struct model *model, size_t route)
{
    for (size_t i = 0; i < route; i++) {
        if (model->routes[i].upstream == model->routes[route].upstream)
            return false;
    }
    return true;
}

/* The name of an upstream is the place of the first route that has it. */
static size_t upstream_number(const struct model *model, const struct model_upstream *upstream)
{
    size_t i = 0;

    while (model->routes[i].upstream != upstream)
        i++;
    return i;
}

/* A node's place in nginx's turns. APISIX asks a node that is the only one again, where
 * nginx asks each only once: there it has as many places as it may be asked. */
static int write_upstream(const struct nginx_conf_writer *writer,
                          const struct model_upstream *upstream, size_t number)
{
    long places = upstream->node_count == 1 && upstream->retries > 0 ? upstream->retries + 1 : 1;

    fprintf(writer->to, "upstream " UPSTREAM " {\n", number);
    for (size_t i = 0; i < upstream->node_count; i++) {
        const struct model_node *node = &upstream->nodes[i];
        long port = node->port ? node->port : upstream->https ? 443 : 80;
        char address[ADDRESS_MAX];
        int result = address_find(node->host, address, writer->error);

        if (result < 0)
            return result;
        for (long place = 0; place < places; place++) {
            fprintf(writer->to, "    server %s:%ld max_fails=0", address, port);
            if (node->weight)
                fprintf(writer->to, " weight=%ld;\n", node->weight);
            else
                fprintf(writer->to, " down;\n");
        }
    }
    fprintf(writer->to, "    keepalive 32;\n}\n");
    return 0;
}

int nginx_conf_upstreams(const struct nginx_conf_writer *writer)
{
    const struct model *model = writer->model;
    int result = 0;

    for (size_t i = 0; result == 0 && i < model->route_count; i++) {
        if (model->routes[i].upstream && is_first(model, i))
            result = write_upstream(writer, model->routes[i].upstream, i);
    }
    return result;
}

/* ---- plugins ---- */

/* Whether it is one token of nginx's configuration, also with a backslash before each byte. */
static bool fits_inline(const char *text, size_t len)
{
    return len <= INLINE_MAX && text[0] != '@' && !memchr(text, '\0', len);
}

static int write_file(struct nginx_conf_writer *writer, const char *text, size_t len)
{
    FILE *file;

    snprintf(writer->path, sizeof(writer->path), "%s/%zu", writer->settings->conf_folder,
             writer->confs++);
    file = fopen(writer->path, "we");
    if (!file)
        return error_set(writer->error, "%s: %s", writer->path, strerror(errno));
    fwrite(text, 1, len, file);
    if ((ferror(file) | fclose(file)) != 0)
        return error_set(writer->error, "%s: cannot be written", writer->path);
    return 0;
}

/* Making and removing a thousand small files takes longer than all that nginx does. */
static int write_conf(struct nginx_conf_writer *writer, json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    char at[PATH_MAX + 1];
    int result;

    if (fits_inline(text, len)) {
        match_quote(writer->to, text);
        return 0;
    }
    result = write_file(writer, text, len);
    snprintf(at, sizeof(at), "@%s", writer->path);
    match_quote(writer->to, at);
    return result;
}

static int write_chain(struct nginx_conf_writer *writer, const struct model_chain *chain,
                       enum model_phase phase)
{
    json_t *entry;
    size_t i;

    json_array_foreach(chain->conf, i, entry)
    {
        int result;

        fprintf(writer->to, "    %s ", directives[phase]);
        match_quote(writer->to, json_string_value(json_object_get(entry, "name")));
        fputc(' ', writer->to);
        result = write_conf(writer, json_object_get(entry, "value"));
        if (result < 0)
            return result;
        fprintf(writer->to, ";\n");
    }
    return 0;
}

/*
 * The chains of some phases, each location with one setting of allow_degradation: where
 * it changes, a location ends and leads to the next one, `<name>:2` and so on.
 */
static int write_chains(struct nginx_conf_writer *writer, const struct model_chain *chains,
                        size_t phases, const char *name)
{
    bool any = false, degradation = false;
    size_t number = 1;

    for (size_t phase = 0; phase < phases; phase++) {
        int result;

        if (!chains[phase].conf)
            continue;
        if (any && chains[phase].degradation != degradation) {
            number++;
            fprintf(writer->to, "    try_files /- @%s:%zu;\n}\nlocation @%s:%zu {\n", name, number,
                    name, number);
            any = false;
        }
        if (!any && chains[phase].degradation)
            fprintf(writer->to, "    ext_plugin_allow_degradation on;\n");
        any = true;
        degradation = chains[phase].degradation;
        result = write_chain(writer, &chains[phase], (enum model_phase)phase);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- where a request goes ---- */

int nginx_conf_rules(struct nginx_conf_writer *writer)
{
    const struct model *model = writer->model;
    char name[96];
    int result = 0;

    if (model->rule_count > RULES_MAX)
        return error_set(writer->error, "global_rules: more than %d are not supported here",
                         RULES_MAX);
    fprintf(writer->to, "location / {\n");
    for (size_t i = 0; result == 0 && i < model->rule_count; i++) {
        if (i > 0)
            fprintf(writer->to, "    try_files /- @rule-%s;\n}\nlocation @rule-%s {\n",
                    model->rules[i].id, model->rules[i].id);
        snprintf(name, sizeof(name), "rule-%s", model->rules[i].id);
        result = write_chains(writer, model->rules[i].chains, PHASE_POST_RESP, name);
    }
    fprintf(writer->to, "    try_files /- @$a6_route;\n}\n");
    return result;
}

/* A global rule's ext-plugin-post-resp asks the upstream itself, so a route's own never
 * comes to its turn in APISIX. */
static struct model_chain response_chain(const struct model *model, const struct model_route *route)
{
    for (size_t i = 0; i < model->rule_count; i++) {
        if (model->rules[i].chains[PHASE_POST_RESP].conf)
            return model->rules[i].chains[PHASE_POST_RESP];
    }
    return route->chains[PHASE_POST_RESP];
}

static void write_time(FILE *to, const char *directive, long own, long upstream)
{
    if (own || upstream)
        fprintf(to, "    %s %ldms;\n", directive, own ? own : upstream);
}

static void write_headers(FILE *to, const char *host, long port)
{
    fprintf(to, "    proxy_set_header Host %s", host);
    if (port)
        fprintf(to, ":%ld", port);
    fprintf(to, ";\n"
                "    proxy_set_header Connection \"\";\n"
                "    proxy_set_header X-Real-IP $remote_addr;\n"
                "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
                "    proxy_set_header X-Forwarded-Proto $scheme;\n"
                "    proxy_set_header X-Forwarded-Host $host;\n"
                "    proxy_set_header X-Forwarded-Port $server_port;\n");
}

void nginx_conf_headers(const struct nginx_conf_writer *writer)
{
    write_headers(writer->to, "$http_host", 0);
}

/* Other headers than the server's only where the host is another one: nginx makes tables
 * for each location that has headers of its own. */
static void write_host(FILE *to, const struct model_upstream *upstream)
{
    const struct model_node *node = &upstream->nodes[0];
    bool usual = !node->port || node->port == (upstream->https ? 443 : 80);

    if (upstream->pass_host == PASS_HOST_REWRITE)
        write_headers(to, upstream->host, 0);
    else if (upstream->pass_host == PASS_HOST_NODE)
        write_headers(to, node->host, usual ? 0 : node->port);
    if (upstream->https)
        fprintf(to, "    proxy_ssl_server_name on;\n    proxy_ssl_name %s;\n",
                upstream->pass_host == PASS_HOST_PASS      ? "$host"
                : upstream->pass_host == PASS_HOST_REWRITE ? upstream->host
                                                           : node->host);
}

static void write_proxy(const struct nginx_conf_writer *writer, const struct model_route *route)
{
    const struct model_upstream *upstream = route->upstream;
    long tries = upstream->retries < 0 ? (long)upstream->node_count : upstream->retries + 1;
    FILE *to = writer->to;

    write_host(to, upstream);
    write_time(to, "proxy_connect_timeout", route->connect_ms, upstream->connect_ms);
    write_time(to, "proxy_send_timeout", route->send_ms, upstream->send_ms);
    write_time(to, "proxy_read_timeout", route->read_ms, upstream->read_ms);
    write_time(to, "proxy_next_upstream_timeout", 0, upstream->retry_ms);
    fprintf(to, "    proxy_next_upstream_tries %ld;\n    proxy_pass %s://" UPSTREAM ";\n}\n", tries,
            upstream->https ? "https" : "http", upstream_number(writer->model, upstream));
}

int nginx_conf_route(struct nginx_conf_writer *writer, const struct model_route *route)
{
    struct model_chain chains[PHASES];
    char name[96];
    int result;

    memcpy(chains, route->chains, sizeof(chains));
    chains[PHASE_POST_RESP] = response_chain(writer->model, route);
    snprintf(name, sizeof(name), "route-%s", route->id);
    fprintf(writer->to, "location @%s {\n", name);
    result = write_chains(writer, chains, PHASES, name);
    if (result < 0)
        return result;
    if (route->upstream)
        write_proxy(writer, route);
    else
        fprintf(writer->to, "    try_files /- =503;\n}\n");
    return 0;
}
