/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/match.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "dev/match_var.h"

/* nginx's longest token is 4096 bytes, and a condition takes 7 of one. */
#define CONDITIONS_MAX 400
#define TOKEN_MAX 4000

struct entry {
    const struct model_route *route;
    const char *host; /* NULL: any */
    const char *uri;
    size_t place;
    size_t first; /* of the route's conditions */
    size_t conditions;
};

struct match {
    FILE *to;
    const struct model *model;
    struct error *error;
    struct entry *entries;
    size_t count;
    size_t conditions;
};

void match_quote(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

/* ---- the order ---- */

static int compare_hosts(const char *a, const char *b)
{
    if (!a || !b)
        return !a - !b;
    if ((*a == '*') != (*b == '*'))
        return (*a == '*') - (*b == '*');
    return *a == '*' ? (strlen(a) < strlen(b)) - (strlen(a) > strlen(b)) : 0;
}

static int compare_uris(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    bool a_prefix = a[a_len - 1] == '*', b_prefix = b[b_len - 1] == '*';

    if (a_prefix != b_prefix)
        return a_prefix - b_prefix;
    return a_prefix ? (a_len < b_len) - (a_len > b_len) : 0;
}

static int compare_entries(const void *first, const void *second)
{
    const struct entry *a = first, *b = second;
    int order = compare_hosts(a->host, b->host);

    if (order == 0)
        order = compare_uris(a->uri, b->uri);
    if (order == 0)
        order =
            (a->route->priority < b->route->priority) - (a->route->priority > b->route->priority);
    if (order == 0)
        order = (a->place > b->place) - (a->place < b->place);
    return order;
}

static int collect(struct match *match)
{
    const struct model *model = match->model;
    size_t count = 0, conditions = 0;

    for (size_t i = 0; i < model->route_count; i++) {
        size_t hosts = model->routes[i].hosts.count;
        count += model->routes[i].uris.count * (hosts ? hosts : 1);
    }
    match->entries = calloc(count + 1, sizeof(*match->entries));
    if (!match->entries)
        return error_memory(match->error);
    for (size_t i = 0; i < model->route_count; i++) {
        const struct model_route *route = &model->routes[i];
        size_t hosts = route->hosts.count ? route->hosts.count : 1;
        struct entry entry = {.route = route, .first = conditions};

        if (!route->enabled)
            continue;
        entry.conditions = (route->addresses.count > 0) + route->var_count;
        conditions += entry.conditions;
        for (size_t at = 0; at < hosts * route->uris.count; at++) {
            entry.host = route->hosts.count ? route->hosts.items[at / route->uris.count] : NULL;
            entry.uri = route->uris.items[at % route->uris.count];
            entry.place = match->count;
            match->entries[match->count++] = entry;
        }
    }
    match->conditions = conditions;
    qsort(match->entries, match->count, sizeof(*match->entries), compare_entries);
    return conditions > CONDITIONS_MAX
               ? error_set(match->error, "more than %d conditions (remote_addrs and vars) in all",
                           CONDITIONS_MAX)
               : 0;
}

/* ---- conditions ---- */

static void write_addresses(FILE *to, const struct text_list *addresses, size_t number)
{
    fprintf(to, "geo $remote_addr $a6_c%zu {\n    default 0;\n", number);
    for (size_t i = 0; i < addresses->count; i++)
        fprintf(to, "    %s 1;\n", addresses->items[i]);
    fprintf(to, "}\n");
}

static void write_conditions(struct match *match)
{
    size_t number = 0;

    for (size_t i = 0; i < match->model->route_count; i++) {
        const struct model_route *route = &match->model->routes[i];

        if (!route->enabled)
            continue;
        if (route->addresses.count)
            write_addresses(match->to, &route->addresses, number++);
        for (size_t var = 0; var < route->var_count; var++)
            match_var_write(match->to, &route->vars[var], number++);
    }
}

/* ---- one entry ---- */

static void append_host(struct buffer *regex, const char *host)
{
    char lower[256];
    size_t i;

    if (!host) {
        (void)buffer_printf(regex, "[^ ]*");
        return;
    }
    for (i = 0; host[i] && i + 1 < sizeof(lower); i++)
        lower[i] = (char)tolower((unsigned char)host[i]);
    lower[i] = '\0';
    if (*lower == '*')
        (void)buffer_printf(regex, "[^ ]*");
    match_var_escape(regex, *lower == '*' ? lower + 1 : lower);
}

static void append_methods(struct buffer *regex, const struct text_list *methods)
{
    if (methods->count == 0) {
        (void)buffer_printf(regex, " [^ ]+ ");
        return;
    }
    for (size_t i = 0; i < methods->count; i++)
        (void)buffer_printf(regex, "%s%s", i ? "|" : " (?:", methods->items[i]);
    (void)buffer_printf(regex, ") ");
}

static void append_conditions(struct buffer *regex, const struct entry *entry, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool own = i >= entry->first && i < entry->first + entry->conditions;
        (void)buffer_printf(regex, "%c", own ? '1' : '.');
    }
}

/* Appending beyond the maximum leaves the buffer short, which the length tells. */
static int write_entry(struct match *match, const struct entry *entry)
{
    const struct model_route *route = entry->route;
    size_t len = strlen(entry->uri);
    bool prefix = entry->uri[len - 1] == '*';
    char *uri = strndup(entry->uri, prefix ? len - 1 : len);
    struct buffer regex;
    int result;

    buffer_init(&regex, (size_t)3 * TOKEN_MAX);
    (void)buffer_printf(&regex, "~(?s)^");
    append_host(&regex, entry->host);
    append_methods(&regex, &route->methods);
    append_conditions(&regex, entry, match->conditions);
    (void)buffer_printf(&regex, " ");
    if (uri)
        match_var_escape(&regex, uri);
    free(uri);
    result = buffer_append(&regex, prefix ? "" : "\\z", prefix ? 1 : 3);
    if (!uri || result < 0) {
        result = error_memory(match->error);
    } else if (regex.len > TOKEN_MAX) {
        result = error_set(match->error, "routes/%s: the uri with all conditions is too long",
                           route->id);
    } else {
        fprintf(match->to, "    ");
        match_quote(match->to, (const char *)regex.data);
        fprintf(match->to, " route-%s;\n", route->id);
    }
    buffer_free(&regex);
    return result;
}

int match_write(FILE *to, const struct model *model, struct error *error)
{
    struct match match = {.to = to, .model = model, .error = error};
    int result = collect(&match);

    if (result == 0) {
        write_conditions(&match);
        fprintf(to, "map \"$host $request_method ");
        for (size_t i = 0; i < match.conditions; i++)
            fprintf(to, "$a6_c%zu", i);
        fprintf(to, " $uri\" $a6_match {\n    default none;\n");
        for (size_t i = 0; result == 0 && i < match.count; i++)
            result = write_entry(&match, &match.entries[i]);
        fprintf(to, "}\n");
    }
    free(match.entries);
    return result;
}
