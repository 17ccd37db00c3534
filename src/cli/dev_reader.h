/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads objects of a tree by tables of their keys: a key that is in no table is an error
 * that names it, and what is nearest.
 *
 * What is read lives in the reader's arena, or is borrowed from the tree.
 */
#ifndef CLI_DEV_READER_H
#define CLI_DEV_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "cli/dev_error.h"

struct dev_reader {
    struct arena *arena;
    struct dev_error *error;
    /* Told of each key that is in no table, which is no error then; or NULL. */
    void (*unknown)(void *user, const char *name);
    void *user;
};

struct dev_key {
    const char *name;
    /* Reads the value into `to`, the structure of the object. NULL: the key is right,
     * and means nothing here (a description, say). */
    int (*take)(struct dev_reader *reader, json_t *value, void *to);
};

struct dev_list {
    const char **items;
    size_t count;
};

/* keys ends with a NULL name. 0, or a negative errno with the error set. */
int dev_reader_object(struct dev_reader *reader, json_t *object, const struct dev_key *keys,
                      void *to);

/* Zeroed; NULL with the error set. */
void *dev_reader_alloc(struct dev_reader *reader, size_t size);

int dev_reader_text(struct dev_reader *reader, json_t *value, const char **text);
/* A text, or a number that is taken as one: how ids are written. */
int dev_reader_id(struct dev_reader *reader, json_t *value, const char **text);
int dev_reader_integer(struct dev_reader *reader, json_t *value, long least, long most, long *to);
int dev_reader_bool(struct dev_reader *reader, json_t *value, bool *to);
/* A list of texts that is not empty; each is given to check, when there is one. */
int dev_reader_list(struct dev_reader *reader, json_t *value, struct dev_list *list,
                    int (*check)(struct dev_reader *reader, const char *text));
/* The same from a single text. */
int dev_reader_single(struct dev_reader *reader, json_t *value, struct dev_list *list,
                      int (*check)(struct dev_reader *reader, const char *text));

/* "a string", "a list" ... for messages. */
const char *dev_reader_kind(const json_t *value);

#endif
