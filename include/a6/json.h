/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For plugins whose conf is a JSON object: jansson, with errors that say which key is
 * wrong and why. Optional: including it makes the plugin need jansson, nothing else.
 *
 *     static int parse(a6_env *env, a6_str text, void **conf)
 *     {
 *         json_t *root = a6_json_load(env, text);
 *         int error = root ? 0 : -EINVAL;
 *
 *         if (!error)
 *             error = a6_json_only(env, root, "status", "body", NULL);
 *         if (!error)
 *             error = a6_json_need(env, root, "status", "i", &status);
 *         if (error >= 0)
 *             error = a6_json_get(env, root, "body", "s", &body);
 *         ...
 *         json_decref(root);
 *     }
 *
 * Memory. Strings that a6_json_get and a6_json_need give are the object's: copy them,
 *   or keep the object.
 * Threads. As parse_conf: any, one at a time for one env and object.
 * Errors. 0 or positive as described; negative: a6_env_error has been called with the
 *   key and the reason, and parse_conf is to return the value.
 */
#ifndef A6_JSON_H
#define A6_JSON_H

#include <limits.h>

#include <jansson.h>

#include <a6/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The conf text as an object, to be given back with json_decref. NULL when the text is
 * no JSON (the error has line and column) or not an object. A key that comes twice is
 * refused. */
static inline json_t *a6_json_load(a6_env *env, a6_str text)
{
    json_error_t error;
    json_t *root;

    if (text.len == 0) {
        (void)a6_env_error(env, "the conf is empty; it must be a JSON object, {} at least");
        return NULL;
    }
    root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        (void)a6_env_error(env, "the conf is not JSON: line %d, column %d: %s", error.line,
                           error.column, error.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        (void)a6_env_error(env, "the conf is JSON, but not an object, {...}");
        json_decref(root);
        return NULL;
    }
    return root;
}

/* What the functions below share. place: where the object stands in the conf, "filters[0]";
 * NULL for the conf itself. */
static inline int a6_json_complain(a6_env *env, const char *place, const char *key,
                                   const char *reason)
{
    return a6_env_error(env, "\"%s%s%s\" %s", place ? place : "", place ? "." : "", key, reason);
}

static inline int a6_json_unpack(a6_env *env, json_t *object, const char *place, const char *key,
                                 const char *format, va_list args)
{
    json_t *value = json_object_get(object, key);
    char reason[JSON_ERROR_TEXT_LENGTH + 16];
    json_error_t error;

    if (!value)
        return 1;
    /* json_unpack would cut off what does not fit an int. */
    if (strcmp(format, "i") == 0 && json_is_integer(value) &&
        (json_integer_value(value) < INT_MIN || json_integer_value(value) > INT_MAX)) {
        (void)snprintf(reason, sizeof(reason), "is %" JSON_INTEGER_FORMAT ", far out of range",
                       json_integer_value(value));
        return a6_json_complain(env, place, key, reason);
    }
    if (json_vunpack_ex(value, &error, JSON_STRICT, format, args) < 0) {
        (void)snprintf(reason, sizeof(reason), "is wrong: %s", error.text);
        return a6_json_complain(env, place, key, reason);
    }
    return 0;
}

static inline int a6_json_only_named(a6_env *env, json_t *object, const char *place, va_list names)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        char reason[512] = "is not a key of this plugin; it has ";
        size_t len = strlen(reason);
        const char *comma = "";
        const char *name;
        int found = 0;
        va_list left;

        va_copy(left, names);
        for (; !found && (name = va_arg(left, const char *)); comma = ", ") {
            found = strcmp(name, key) == 0;
            if (len < sizeof(reason))
                len +=
                    (size_t)snprintf(reason + len, sizeof(reason) - len, "%s\"%s\"", comma, name);
        }
        va_end(left);
        if (!found)
            return a6_json_complain(env, place, key, reason);
    }
    return 0;
}

/*
 * Takes the value of a key apart as json_unpack does with `format`: "s" a string, "s%"
 * a string and its length (size_t), "i" an int, "F" a double that may be written as an
 * integer, "b" a boolean (int), "o" any value, and so on. 1, and nothing stored, when
 * the object has no such key: store the default first.
 */
static inline int a6_json_get(a6_env *env, json_t *object, const char *key, const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = a6_json_unpack(env, object, NULL, key, format, args);
    va_end(args);
    return result;
}

/* The same for a key that must be there. */
static inline int a6_json_need(a6_env *env, json_t *object, const char *key, const char *format,
                               ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = a6_json_unpack(env, object, NULL, key, format, args);
    va_end(args);
    return result == 1 ? a6_json_complain(env, NULL, key, "is missing") : result;
}

/* Refuses every key but the ones named, so that a misspelt one is not silently without
 * effect. The names end with NULL. */
static inline int a6_json_only(a6_env *env, json_t *object, ...)
{
    va_list names;
    int result;

    va_start(names, object);
    result = a6_json_only_named(env, object, NULL, names);
    va_end(names);
    return result;
}

/* The same three for an object within the conf. place says which, for the errors: with
 * "filters[0]" they name "filters[0].regex". */
static inline int a6_json_get_in(a6_env *env, json_t *object, const char *place, const char *key,
                                 const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = a6_json_unpack(env, object, place, key, format, args);
    va_end(args);
    return result;
}

static inline int a6_json_need_in(a6_env *env, json_t *object, const char *place, const char *key,
                                  const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = a6_json_unpack(env, object, place, key, format, args);
    va_end(args);
    return result == 1 ? a6_json_complain(env, place, key, "is missing") : result;
}

static inline int a6_json_only_in(a6_env *env, json_t *object, const char *place, ...)
{
    va_list names;
    int result;

    va_start(names, place);
    result = a6_json_only_named(env, object, place, names);
    va_end(names);
    return result;
}

/* What may stand in a header's name: the token of HTTP. */
static inline int a6_json_is_header_name(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    const char *at;

    for (at = name; *at; at++) {
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
              (*at >= '0' && *at <= '9') || strchr(others, *at)))
            return 0;
    }
    return at > name;
}

/* Headers, as the object of names and texts that a key holds, each fit for HTTP. *headers
 * borrows from object; json_object_foreach goes through it. 1 and NULL without the key. */
static inline int a6_json_headers(a6_env *env, json_t *object, const char *place, const char *key,
                                  json_t **headers)
{
    const char *name;
    json_t *value;

    *headers = json_object_get(object, key);
    if (!*headers)
        return 1;
    if (!json_is_object(*headers))
        return a6_json_complain(env, place, key, "must be an object of header names and values");
    json_object_foreach(*headers, name, value)
    {
        char inner[256];

        (void)snprintf(inner, sizeof(inner), "%s%s%s", place ? place : "", place ? "." : "", key);
        if (!a6_json_is_header_name(name))
            return a6_json_complain(env, inner, name, "is no name for a header");
        if (!json_is_string(value))
            return a6_json_complain(env, inner, name, "must be a string");
        if (strpbrk(json_string_value(value), "\r\n"))
            return a6_json_complain(env, inner, name, "has a line break in it, as no header can");
    }
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
