/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/calls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dev/console.h"

/* Of requests whose line never comes. */
#define PENDING_MAX 4000
#define PROBLEMS_KEPT 50
#define TEXT_MAX 1200
#define CHANGES_SHOWN 8

int calls_open(struct calls *calls)
{
    pthread_mutex_init(&calls->lock, NULL);
    calls->pending = json_object();
    calls->recent = json_array();
    calls->plugins = json_object();
    calls->problems = json_array();
    return calls->pending && calls->recent && calls->plugins && calls->problems ? 0 : -ENOMEM;
}

void calls_close(struct calls *calls)
{
    json_decref(calls->pending);
    json_decref(calls->recent);
    json_decref(calls->plugins);
    json_decref(calls->problems);
    pthread_mutex_destroy(&calls->lock);
}

void calls_told(void *user, const char *request_id, json_t *call)
{
    struct calls *calls = user;
    json_t *list;

    pthread_mutex_lock(&calls->lock);
    if (json_object_size(calls->pending) > PENDING_MAX)
        json_object_clear(calls->pending);
    list = json_object_get(calls->pending, request_id);
    if (!list) {
        list = json_array();
        (void)json_object_set_new(calls->pending, request_id, list);
    }
    (void)json_array_append_new(list, call);
    pthread_mutex_unlock(&calls->lock);
}

static json_t *take_calls(struct calls *calls, const char *request_id)
{
    json_t *list;

    pthread_mutex_lock(&calls->lock);
    list = json_incref(json_object_get(calls->pending, request_id));
    (void)json_object_del(calls->pending, request_id);
    pthread_mutex_unlock(&calls->lock);
    return list ? list : json_array();
}

/* ---- the log's line ---- */

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t *len, const char *format,
                                                      ...)
{
    va_list args;
    int more;

    va_start(args, format);
    more = vsnprintf(text + *len, TEXT_MAX - *len, format, args);
    va_end(args);
    if (more > 0)
        *len = *len + (size_t)more < TEXT_MAX ? *len + (size_t)more : TEXT_MAX - 1;
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* ": ~path /b, -header cookie", as far as a line has room for them. */
static void add_changes(char *text, size_t *len, json_t *call)
{
    bool response = strcmp(member(call, "phase"), "post-resp") == 0;
    json_t *change;
    size_t i;

    json_array_foreach(json_object_get(call, "changes"), i, change)
    {
        const char *what = member(change, "what"), *name = member(change, "name");
        bool short_value = strcmp(what, "path") == 0 || strcmp(what, "status") == 0;

        if (response && strncmp(what, "response ", 9) == 0)
            what += 9; /* goes without saying */
        if (i == CHANGES_SHOWN) {
            add(text, len, ", ...");
            return;
        }
        add(text, len, "%s%s%s", i ? ", " : ": ", member(change, "mark"), what);
        if (*name || short_value)
            add(text, len, " %s", *name ? name : member(change, "value"));
    }
}

/* "pre-req say answered 200 (0.3 ms)" */
static void add_call(char *text, size_t *len, json_t *call)
{
    const char *error = member(call, "error");
    json_t *name;
    size_t i;

    add(text, len, "%s%s", *len ? "; " : "", member(call, "phase"));
    json_array_foreach(json_object_get(call, "plugins"), i, name)
        add(text, len, "%s%s", i ? "+" : " ", json_string_value(name));
    add(text, len, " %s", *error ? error : member(call, "did"));
    if (!*error && strncmp(member(call, "did"), "changed", 7) == 0)
        add_changes(text, len, call);
    if (!*error)
        add(text, len, " (%.1f ms)",
            (double)json_integer_value(json_object_get(call, "us")) / 1000);
}

static void write_line(json_t *request)
{
    int status = (int)json_integer_value(json_object_get(request, "status"));
    const char *route = member(request, "route"), *error = member(request, "error");
    int ms = (int)json_number_value(json_object_get(request, "ms"));
    char text[TEXT_MAX] = "", mark[16];
    size_t len = 0, i;
    json_t *call;

    json_array_foreach(json_object_get(request, "calls"), i, call)
    {
        add_call(text, &len, call);
        if (json_object_get(call, "error"))
            error = ""; /* nginx says less of the same */
    }
    snprintf(mark, sizeof(mark), "%d", status);
    console_marked(status >= 500   ? CONSOLE_BAD
                   : status >= 400 ? CONSOLE_WARN
                                   : CONSOLE_GOOD,
                   "request", mark, "%s (%s%d ms) %s%s%s%s%s%s", member(request, "line"),
                   ms ? "" : "<", ms ? ms : 1, *route ? "route " : "no route", route,
                   len ? ": " : "", text, *error ? ": the runner " : "", error);
}

static void count(struct calls *calls, json_t *request)
{
    json_t *call, *name;
    size_t i, j;

    json_array_foreach(json_object_get(request, "calls"), i, call)
    {
        bool failed = json_object_get(call, "error") != NULL;

        json_array_foreach(json_object_get(call, "plugins"), j, name)
        {
            const char *key = json_string_value(name);
            json_t *plugin = json_object_get(calls->plugins, key ? key : "");
            json_int_t before = json_integer_value(json_object_get(plugin, "calls"));
            json_int_t errors = json_integer_value(json_object_get(plugin, "errors"));

            (void)json_object_set_new(
                calls->plugins, key ? key : "",
                json_pack("{sIsI}", "calls", before + 1, "errors", errors + failed));
        }
    }
}

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void calls_line(struct calls *calls, const char *line)
{
    json_t *logged = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *route;
    json_t *request;

    if (!logged) {
        console_line(CONSOLE_DIM, "nginx", "%s", line);
        return;
    }
    route = member(logged, "route");
    if (strcmp(route, "none") == 0)
        route = "";
    request = json_pack(
        "{sI sf ss si sf ss ss ss ss sO* so}", "number", ++calls->total, "at", now_seconds(),
        "line", member(logged, "line"), "status", atoi(member(logged, "status")), "ms",
        json_number_value(json_object_get(logged, "time")) * 1000, "route",
        strncmp(route, "route-", 6) == 0 ? route + 6 : route, "client", member(logged, "client"),
        "upstream", member(logged, "upstream"), "error", member(logged, "error"), "bytes",
        json_object_get(logged, "bytes"), "calls", take_calls(calls, member(logged, "id")));
    json_decref(logged);
    if (!request)
        return;
    write_line(request);
    count(calls, request);
    if (json_array_size(calls->recent) >= CALLS_KEPT)
        (void)json_array_remove(calls->recent, 0);
    (void)json_array_append(calls->recent, request);
    if (calls->request)
        calls->request(calls->user, request);
    json_decref(request);
}

/* ---- errors ---- */

void calls_problem(struct calls *calls, const char *source, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    console_line(CONSOLE_BAD, source, "%s", text);
    if (json_array_size(calls->problems) >= PROBLEMS_KEPT)
        (void)json_array_remove(calls->problems, 0);
    (void)json_array_append_new(calls->problems, json_pack("{sfssss}", "at", now_seconds(),
                                                           "source", source, "text", text));
    if (calls->problem)
        calls->problem(calls->user, source, text);
}
