/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the log share: a folder of their own, and a look at the file. */
#ifndef LOG_FIXTURE_H
#define LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/log.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static char folder[] = "/tmp/a6-log-XXXXXX";
static char path[64];

static inline int set_up(void **state)
{
    (void)state;
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    snprintf(path, sizeof(path), "%s", mkdtemp(folder) ? folder : "");
    strcat(path, "/log");
    return path[0] == '/' ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    log_close();
    unlink(path);
    return rmdir(folder);
}

static inline void open_file(enum log_level level)
{
    const struct log_config config = {.level = level, .file = path, .fd = -1};

    assert_int_equal(log_open(&config), 0);
}

static inline void open_fd(int fd)
{
    const struct log_config config = {.level = LOG_INFO, .fd = fd};

    assert_int_equal(log_open(&config), 0);
}

/* What the file holds; the next call overwrites it. */
static inline char *file_text(const char *name)
{
    static char text[1 << 20];
    FILE *file = fopen(name, "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static inline unsigned count(const char *text, const char *piece)
{
    unsigned found = 0;

    while ((text = strstr(text, piece))) {
        text += strlen(piece);
        found++;
    }
    return found;
}

#endif
