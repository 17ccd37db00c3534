/* SPDX-License-Identifier: Apache-2.0 */
#include "testkit/kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/log_line.h"

#define LOG_MAX ((size_t)1 << 20)

static struct kit kit;
static struct buffer log_lines; /* the log calls one thread at a time */

/* "TIME LEVEL [pid] text" without what differs from run to run. */
static void keep_line(void *user, int level, const char *line, size_t len)
{
    size_t start = log_line_text(line, len);

    (void)user;
    (void)buffer_printf(&log_lines, "%s %.*s\n", log_level_name((enum log_level)level),
                        (int)(len - start), line + start);
}

static void complain(const char *what)
{
    fprintf(stderr, "a6 test: %s\n", what);
}

static int start(void)
{
    const struct log_config config = {.level = LOG_DEBUG, .fd = 2, .function = keep_line};
    static bool registered;
    char error[LOADER_ERROR_SIZE];

    if (!log_lines.max)
        buffer_init(&log_lines, LOG_MAX);
    if (!registered && atexit(kit_stop) == 0)
        registered = true;
    registry_init(&kit.registry);
    if (log_open(&config) < 0 || cells_create(&kit.cells, KIT_CELLS) < 0) {
        complain("no memory");
        return -ENOMEM;
    }
    kit.running = true;
    if (loader_linked(&kit.registry, error, sizeof(error)) < 0 ||
        loader_start(&kit.registry, kit.cells, error, sizeof(error)) < 0) {
        kit_stop();
        complain(error);
        return -EINVAL;
    }
    return 0;
}

struct kit *kit_get(void)
{
    if (!kit.running && start() < 0)
        return NULL;
    return &kit;
}

/* After something was added, or failed to be. */
static int start_added(int status, char error[LOADER_ERROR_SIZE])
{
    if (status == 0)
        status = loader_start(&kit.registry, kit.cells, error, LOADER_ERROR_SIZE);
    if (status < 0)
        complain(error);
    return status;
}

int kit_add(const a6_plugin *plugin)
{
    char error[LOADER_ERROR_SIZE];

    if (!kit_get())
        return -EINVAL;
    return start_added(registry_add(&kit.registry, plugin, NULL, error, sizeof(error)), error);
}

int kit_load(const char *file)
{
    char error[LOADER_ERROR_SIZE];

    if (!kit_get())
        return -EINVAL;
    return start_added(loader_file(&kit.registry, file, error, sizeof(error)), error);
}

void kit_stop(void)
{
    if (!kit.running)
        return;
    registry_free(&kit.registry);
    cells_close(kit.cells);
    log_close();
    buffer_free(&log_lines);
    kit = (struct kit){0};
}

void kit_log_clear(void)
{
    log_lines.len = 0;
}

const char *kit_log(void)
{
    if (buffer_reserve(&log_lines, 1) < 0)
        return "";
    log_lines.data[log_lines.len] = '\0';
    return (const char *)log_lines.data;
}
