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

/* What a6_json_get and a6_json_need share. */
static inline int a6_json_unpack(a6_env *env, json_t *object, const char *key, int needed,
                                 const char *format, va_list args)
{
    json_t *value = json_object_get(object, key);
    json_error_t error;

    if (!value && needed)
        return a6_env_error(env, "\"%s\" is missing", key);
    if (!value)
        return 1;
    if (json_vunpack_ex(value, &error, JSON_STRICT, format, args) < 0)
        return a6_env_error(env, "\"%s\" is wrong: %s", key, error.text);
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
    result = a6_json_unpack(env, object, key, 0, format, args);
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
    result = a6_json_unpack(env, object, key, 1, format, args);
    va_end(args);
    return result;
}

/* Refuses every key but the ones named, so that a misspelt one is not silently without
 * effect. The names end with NULL. */
static inline int a6_json_only(a6_env *env, json_t *object, ...)
{
    char known[512];
    const char *key;
    const char *name;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        size_t len = 0;
        int found = 0;
        va_list names;

        known[0] = '\0';
        va_start(names, object);
        while (!found && (name = va_arg(names, const char *))) {
            found = strcmp(name, key) == 0;
            if (len < sizeof(known))
                len += (size_t)snprintf(known + len, sizeof(known) - len, "%s\"%s\"",
                                        len ? ", " : "", name);
        }
        va_end(names);
        if (!found)
            return a6_env_error(env, "\"%s\" is not a key of this plugin; it has %s", key, known);
    }
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
