/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/tree.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buffer.h"
#include "dev/variables.h"

#define DEPTH_MAX 64
/* Aliases make copies: a small text must not become a large tree. */
#define VALUES_MAX 100000

struct tree {
    yaml_document_t document;
    struct error *error;
    size_t values;
};

static bool one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

/* 12, -3, 1.5, 2e9; not 0x10, nor inf. */
static json_t *read_number(const char *text)
{
    char *end;
    double real;
    long long whole;

    if (text[strspn(text, "+-.0123456789eE")] != '\0' || !strpbrk(text, "0123456789"))
        return NULL;
    errno = 0;
    whole = strtoll(text, &end, 10);
    if (*end == '\0' && errno == 0)
        return json_integer(whole);
    errno = 0;
    real = strtod(text, &end);
    return *end == '\0' && errno == 0 && isfinite(real) ? json_real(real) : NULL;
}

static json_t *read_scalar(struct tree *tree, const yaml_node_t *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = (const char *)node->data.scalar.value;
    size_t len = node->data.scalar.length;
    json_t *value = NULL;

    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(text) == len) {
        if (one_of(text, nulls))
            return json_null();
        if (one_of(text, trues))
            return json_true();
        if (one_of(text, falses))
            return json_false();
        value = read_number(text);
    }
    if (!value)
        value = json_stringn(text, len);
    if (!value)
        (void)error_set(tree->error, "line %zu: text that is not UTF-8", node->start_mark.line + 1);
    return value;
}

static json_t *read_node(struct tree *tree, int index, int depth);

static json_t *read_list(struct tree *tree, const yaml_node_t *node, int depth)
{
    json_t *list = json_array();
    const yaml_node_item_t *item;

    for (item = node->data.sequence.items.start; list && item < node->data.sequence.items.top;
         item++) {
        json_t *value = read_node(tree, *item, depth + 1);

        if (!value || json_array_append_new(list, value) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *read_pairs(struct tree *tree, const yaml_node_t *node, int depth)
{
    json_t *object = json_object();
    const yaml_node_pair_t *pair;

    for (pair = node->data.mapping.pairs.start; object && pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *name = yaml_document_get_node(&tree->document, pair->key);
        json_t *value;

        if (!name || name->type != YAML_SCALAR_NODE ||
            json_object_get(object, (const char *)name->data.scalar.value)) {
            (void)error_set(tree->error, "line %zu: %s", node->start_mark.line + 1,
                            name && name->type == YAML_SCALAR_NODE ? "a key is there twice"
                                                                   : "a key must be a plain word");
            json_decref(object);
            return NULL;
        }
        value = read_node(tree, pair->value, depth + 1);
        if (!value ||
            json_object_set_new(object, (const char *)name->data.scalar.value, value) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *read_node(struct tree *tree, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(&tree->document, index);

    if (!node || depth > DEPTH_MAX || ++tree->values > VALUES_MAX) {
        (void)error_set(tree->error, "too deeply nested or too large");
        return NULL;
    }
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return read_scalar(tree, node);
    case YAML_SEQUENCE_NODE:
        return read_list(tree, node, depth);
    case YAML_MAPPING_NODE:
        return read_pairs(tree, node, depth);
    default:
        return json_null();
    }
}

static json_t *read_document(yaml_parser_t *parser, struct error *error)
{
    struct tree tree = {.error = error};
    json_t *value;

    if (!yaml_parser_load(parser, &tree.document)) {
        (void)error_set(error, "line %zu: not YAML: %s", parser->problem_mark.line + 1,
                        parser->problem ? parser->problem : "unreadable");
        return NULL;
    }
    if (!yaml_document_get_root_node(&tree.document)) {
        value = json_object();
    } else {
        (void)error_set(error, "out of memory");
        value = read_node(&tree, 1, 0);
    }
    yaml_document_delete(&tree.document);
    return value;
}

json_t *tree_yaml(const char *text, size_t len, struct error *error)
{
    yaml_parser_t parser;
    json_t *value;

    if (!yaml_parser_initialize(&parser)) {
        (void)error_memory(error);
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    value = read_document(&parser, error);
    yaml_parser_delete(&parser);
    return value;
}

json_t *tree_json(const char *text, size_t len, struct error *error)
{
    json_error_t problem;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);

    if (!value)
        (void)error_set(error, "line %d: not JSON: %s", problem.line, problem.text);
    return value;
}

/* The last line that is not empty. */
static bool has_end(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    return len >= 4 && memcmp(text + len - 4, "#END", 4) == 0 &&
           (len == 4 || text[len - 5] == '\n');
}

/* To be freed; NULL with the error set. */
static char *read_file(const char *file, size_t *len, struct error *error)
{
    FILE *stream = fopen(file, "re");
    char *text = stream ? malloc(TREE_BYTES_MAX + 1) : NULL;

    if (!stream) {
        (void)error_set(error, "cannot be read: %s; correct its name, or its permissions",
                        strerror(errno));
        return NULL;
    }
    if (!text) {
        (void)error_memory(error);
        goto fail;
    }
    errno = 0;
    *len = fread(text, 1, TREE_BYTES_MAX + 1, stream);
    if (ferror(stream)) {
        (void)error_set(error, "cannot be read: %s", strerror(errno ? errno : EIO));
        goto fail;
    }
    if (*len > TREE_BYTES_MAX) {
        (void)error_set(error, "is larger than 4 MiB");
        goto fail;
    }
    fclose(stream);
    return text;
fail:
    free(text);
    fclose(stream);
    return NULL;
}

/* The values of environment variables put in. */
static json_t *read_yaml(const char *text, size_t len, struct error *error)
{
    json_t *value = NULL;
    struct buffer whole;

    buffer_init(&whole, 2 * TREE_BYTES_MAX);
    if (variables_replace(&whole, text, len, error) == 0)
        value = tree_yaml(whole.data ? (const char *)whole.data : "", whole.len, error);
    buffer_free(&whole);
    return value;
}

json_t *tree_file(const char *file, bool needs_end, struct error *error)
{
    size_t len = 0, name = strlen(file);
    char *text = read_file(file, &len, error);
    json_t *value = NULL;

    if (!text) {
        error_within(error, file);
        return NULL;
    }
    if (name > 5 && strcmp(file + name - 5, ".json") == 0)
        value = tree_json(text, len, error);
    else if (needs_end && !has_end(text, len))
        (void)error_set(error, "does not end with the line #END; without it a file that is "
                               "being written cannot be told from a whole one");
    else
        value = read_yaml(text, len, error);
    free(text);
    if (!value)
        error_within(error, file);
    return value;
}
