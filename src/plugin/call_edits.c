/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_edits.h"

#include <errno.h>

static bool same(const struct edit_list *list, struct wire_str a, struct wire_str b)
{
    if (list->any_case)
        return call_same_name(a.data, a.len, b.data, b.len);
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static uint32_t find_sent(const struct edit_list *list, struct wire_str name, uint32_t from)
{
    for (; from < list->sent.count; from++) {
        if (same(list, message_name_at(list->sent, from), name))
            break;
    }
    return from;
}

uint32_t edits_find(const struct edit_list *list, struct wire_str name, uint32_t from)
{
    if (!list->entries)
        return find_sent(list, name, from);
    for (; from < list->count; from++) {
        if (same(list, list->entries[from].pair.name, name))
            break;
    }
    return from < list->count ? from : list->count;
}

struct wire_str edits_value(const struct edit_list *list, const char *name)
{
    struct wire_str wanted = {name, (uint32_t)strlen(name)};
    uint32_t at = edits_find(list, wanted, 0);

    return at < edits_count(list) ? edits_at(list, at).value : (struct wire_str){NULL, 0};
}

int edits_header_at(const struct edit_list *list, size_t index, a6_pair *header)
{
    struct wire_pair pair;

    if (index >= edits_count(list))
        return -ENOENT;
    pair = edits_at(list, (uint32_t)index);
    header->name = call_str(pair.name);
    header->value = call_str_present(pair.value);
    return 0;
}

int edits_find_header(const struct edit_list *list, a6_str name, size_t *index)
{
    uint32_t count = edits_count(list);
    uint32_t at;

    if (!name.data || name.len > FRAME_PAYLOAD_MAX || *index >= count)
        return -ENOENT;
    at = edits_find(list, (struct wire_str){name.data, (uint32_t)name.len}, (uint32_t)*index);
    if (at == count)
        return -ENOENT;
    *index = at;
    return 0;
}

/* ---- room for what a change needs, made before anything is changed ---- */

static void *grown(struct arena *arena, const void *old, uint32_t count, uint32_t capacity,
                   size_t size)
{
    void *memory =
        (uint64_t)capacity * size > arena->max ? NULL : arena_alloc(arena, capacity * size);

    if (memory && count > 0)
        memcpy(memory, old, count * size);
    return memory;
}

static int pairs_room(struct edit_pairs *pairs, struct arena *arena)
{
    uint32_t capacity = pairs->capacity ? pairs->capacity * 2 : 4;
    void *memory;

    if (pairs->count < pairs->capacity)
        return 0;
    memory = grown(arena, pairs->first, pairs->count, capacity, sizeof(*pairs->first));
    if (!memory)
        return -ENOMEM;
    pairs->first = memory;
    pairs->capacity = capacity;
    return 0;
}

/* Copies the entries when nothing was changed yet. */
static int take_over(struct edit_list *list, struct arena *arena)
{
    uint32_t count = list->sent.count;
    uint64_t capacity = (uint64_t)count + 4;
    struct edit_entry *entries;

    if (list->entries)
        return 0;
    if (capacity * sizeof(*entries) > arena->max)
        return -ENOMEM;
    entries = arena_alloc(arena, (size_t)capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct edit_entry){message_pair_at(list->sent, i), false};
    list->entries = entries;
    list->count = count;
    list->capacity = (uint32_t)capacity;
    return 0;
}

static int entries_room(struct edit_list *list, struct arena *arena)
{
    uint32_t capacity = list->capacity * 2;
    void *memory;

    if (list->count < list->capacity)
        return 0;
    memory = grown(arena, list->entries, list->count, capacity, sizeof(*list->entries));
    if (!memory)
        return -ENOMEM;
    list->entries = memory;
    list->capacity = capacity;
    return 0;
}

static int copy_str(struct arena *arena, a6_str str, struct wire_str *copy)
{
    char *data = str.data ? arena_alloc(arena, str.len) : NULL;

    *copy = (struct wire_str){data, data ? (uint32_t)str.len : 0};
    if (!str.data)
        return 0;
    if (!data)
        return -ENOMEM;
    if (str.len > 0)
        memcpy(data, str.data, str.len);
    return 0;
}

static int copy_pair(struct arena *arena, a6_str name, a6_str value, struct wire_pair *pair)
{
    if (copy_str(arena, name, &pair->name) || copy_str(arena, value, &pair->value))
        return -ENOMEM;
    return 0;
}

/* ---- changes ---- */

/* Takes out every entry of the name from `from` on. */
static void drop_entries(struct edit_list *list, struct wire_str name, uint32_t from)
{
    uint32_t kept = from;

    for (uint32_t i = from; i < list->count; i++) {
        if (!same(list, list->entries[i].pair.name, name))
            list->entries[kept++] = list->entries[i];
    }
    list->count = kept;
}

static int set_pair(struct edit_list *list, struct arena *arena, struct wire_pair pair)
{
    uint32_t at;

    if (take_over(list, arena) || entries_room(list, arena))
        return -ENOMEM;
    at = edits_find(list, pair.name, 0);
    if (at == list->count)
        list->count++;
    else
        drop_entries(list, pair.name, at + 1);
    list->entries[at] = (struct edit_entry){pair, true};
    return 0;
}

int edits_set(struct edit_list *list, struct arena *arena, a6_str name, a6_str value)
{
    struct wire_pair pair;

    return copy_pair(arena, name, value, &pair) ? -ENOMEM : set_pair(list, arena, pair);
}

int edits_add(struct edit_list *list, struct arena *arena, a6_str name, a6_str value)
{
    struct wire_pair pair;

    if (copy_pair(arena, name, value, &pair) || take_over(list, arena) || entries_room(list, arena))
        return -ENOMEM;
    /* The gateway replaces a name by what it is told of it, so that all have to be told. */
    for (uint32_t i = 0; i < list->count; i++) {
        if (same(list, list->entries[i].pair.name, pair.name))
            list->entries[i].changed = true;
    }
    list->entries[list->count++] = (struct edit_entry){pair, true};
    return 0;
}

/* Appends to text, which has room; an empty value has nothing to say. */
static void join(char *text, uint32_t *len, const char *glue, struct wire_str value)
{
    if (value.len == 0)
        return;
    if (*len > 0) {
        memcpy(text + *len, glue, 2);
        *len += 2;
    }
    memcpy(text + *len, value.data, value.len);
    *len += value.len;
}

int edits_join(struct edit_list *list, struct arena *arena, a6_str name, a6_str value)
{
    struct wire_str last = {value.data, (uint32_t)value.len};
    struct wire_pair pair = {.name = {name.data, (uint32_t)name.len}};
    const char *glue = call_is_name(name, "cookie") ? "; " : ", ";
    uint64_t room = value.len;
    char *text;

    for (uint32_t i = edits_find(list, pair.name, 0); i < edits_count(list);
         i = edits_find(list, pair.name, i + 1))
        room += (uint64_t)edits_at(list, i).value.len + 2;
    if (room > arena->max || !(text = arena_alloc(arena, (size_t)room)) ||
        copy_str(arena, name, &pair.name))
        return -ENOMEM;
    pair.value = (struct wire_str){text, 0};
    for (uint32_t i = edits_find(list, pair.name, 0); i < edits_count(list);
         i = edits_find(list, pair.name, i + 1))
        join(text, &pair.value.len, glue, edits_at(list, i).value);
    join(text, &pair.value.len, glue, last);
    return set_pair(list, arena, pair);
}

static bool is_removed(const struct edit_list *list, struct wire_str name)
{
    for (uint32_t i = 0; i < list->removed.count; i++) {
        if (same(list, list->removed.first[i].name, name))
            return true;
    }
    return false;
}

int edits_delete(struct edit_list *list, struct arena *arena, a6_str name)
{
    struct wire_str wanted = {name.data, (uint32_t)name.len};
    uint32_t sent = find_sent(list, wanted, 0);

    if (edits_find(list, wanted, 0) == edits_count(list))
        return 0;
    if (take_over(list, arena) || pairs_room(&list->removed, arena))
        return -ENOMEM;
    /* The name as it was sent: its bytes stay, those of the plugin may not. */
    if (sent < list->sent.count && !is_removed(list, wanted))
        list->removed.first[list->removed.count++] =
            (struct wire_pair){.name = message_name_at(list->sent, sent)};
    drop_entries(list, wanted, 0);
    return 0;
}

int edits_push(struct edit_pairs *pairs, struct arena *arena, a6_str name, a6_str value)
{
    struct wire_pair pair;

    if (copy_pair(arena, name, value, &pair) || pairs_room(pairs, arena))
        return -ENOMEM;
    pairs->first[pairs->count++] = pair;
    return 0;
}

/* ---- the reply ---- */

uint32_t edits_tell(const struct edit_list *list, struct wire_pair *pairs)
{
    uint32_t told = 0;

    for (uint32_t i = 0; list->entries && i < list->count; i++) {
        if (!list->entries[i].changed)
            continue;
        pairs[told] = list->entries[i].pair;
        if (!pairs[told].value.data)
            pairs[told].value = (struct wire_str){"", 0};
        told++;
    }
    for (uint32_t i = 0; i < list->removed.count; i++) {
        struct wire_str name = list->removed.first[i].name;

        if (edits_find(list, name, 0) == list->count)
            pairs[told++] = (struct wire_pair){.name = name};
    }
    return told;
}
