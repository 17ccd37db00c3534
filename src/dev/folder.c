/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A socket's path has at most 107 bytes, and the longest name in here is 16. */
#define FOLDER_MAX 90
#define DESCRIPTORS 16
#define NAME "c-runner-dev-"
#define LOCK "lock"
#define FRESH_LOCK "lock.new"
/* Longer than a gateway takes from making its folder to locking it. */
#define UNLOCKED_SECONDS 60

/* ---- making ---- */

/* The lock gets its name when it is held: a name without a holder is a dead gateway's. */
static int make_lock(const char *path)
{
    char fresh[FOLDER_MAX + 16], name[FOLDER_MAX + 16];
    int lock;

    snprintf(fresh, sizeof(fresh), "%s/" FRESH_LOCK, path);
    snprintf(name, sizeof(name), "%s/" LOCK, path);
    lock = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (lock < 0)
        return -errno;
    if (flock(lock, LOCK_EX | LOCK_NB) < 0 || rename(fresh, name) < 0) {
        int problem = errno;

        close(lock);
        return -problem;
    }
    return lock;
}

int folder_make(char *path, size_t size, struct error *error)
{
    static const char *const variables[] = {"XDG_RUNTIME_DIR", "TMPDIR", NULL};
    int problem = ENOENT, lock;

    for (size_t i = 0; i < 3; i++) {
        const char *parent = variables[i] ? getenv(variables[i]) : "/tmp";

        if (!parent || parent[0] != '/')
            continue;
        if (snprintf(path, size, "%s/" NAME "XXXXXX", parent) > FOLDER_MAX)
            continue;
        if (!mkdtemp(path)) {
            problem = errno;
            continue;
        }
        lock = make_lock(path);
        if (lock >= 0)
            return lock;
        problem = -lock;
        folder_remove(path);
    }
    *path = '\0';
    return error_set(error, "no folder can be made in /tmp: %s", strerror(problem));
}

/* ---- removing ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    (void)nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Whether it is a folder of ours, without a holder. The lock must still have its name, for
 * another gateway may be removing the folder at the same time. */
static bool take_dead(int parent, const char *name, int *lock)
{
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    bool ours = folder >= 0 && fstat(folder, &status) == 0 && status.st_uid == geteuid();

    *lock = ours ? openat(folder, LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (folder >= 0)
        close(folder);
    return *lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0 && fstat(*lock, &status) == 0 &&
           status.st_nlink == 1;
}

/* What a gateway leaves that is killed before it has its lock: nothing, or the file that
 * was to become the lock. A folder with more in it is another's and stays. */
static bool remove_unlocked(int parent, const char *name)
{
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    bool old = folder >= 0 && fstat(folder, &status) == 0 && status.st_uid == geteuid() &&
               time(NULL) - status.st_mtime > UNLOCKED_SECONDS;

    if (old && fstatat(folder, FRESH_LOCK, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_size == 0)
        (void)unlinkat(folder, FRESH_LOCK, 0);
    if (folder >= 0)
        close(folder);
    return old && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

/* As mkdtemp names them. */
static bool is_name(const char *name)
{
    return strncmp(name, NAME, strlen(NAME)) == 0 && strlen(name) == strlen(NAME "XXXXXX");
}

unsigned folder_remove_dead(const char *path)
{
    int parent_len = (int)(strrchr(path, '/') - path);
    char other[PATH_MAX];
    struct dirent *file;
    unsigned count = 0;
    DIR *parent;

    snprintf(other, sizeof(other), "%.*s", parent_len, path);
    parent = opendir(other);
    while (parent && (file = readdir(parent))) {
        int lock = -1;

        if (!is_name(file->d_name))
            continue;
        if (take_dead(dirfd(parent), file->d_name, &lock)) {
            snprintf(other, sizeof(other), "%.*s/%s", parent_len, path, file->d_name);
            folder_remove(other);
            count++;
        } else if (lock < 0) {
            count += remove_unlocked(dirfd(parent), file->d_name);
        }
        if (lock >= 0)
            close(lock);
    }
    if (parent)
        closedir(parent);
    return count;
}
