/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/admin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dev/admin_patch.h"
#include "dev/tree.h"

#define PREFIX "/apisix/admin/"

struct job {
    struct admin *admin;
    const struct admin_request *request;
    const char *kind; /* "routes" */
    const char *name; /* "route" */
    char id[80];      /* "" without one */
    const char *sub_path;
    json_t **answer;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct job *job, int status,
                                                      const char *format, ...)
{
    char text[ERROR_MAX + 100];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *job->answer = json_pack("{ss}", "error_msg", text);
    return status;
}

static int not_found(const struct job *job)
{
    *job->answer = json_pack("{ss}", "message", "Key not found");
    return 404;
}

/* ---- who asks for what ---- */

/* NULL, or what is wrong with the key. */
static const char *check_key(const struct apisix_config *config,
                             const struct admin_request *request)
{
    const char *problem = "missing apikey";

    if (config->no_key)
        return NULL;
    for (size_t i = 0; request->key && i < config->key_count; i++) {
        if (strcmp(config->keys[i].key, request->key) != 0) {
            problem = "wrong apikey";
            continue;
        }
        if (config->keys[i].viewer && strcmp(request->method, "GET") != 0)
            return "invalid method for role viewer";
        return NULL;
    }
    return problem;
}

static bool is_id(const char *text)
{
    size_t len = strlen(text);

    return len >= 1 && len <= 64 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               len &&
           *text != '.';
}

/* routes/1/plugins. 0, or a status. */
static int split_path(struct job *job, char *kind, size_t size)
{
    const char *path = job->request->path;
    const char *rest = strncmp(path, PREFIX, strlen(PREFIX)) == 0 ? path + strlen(PREFIX) : "";
    size_t len = strcspn(rest, "/");

    snprintf(kind, size, "%.*s", (int)len, rest);
    for (size_t i = 0; i < ADMIN_STORE_KINDS; i++) {
        if (strcmp(kind, admin_store_kinds[i]) == 0) {
            job->kind = admin_store_kinds[i];
            job->name = admin_store_names[i];
        }
    }
    if (!job->kind)
        return fail(job, 404, "Unsupported resource type: %s", kind);
    rest += len;
    rest += *rest == '/';
    len = strcspn(rest, "/");
    if (len >= sizeof(job->id))
        return fail(job, 400, "the id is too long");
    snprintf(job->id, sizeof(job->id), "%.*s", (int)len, rest);
    rest += len;
    job->sub_path = rest + (*rest == '/');
    if (*job->id && !is_id(job->id))
        return fail(job, 400, "an id is 1 to 64 letters, digits, '-', '_' and '.'");
    return 0;
}

/* ---- GET ---- */

/* Of a file's objects, which have no entries in the store. */
static json_t *file_entry(const struct job *job, json_t *value)
{
    const json_t *id = json_object_get(value, "id");
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(id));
    return json_pack("{s:o, s:O}", "key",
                     json_sprintf("/apisix/%s/%s", job->kind,
                                  json_is_string(id) ? json_string_value(id) : number),
                     "value", value);
}

static json_t *list_entries(const struct job *job)
{
    json_t *list = json_array(), *item;
    const char *id;
    size_t i;

    if (job->admin->standalone) {
        json_array_foreach(json_object_get(job->admin->tree, job->kind), i, item)(void)
            json_array_append_new(list, file_entry(job, item));
        return list;
    }
    json_object_foreach(json_object_get(job->admin->store->entries, job->kind), id, item)(void)
        json_array_append(list, item);
    return list;
}

static int get(struct job *job)
{
    json_t *list = list_entries(job), *entry;
    struct error error;
    char key[160];
    size_t i;

    if (!*job->id) {
        *job->answer = admin_list_answer(&job->request->list, list, &error);
        return *job->answer ? 200 : fail(job, 400, "%s", error.text);
    }
    snprintf(key, sizeof(key), "/apisix/%s/%s", job->kind, job->id);
    json_array_foreach(list, i, entry)
    {
        const char *own = json_string_value(json_object_get(entry, "key"));

        if (own && strcmp(own, key) == 0)
            *job->answer = json_incref(entry);
    }
    json_decref(list);
    return *job->answer ? 200 : not_found(job);
}

/* ---- what changes ---- */

/* The routes as they would be are checked, then the value is stored, then served. */
static int change(struct job *job, json_t *value)
{
    struct admin *admin = job->admin;
    struct error error;
    int result = admin->check(admin->user,
                              admin_store_tree(admin->store, job->kind, job->id, value), &error);

    if (result < 0)
        return fail(job, 400, "invalid configuration: %s", error.text);
    result = value ? admin_store_put(admin->store, job->kind, job->id, value, &error)
                   : admin_store_delete(admin->store, job->kind, job->id, &error);
    if (result == 0)
        result = admin->use(admin->user, &error);
    return result < 0 ? fail(job, 503, "%s", error.text) : 0;
}

static void answer_entry(struct job *job)
{
    json_t *entry = admin_store_get(job->admin->store, job->kind, job->id);

    *job->answer = json_pack("{s:O, s:O}", "key", json_object_get(entry, "key"), "value",
                             json_object_get(entry, "value"));
}

/* The body; NULL with *status and the answer set. */
static json_t *read_body(struct job *job, int *status)
{
    const struct admin_request *request = job->request;
    struct error error;
    json_t *value;

    if (request->body_len == 0) {
        *status = fail(job, 400,
                       strcmp(request->method, "PATCH") == 0 ? "missing new configuration"
                                                             : "missing configurations");
        return NULL;
    }
    value = tree_json(request->body, request->body_len, &error);
    if (!value) {
        *status = fail(job, 400, "invalid request body: %s", error.text);
        (void)json_object_set_new(*job->answer, "req_body",
                                  json_stringn(request->body, request->body_len));
    }
    return value;
}

/* What the gateway sets itself; NULL, or its name as it stands in the object. */
static const char *find_forbidden(const json_t *value)
{
    const json_t *upstream = json_object_get(value, "upstream");

    return json_object_get(value, "create_time")      ? "create_time"
           : json_object_get(value, "update_time")    ? "update_time"
           : json_object_get(upstream, "create_time") ? "upstream.create_time"
           : json_object_get(upstream, "update_time") ? "upstream.update_time"
                                                      : NULL;
}

static json_t *read_object(struct job *job, int *status)
{
    json_t *value = read_body(job, status);
    const char *forbidden = find_forbidden(value);

    if (value && !json_is_object(value)) {
        *status = fail(job, 400, "invalid configuration: it must be an object");
        json_decref(value);
        return NULL;
    }
    if (forbidden) {
        *status = fail(job, 400, "the property is forbidden: %s", forbidden);
        json_decref(value);
        return NULL;
    }
    return value;
}

static void set_times(struct job *job, json_t *value)
{
    json_t *before =
        json_object_get(admin_store_get(job->admin->store, job->kind, job->id), "value");
    json_t *created = json_object_get(before, "create_time");
    json_int_t now = (json_int_t)time(NULL);

    (void)json_object_set_new(value, "create_time",
                              created ? json_incref(created) : json_integer(now));
    (void)json_object_set_new(value, "update_time", json_integer(now));
}

/* The id of the body must be that of the path, or is the id when the path has none. */
static int match_id(struct job *job, json_t *value)
{
    const json_t *id = json_object_get(value, "id");
    char own[80] = "";

    if (json_is_integer(id))
        snprintf(own, sizeof(own), "%lld", (long long)json_integer_value(id));
    else if (json_is_string(id))
        snprintf(own, sizeof(own), "%.79s", json_string_value(id));
    if (!*job->id)
        memcpy(job->id, own, sizeof(own));
    if (!*job->id)
        return fail(job, 400, "missing %s id", job->name);
    if (id && strcmp(own, job->id) != 0)
        return fail(job, 400, "wrong %s id", job->name);
    if (!is_id(job->id))
        return fail(job, 400, "an id is 1 to 64 letters, digits, '-', '_' and '.'");
    (void)json_object_set_new(value, "id", json_string(job->id));
    return 0;
}

static int put(struct job *job)
{
    int status = 0;
    json_t *value = read_object(job, &status);
    bool exists;

    if (!value)
        return status;
    status = match_id(job, value);
    if (status == 0) {
        exists = admin_store_get(job->admin->store, job->kind, job->id) != NULL;
        set_times(job, value);
        status = change(job, value);
        if (status == 0) {
            answer_entry(job);
            status = exists ? 200 : 201;
        }
    }
    json_decref(value);
    return status;
}

static int post(struct job *job)
{
    int status = 0;
    json_t *value;

    if (strcmp(job->kind, "global_rules") == 0)
        return fail(job, 405, "not supported `POST` method for %s", job->name);
    value = read_object(job, &status);
    if (!value)
        return status;
    if (*job->id || json_object_get(value, "id")) {
        json_decref(value);
        return fail(job, 400, "wrong %s id, do not need it", job->name);
    }
    snprintf(job->id, sizeof(job->id), "%020lld", (long long)job->admin->store->index + 1);
    (void)json_object_set_new(value, "id", json_string(job->id));
    set_times(job, value);
    status = change(job, value);
    if (status == 0) {
        answer_entry(job);
        status = 201;
    }
    json_decref(value);
    return status;
}

static int patch(struct job *job)
{
    json_t *before =
        json_object_get(admin_store_get(job->admin->store, job->kind, job->id), "value");
    int status = 0;
    json_t *by, *value;
    struct error error;

    if (!*job->id)
        return fail(job, 400, "missing %s id", job->name);
    if (!before)
        return not_found(job);
    by = read_body(job, &status);
    if (!by)
        return status;
    value = admin_patch(before, job->sub_path, by, &error);
    json_decref(by);
    if (!value)
        return fail(job, 400, "%s", error.text);
    status = match_id(job, value);
    if (status == 0) {
        set_times(job, value);
        status = change(job, value);
    }
    json_decref(value);
    if (status != 0)
        return status;
    answer_entry(job);
    return 200;
}

/* Who needs it; NULL: nobody. Borrowed. */
static const char *find_user(const struct job *job, const char **name)
{
    const char *reference = strcmp(job->kind, "upstreams") == 0  ? "upstream_id"
                            : strcmp(job->kind, "services") == 0 ? "service_id"
                                                                 : NULL;

    for (size_t i = 0; reference && i < 2; i++) {
        const char *id;
        json_t *entry;

        json_object_foreach(json_object_get(job->admin->store->entries, admin_store_kinds[i]), id,
                            entry)
        {
            const json_t *used = json_object_get(json_object_get(entry, "value"), reference);
            char text[80] = "";

            if (json_is_string(used))
                snprintf(text, sizeof(text), "%.79s", json_string_value(used));
            else if (json_is_integer(used))
                snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(used));
            *name = admin_store_names[i];
            if (strcmp(text, job->id) == 0)
                return id;
        }
    }
    return NULL;
}

static int delete_one(struct job *job)
{
    const char *name = NULL, *user;
    int status;

    if (!*job->id)
        return fail(job, 400, "missing %s id", job->name);
    if (!admin_store_get(job->admin->store, job->kind, job->id))
        return not_found(job);
    user = find_user(job, &name);
    if (user)
        return fail(job, 400, "can not delete this %s%s, %s [%s] is still using it now", job->name,
                    strcmp(job->kind, "services") == 0 ? " directly" : "", name, user);
    status = change(job, NULL);
    if (status != 0)
        return status;
    *job->answer = json_pack("{s:s, s:o}", "deleted", "1", "key",
                             json_sprintf("/apisix/%s/%s", job->kind, job->id));
    return 200;
}

int admin_handle(struct admin *admin, const struct admin_request *request, json_t **answer)
{
    static const struct {
        const char *method;
        int (*handle)(struct job *job);
    } methods[] = {{"PUT", put}, {"POST", post}, {"PATCH", patch}, {"DELETE", delete_one}};
    struct job job = {.admin = admin, .request = request, .answer = answer};
    const char *problem = check_key(admin->config, request);
    char kind[64];
    int status;

    *answer = NULL;
    if (problem) {
        *answer =
            json_pack("{ss ss}", "error_msg", "failed to check token", "description", problem);
        return 401;
    }
    status = split_path(&job, kind, sizeof(kind));
    if (status != 0)
        return status;
    if (strcmp(request->method, "GET") == 0)
        return get(&job);
    if (request->ttl)
        return fail(&job, 400, "the argument ttl is not supported here: no object expires");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(request->method, methods[i].method) != 0)
            continue;
        if (admin->standalone)
            return fail(&job, 400, "the routes come from %s: change them there", admin->standalone);
        return methods[i].handle(&job);
    }
    return fail(&job, 404, "not found");
}
