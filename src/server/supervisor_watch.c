/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
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

/* A folder that is gone is looked for so often. */
#define AGAIN_MS 500u

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF)

static bool is_plugin_file(const char *name)
{
    size_t len = strlen(name);

    return len > 3 && strcmp(name + len - 3, ".so") == 0;
}

static bool has_plugins(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry = NULL;

    while (entries && (entry = readdir(entries)) && !is_plugin_file(entry->d_name))
        continue;
    if (entries)
        closedir(entries);
    return entry != NULL;
}

/* What the folders come to. */
struct folders {
    bool watched; /* all are */
    bool filled;  /* each has a plugin */
    bool fresh;   /* one is that was not before */
};

static void watch_folder(struct supervisor *supervisor, const char *folder, struct folders *all)
{
    int watch = inotify_add_watch(supervisor->watch_fd, folder, EVENTS);

    all->filled = all->filled && has_plugins(folder);
    if (watch > supervisor->newest_watch) {
        supervisor->newest_watch = watch;
        all->fresh = true;
    }
    if (watch >= 0)
        return;
    all->watched = false;
    if (!supervisor->unwatched)
        log_warn("changes in %s are not noticed until it can be watched: %s", folder,
                 strerror(errno));
}

/* Files are watched through their folder: a file that is replaced is another inode. */
static void watch_list(struct supervisor *supervisor, char *list, bool files, struct folders *all)
{
    for (char *part; list && (part = strsep(&list, ":"));) {
        char *slash = files ? strrchr(part, '/') : NULL;
        if (!*part)
            continue;
        if (slash)
            *slash = 0;
        watch_folder(supervisor, files && !slash ? "." : slash == part ? "/" : part, all);
    }
}

/* Has each path watched that is not yet: it may lead to another folder than before. */
static int watch_all(struct supervisor *supervisor)
{
    const a6_runner_config *config = supervisor->config;
    char *folders = strdup(config->plugin_dirs ? config->plugin_dirs : "");
    char *files = strdup(config->plugin_files ? config->plugin_files : "");
    int error = folders && files ? 0 : -ENOMEM;
    struct folders all = {.watched = !error, .filled = !error};

    if (!error) {
        watch_list(supervisor, folders, false, &all);
        watch_list(supervisor, files, true, &all);
    }
    free(folders);
    free(files);
    supervisor->unwatched = !all.watched;
    supervisor->look_again_ms = all.watched ? 0 : clock_ms() + AGAIN_MS;
    /* One that is still empty will be filled, which is noticed. */
    if (all.fresh && all.filled)
        supervisor->reload_at_ms = clock_ms() + SETTLE_MS;
    return error;
}

int supervisor_watch_files(struct supervisor *supervisor)
{
    supervisor->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (supervisor->watch_fd < 0)
        return -errno;
    int error = watch_all(supervisor);
    supervisor->reload_at_ms = 0;
    return error;
}

int supervisor_keep_watch(struct supervisor *supervisor)
{
    uint64_t now = clock_ms();

    /* Whatever has changed, a folder may be gone: nobody is told while its plugins are mapped. */
    bool changed = supervisor->reload_at_ms && now >= supervisor->reload_at_ms;
    if (changed || (supervisor->look_again_ms && now >= supervisor->look_again_ms))
        (void)watch_all(supervisor);
    if (changed) {
        supervisor->reload_at_ms = 0;
        supervisor_reload(supervisor, "a plugin file has changed");
    }
    uint64_t next = supervisor->reload_at_ms;
    if (!next || (supervisor->look_again_ms && supervisor->look_again_ms < next))
        next = supervisor->look_again_ms;
    return !next ? -1 : next > now ? (int)(next - now) : 0;
}

static void read_event(struct supervisor *supervisor, const struct inotify_event *event)
{
    if (event->mask & IN_MOVE_SELF) {
        (void)inotify_rm_watch(supervisor->watch_fd, event->wd);
        supervisor->look_again_ms = clock_ms();
    }
    if ((event->len && is_plugin_file(event->name)) || event->mask & IN_Q_OVERFLOW)
        supervisor->reload_at_ms = clock_ms() + SETTLE_MS;
}

void supervisor_read_watch(struct supervisor *supervisor)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t got;

    while ((got = read(supervisor->watch_fd, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            read_event(supervisor, event);
            at += sizeof(*event) + event->len;
        }
    }
}
