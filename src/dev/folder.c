/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A socket's path has at most 107 bytes, and the longest name in here is 16. */
#define FOLDER_MAX 90
#define DESCRIPTORS 16

int folder_make(char *path, size_t size, struct error *error)
{
    static const char *const variables[] = {"XDG_RUNTIME_DIR", "TMPDIR", NULL};
    int problem = ENOENT;

    for (size_t i = 0; i < 3; i++) {
        const char *parent = variables[i] ? getenv(variables[i]) : "/tmp";

        if (!parent || parent[0] != '/')
            continue;
        if (snprintf(path, size, "%s/c-runner-dev-XXXXXX", parent) > FOLDER_MAX)
            continue;
        if (mkdtemp(path))
            return 0;
        problem = errno;
    }
    return error_set(error, "no folder can be made in /tmp: %s", strerror(problem));
}

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
