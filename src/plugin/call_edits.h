/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message's list of headers or args, and what plugins change in it.
 *
 * As long as nothing is changed, the list is the vector that was received. The first
 * change copies the entries (not their bytes) into the call's arena; from then on the
 * list remembers which entries are not as they were sent, and which names went away.
 * A function that fails has changed nothing.
 */
#ifndef PLUGIN_CALL_EDITS_H
#define PLUGIN_CALL_EDITS_H

#include "base/arena.h"
#include "plugin/call_check.h"
#include "wire/message.h"

/* Pairs in an arena, in the order they were added. */
struct edit_pairs {
    struct wire_pair *first;
    uint32_t count;
    uint32_t capacity;
};

struct edit_entry {
    struct wire_pair pair;
    bool changed; /* to be told to the gateway */
};

struct edit_list {
    struct wire_vector sent;
    bool any_case;              /* names compare as headers' do */
    struct edit_entry *entries; /* NULL: nothing was changed, `sent` holds */
    uint32_t count;
    uint32_t capacity;
    struct edit_pairs removed; /* names that were sent; values unused. May be back. */
};

static inline void edits_begin(struct edit_list *list, struct wire_vector sent, bool any_case)
{
    list->sent = sent;
    list->any_case = any_case;
    list->entries = NULL;
    list->removed = (struct edit_pairs){NULL, 0, 0};
}

static inline uint32_t edits_count(const struct edit_list *list)
{
    return list->entries ? list->count : list->sent.count;
}

/* index < edits_count. */
static inline struct wire_pair edits_at(const struct edit_list *list, uint32_t index)
{
    return list->entries ? list->entries[index].pair : message_pair_at(list->sent, index);
}

/* The place of the first entry of the name at or behind `from`; edits_count if none. */
uint32_t edits_find(const struct edit_list *list, struct wire_str name, uint32_t from);

/* The first value, absent data when there is none. */
struct wire_str edits_value(const struct edit_list *list, const char *name);

/* A list of headers as plugins see it: 0, -ENOENT. */
int edits_header_at(const struct edit_list *list, size_t index, a6_pair *header);
int edits_find_header(const struct edit_list *list, a6_str name, size_t *index);

/* The functions below take name and value of a plugin, checked already. 0, -ENOMEM. */

/* One entry of the name, in place of all there are. */
int edits_set(struct edit_list *list, struct arena *arena, a6_str name, a6_str value);

/* One more entry. */
int edits_add(struct edit_list *list, struct arena *arena, a6_str name, a6_str value);

/* One entry whose value is all there are and the new one, joined as headers may be. */
int edits_join(struct edit_list *list, struct arena *arena, a6_str name, a6_str value);

int edits_delete(struct edit_list *list, struct arena *arena, a6_str name);

/* Adds a copy of both, or of what is not absent. */
int edits_push(struct edit_pairs *pairs, struct arena *arena, a6_str name, a6_str value);

/* Whether a reply has something to tell. */
static inline bool edits_changed(const struct edit_list *list)
{
    return list->entries != NULL;
}

/* The most entries that edits_tell can give. */
static inline uint32_t edits_tell_max(const struct edit_list *list)
{
    return list->entries ? list->count + list->removed.count : 0;
}

/* What differs from what was sent: changed entries, and names without a value for those
 * that went away. An absent value is told as an empty one. Gives the count. */
uint32_t edits_tell(const struct edit_list *list, struct wire_pair *pairs);

#endif
