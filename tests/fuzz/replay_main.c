/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once for each file named, and for each file of the folders named:
 * the corpora are thus ordinary tests, also without libFuzzer. No file is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fails(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return -1;
}

/* Gives the number of inputs run, or -1. */
static int replay_file(const char *path, size_t size)
{
    /* Memory of exactly this size, so that a sanitizer sees what is read behind it. */
    uint8_t *data = malloc(size ? size : 1);
    FILE *file = fopen(path, "rb");
    int result = -1;

    if (!data || !file)
        fails(path);
    else if (fread(data, 1, size, file) != size)
        fprintf(stderr, "%s: it became shorter\n", path);
    else
        result = 1;
    if (result == 1)
        LLVMFuzzerTestOneInput(data, size);
    if (file)
        fclose(file);
    free(data);
    return result;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
    int runs = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return fails(path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) >= (int)sizeof(inner)) {
            fprintf(stderr, "%s: the path is too long\n", path);
            runs = -1;
            break;
        }
        int more = replay(inner);
        if (more < 0) {
            runs = -1;
            break;
        }
        runs += more;
    }
    closedir(folder);
    return runs;
}

static int replay(const char *path)
{
    struct stat status;
    if (stat(path, &status))
        return fails(path);
    if (S_ISDIR(status.st_mode))
        return replay_folder(path);
    return replay_file(path, (size_t)status.st_size);
}

int main(int argc, char **argv)
{
    int runs = 0;

    for (int i = 1; i < argc; i++) {
        int more = replay(argv[i]);
        if (more < 0)
            return 1;
        runs += more;
    }
    printf("%d inputs\n", runs);
    return runs == 0;
}
