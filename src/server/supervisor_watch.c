/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/supervisor.h"

/* A linker writes for a while; the reload waits until it is done. */
#define SETTLE_MS 100u

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

static void watch_folder(struct supervisor *supervisor, const char *folder)
{
    if (inotify_add_watch(supervisor->watch_fd, folder, EVENTS) < 0)
        log_warn("changes in %s are not noticed: %s", folder, strerror(errno));
}

/* Files are watched through their folder: a file that is replaced is another inode. */
static void watch_list(struct supervisor *supervisor, char *list, bool files)
{
    for (char *part; list && (part = strsep(&list, ":"));) {
        char *slash = files ? strrchr(part, '/') : NULL;
        if (!*part)
            continue;
        if (slash)
            *slash = 0;
        watch_folder(supervisor, files && !slash ? "." : slash == part ? "/" : part);
    }
}

int supervisor_watch_files(struct supervisor *supervisor)
{
    const a6_runner_config *config = supervisor->config;
    char *folders = strdup(config->plugin_dirs ? config->plugin_dirs : "");
    char *files = strdup(config->plugin_files ? config->plugin_files : "");
    int error = -ENOMEM;

    if (folders && files) {
        supervisor->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        error = supervisor->watch_fd < 0 ? -errno : 0;
    }
    if (!error) {
        watch_list(supervisor, folders, false);
        watch_list(supervisor, files, true);
    }
    free(folders);
    free(files);
    return error;
}

static bool is_plugin_file(const char *name, size_t size)
{
    size_t len = strnlen(name, size);

    return len > 3 && memcmp(name + len - 3, ".so", 3) == 0;
}

void supervisor_read_watch(struct supervisor *supervisor)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t got;

    while ((got = read(supervisor->watch_fd, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            if (event->len && is_plugin_file(event->name, event->len))
                supervisor->reload_at_ms = clock_ms() + SETTLE_MS;
            at += sizeof(*event) + event->len;
        }
    }
}
