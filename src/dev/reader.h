/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads objects of a tree by tables of their keys: a key that is in no table is an error
 * that names it, and what is nearest.
 *
 * What is read lives in the reader's arena, or is borrowed from the tree.
 */
#ifndef DEV_READER_H
#define DEV_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "dev/error.h"

struct reader {
    struct arena *arena;
    struct error *error;
    /* Told of each key that is in no table, which is no error then; or NULL. */
    void (*unknown)(void *user, const char *name);
    void *user;
};

struct reader_key {
    const char *name;
    /* Reads the value into `to`, the structure of the object. NULL: the key is right,
     * and means nothing here (a description, say). */
    int (*take)(struct reader *reader, json_t *value, void *to);
};

struct text_list {
    const char **items;
    size_t count;
};

/* keys ends with a NULL name. 0, or a negative errno with the error set. */
int reader_object(struct reader *reader, json_t *object, const struct reader_key *keys, void *to);

/* Zeroed; NULL with the error set. */
void *reader_alloc(struct reader *reader, size_t size);

int reader_text(struct reader *reader, json_t *value, const char **text);
/* A text, or a number that is taken as one: how ids are written. */
int reader_id(struct reader *reader, json_t *value, const char **text);
int reader_integer(struct reader *reader, json_t *value, long least, long most, long *to);
int reader_bool(struct reader *reader, json_t *value, bool *to);
/* A list of texts that is not empty; each is given to check, when there is one. */
int reader_list(struct reader *reader, json_t *value, struct text_list *list,
                int (*check)(struct reader *reader, const char *text));
/* The same from a single text. */
int reader_single(struct reader *reader, json_t *value, struct text_list *list,
                  int (*check)(struct reader *reader, const char *text));

/* For keys that mean nothing here but must be right for APISIX: a text, and an object of
 * texts. They store nothing. */
int reader_check_text(struct reader *reader, json_t *value, void *to);
int reader_check_labels(struct reader *reader, json_t *value, void *to);

/* "a string", "a list" ... for messages. */
const char *reader_kind(const json_t *value);

#endif
