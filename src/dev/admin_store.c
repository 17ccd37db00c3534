/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/admin_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/tree.h"

const char *const admin_store_kinds[ADMIN_STORE_KINDS] = {"routes", "services", "upstreams",
                                                          "global_rules"};
const char *const admin_store_names[ADMIN_STORE_KINDS] = {"route", "service", "upstream",
                                                          "global rule"};

/* ---- reading ---- */

static int make_folder(const char *path, struct error *error)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set(error,
                         "the Admin API's routes cannot be kept in %s: %s; take another folder "
                         "with --data",
                         path, strerror(errno));
    return 0;
}

static int load_entry(json_t *found, const char *folder, const char *name, struct error *error)
{
    char path[PATH_MAX], id[256];
    size_t len = strlen(name);
    json_t *entry;

    /* Others are what a crash left of a file that was being written. */
    if (len < 6 || len - 5 >= sizeof(id) || strcmp(name + len - 5, ".json") != 0 || *name == '.')
        return 0;
    snprintf(id, sizeof(id), "%.*s", (int)(len - 5), name);
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
        return error_set(error, "the folder's name is too long");
    entry = tree_file(path, false, error);
    if (!entry)
        return -EINVAL;
    if (!json_is_object(json_object_get(entry, "value"))) {
        json_decref(entry);
        return error_set(error, "%s: has no value; correct it or remove it", path);
    }
    return json_object_set_new(found, id, entry) < 0 ? error_memory(error) : 0;
}

static json_int_t created(const json_t *entry)
{
    return json_integer_value(json_object_get(entry, "createdIndex"));
}

/* Moves the entries over in the order of their creation. */
static int sort(json_t *found, json_t *sorted)
{
    while (json_object_size(found) > 0) {
        const char *id, *first_id = NULL;
        json_t *entry, *first = NULL;

        json_object_foreach(found, id, entry)
        {
            if (!first || created(entry) < created(first)) {
                first = entry;
                first_id = id;
            }
        }
        if (json_object_set(sorted, first_id, first) < 0 || json_object_del(found, first_id) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void keep_index(struct admin_store *store, json_t *entries)
{
    const char *id;
    json_t *entry;

    json_object_foreach(entries, id, entry)
    {
        json_int_t index = json_integer_value(json_object_get(entry, "modifiedIndex"));
        if (index > store->index)
            store->index = index;
    }
}

static int load_kind(struct admin_store *store, const char *kind, struct error *error)
{
    json_t *found = json_object(), *sorted = json_object();
    char path[PATH_MAX];
    struct dirent *file;
    int result;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/%s", store->folder, kind);
    result = make_folder(path, error);
    folder = result == 0 ? opendir(path) : NULL;
    if (result == 0 && !folder)
        result = error_set(error, "%s cannot be read: %s; take another folder with --data", path,
                           strerror(errno));
    while (folder && result == 0 && (file = readdir(folder)))
        result = load_entry(found, path, file->d_name, error);
    if (folder)
        closedir(folder);
    if (result == 0 && sort(found, sorted) < 0)
        result = error_memory(error);
    if (result == 0) {
        keep_index(store, sorted);
        result = json_object_set(store->entries, kind, sorted) < 0 ? error_memory(error) : 0;
    }
    json_decref(found);
    json_decref(sorted);
    return result;
}

int admin_store_open(struct admin_store *store, const char *folder, struct error *error)
{
    int result;

    *store = (struct admin_store){.folder = folder, .entries = json_object()};
    if (!store->entries)
        return error_memory(error);
    result = make_folder(folder, error);
    for (size_t i = 0; result == 0 && i < ADMIN_STORE_KINDS; i++)
        result = load_kind(store, admin_store_kinds[i], error);
    return result;
}

void admin_store_close(struct admin_store *store)
{
    json_decref(store->entries);
    store->entries = NULL;
}

/* ---- looking ---- */

json_t *admin_store_get(const struct admin_store *store, const char *kind, const char *id)
{
    return json_object_get(json_object_get(store->entries, kind), id);
}

json_t *admin_store_tree(const struct admin_store *store, const char *kind, const char *id,
                         json_t *value)
{
    json_t *tree = json_object();

    for (size_t i = 0; i < ADMIN_STORE_KINDS; i++) {
        json_t *entries = json_object_get(store->entries, admin_store_kinds[i]), *entry;
        bool changed = kind && strcmp(kind, admin_store_kinds[i]) == 0;
        json_t *list = json_array();
        const char *name;

        json_object_foreach(entries, name, entry)
        {
            bool this = changed && strcmp(name, id) == 0;
            json_t *own = this ? value : json_object_get(entry, "value");
            if (own)
                (void)json_array_append_new(list, json_deep_copy(own));
        }
        if (changed && value && !json_object_get(entries, id))
            (void)json_array_append_new(list, json_deep_copy(value));
        (void)json_object_set_new(tree, admin_store_kinds[i], list);
    }
    return tree;
}

/* ---- writing ---- */

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return result;
}

static int write_file(const char *path, const json_t *entry)
{
    FILE *file = fopen(path, "we");
    int result = 0;

    if (!file)
        return -errno;
    if (json_dumpf(entry, file, JSON_INDENT(2)) < 0 || fflush(file) != 0 || fsync(fileno(file)) < 0)
        result = errno ? -errno : -EIO;
    if (fclose(file) != 0 && result == 0)
        result = -errno;
    return result;
}

static int save(const struct admin_store *store, const char *kind, const char *id,
                const json_t *entry, struct error *error)
{
    char folder[PATH_MAX], path[PATH_MAX], fresh[PATH_MAX];
    int result;

    if (snprintf(folder, sizeof(folder), "%s/%s", store->folder, kind) >= PATH_MAX - 100)
        return error_set(error, "the folder's name is too long");
    snprintf(path, sizeof(path), "%.*s/%s.json", PATH_MAX - 100, folder, id);
    snprintf(fresh, sizeof(fresh), "%.*s/.%s.new", PATH_MAX - 100, folder, id);
    result = write_file(fresh, entry);
    if (result == 0 && rename(fresh, path) < 0)
        result = -errno;
    if (result == 0)
        result = sync_folder(folder);
    if (result < 0) {
        (void)unlink(fresh);
        return error_set(error, "%s cannot be written: %s", path, strerror(-result));
    }
    return 0;
}

int admin_store_put(struct admin_store *store, const char *kind, const char *id, json_t *value,
                    struct error *error)
{
    json_t *before = admin_store_get(store, kind, id);
    json_int_t index = ++store->index;
    json_t *entry =
        json_pack("{s:o, s:O, s:I, s:I}", "key", json_sprintf("/apisix/%s/%s", kind, id), "value",
                  value, "createdIndex", before ? created(before) : index, "modifiedIndex", index);
    int result = entry ? save(store, kind, id, entry, error) : error_memory(error);

    if (result == 0 && json_object_set(json_object_get(store->entries, kind), id, entry) < 0)
        result = error_memory(error);
    json_decref(entry);
    return result;
}

int admin_store_delete(struct admin_store *store, const char *kind, const char *id,
                       struct error *error)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s/%s.json", store->folder, kind, id);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(error, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof(path), "%s/%s", store->folder, kind);
    (void)sync_folder(path);
    (void)json_object_del(json_object_get(store->entries, kind), id);
    return 0;
}
