/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dev/folder.h"

#define STEP_MS 2
#define START_MS 30000
/* It takes a tenth of a second, and longer when the machine has no time for it. */
#define RELOAD_MS 30000
#define STOP_MS 2000
#define WORKERS_MAX 64
/* nginx writes a line into this pipe for each request, and waits when it is full. */
#define PIPE_SIZE (1 << 20)

static void step(void)
{
    struct timespec time = {.tv_nsec = STEP_MS * 1000000L};

    nanosleep(&time, NULL);
}

static void join(char *path, size_t size, const struct gateway *gateway, const char *name)
{
    snprintf(path, size, "%s/%s", gateway->settings.folder, name);
}

/* ---- what nginx says of a configuration ---- */

/* "nginx: [emerg] 12#12: unknown ... in /tmp/x/next.conf:12" without what is ours. */
static void explain(const char *output, struct error *error)
{
    const char *line = strstr(output, "[emerg] ");
    const char *end;
    size_t len;

    if (!line) {
        (void)error_set(error, "nginx: %.400s", *output ? output : "it says nothing");
        error->text[strcspn(error->text, "\n")] = '\0';
        return;
    }
    line += strlen("[emerg] ");
    len = strspn(line, "0123456789#");
    if (strncmp(line + len, ": ", 2) == 0)
        line += len + 2;
    len = strcspn(line, "\n");
    end = memmem(line, len, " in /", 5);
    if (end)
        len = (size_t)(end - line);
    if (memmem(line, len, "is not binary compatible", 24))
        (void)error_set(error, "nginx does not take the module, which was built for another "
                               "version of nginx; run `make` again");
    else if (memmem(line, len, "ngx_http_ext_plugin_module", 26))
        (void)error_set(error, "nginx cannot load its module: %.*s", (int)len, line);
    else
        (void)error_set(error, "nginx: %.*s", (int)len, line);
}

int gateway_check(struct gateway *gateway, const struct model *model, struct error *error)
{
    char conf[PATH_MAX], folder[PATH_MAX], output[4096];
    const char *arguments[] = {gateway->nginx, "-t",     "-q", "-p", gateway->settings.folder,
                               "-e",           "stderr", "-c", conf, NULL};
    int status;

    gateway->generation++;
    snprintf(gateway->conf_folder, sizeof(gateway->conf_folder), "%s/confs-%u",
             gateway->settings.folder, gateway->generation);
    gateway->settings.conf_folder = gateway->conf_folder;
    join(conf, sizeof(conf), gateway, "next.conf");
    status = nginx_conf_write(&gateway->settings, model, "next.conf", error);
    if (status < 0)
        goto fail;
    status = child_run(arguments, output, sizeof(output));
    if (status < 0) {
        status = error_set(error, "%s: %s", gateway->nginx, strerror(-status));
        goto fail;
    }
    if (status == 0)
        return 0;
    explain(output, error);
    status = -EINVAL;
fail:
    snprintf(folder, sizeof(folder), "%s", gateway->conf_folder);
    folder_remove(folder);
    return status;
}

static int take_next(struct gateway *gateway, struct error *error)
{
    char next[PATH_MAX], conf[PATH_MAX];

    join(next, sizeof(next), gateway, "next.conf");
    join(conf, sizeof(conf), gateway, "nginx.conf");
    if (rename(next, conf) < 0)
        return error_set(error, "%s: %s", conf, strerror(errno));
    return 0;
}

/* ---- its workers ---- */

/* The master's children. */
static size_t workers(const struct gateway *gateway, pid_t *list, size_t max)
{
    char path[64];
    size_t count = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)gateway->child.pid,
             (int)gateway->child.pid);
    file = fopen(path, "re");
    while (file && count < max && fscanf(file, "%d", &list[count]) == 1)
        count++;
    if (file)
        fclose(file);
    return count;
}

/* Whether it takes connections: nginx says in a worker's title when it no longer does. */
static bool is_serving(pid_t worker)
{
    char path[64], title[128] = "";
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)worker);
    file = fopen(path, "re");
    if (!file)
        return false;
    len = fread(title, 1, sizeof(title) - 1, file);
    fclose(file);
    return memmem(title, len, "worker process", 14) && !memmem(title, len, "shutting down", 13);
}

static bool is_listed(pid_t pid, const pid_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == pid)
            return true;
    }
    return false;
}

/*
 * New workers serve, and none of the old ones does. nginx gives new ones 100 ms before it
 * ends the old ones, which is most of what a change takes, so they are ended from here as
 * soon as a new one serves. Its master notes their end only after it has told them itself.
 */
static bool has_changed(const struct gateway *gateway, const pid_t *old, size_t old_count)
{
    pid_t now[WORKERS_MAX], late[WORKERS_MAX];
    size_t count = workers(gateway, now, WORKERS_MAX), fresh = 0, late_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_serving(now[i]))
            continue;
        if (is_listed(now[i], old, old_count))
            late[late_count++] = now[i];
        else
            fresh++;
    }
    for (size_t i = 0; fresh > 0 && i < late_count; i++)
        (void)kill(late[i], SIGQUIT);
    return fresh > 0 && late_count == 0;
}

/* ---- starting ---- */

static bool answers(long port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return connected;
}

/* What it wrote before it ended. */
static void explain_end(struct gateway *gateway, struct error *error)
{
    char output[4096];
    ssize_t len = read(gateway->errors, output, sizeof(output) - 1);

    output[len > 0 ? len : 0] = '\0';
    explain(output, error);
}

static int wait_until_serving(struct gateway *gateway, struct error *error)
{
    uint64_t end = clock_ms() + START_MS;

    while (clock_ms() <= end) {
        if (!child_alive(&gateway->child)) {
            explain_end(gateway, error);
            return -EINVAL;
        }
        /* Before it has a worker nginx takes connections, and loses signals. */
        if (answers(gateway->settings.ports[0]) && has_changed(gateway, NULL, 0))
            return 0;
        step();
    }
    return error_set(error, "nginx does not serve port %ld", gateway->settings.ports[0]);
}

int gateway_start(struct gateway *gateway, struct error *error)
{
    char conf[PATH_MAX];
    const char *arguments[] = {gateway->nginx, "-p", gateway->settings.folder, "-e", "stderr", "-c",
                               conf,           NULL};
    int out[2] = {-1, -1}, err[2] = {-1, -1}, in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int result;

    join(conf, sizeof(conf), gateway, "nginx.conf");
    result = take_next(gateway, error);
    if (result < 0)
        goto end;
    gateway->used = gateway->generation;
    if (child_pipe(out) < 0 || child_pipe(err) < 0) {
        result = error_set(error, "no pipe: %s", strerror(errno));
        goto end;
    }
    (void)fcntl(out[0], F_SETPIPE_SZ, PIPE_SIZE);
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(err[0], F_SETFL, O_NONBLOCK);
    gateway->requests = out[0];
    gateway->errors = err[0];
    result = child_start(&gateway->child, arguments, NULL, (int[]){in, out[1], err[1]});
    result = result < 0 ? error_set(error, "%s: %s", gateway->nginx, strerror(-result))
                        : wait_until_serving(gateway, error);
end:
    for (int i = 0; i < 2; i++) {
        int end = i ? err[1] : out[1];
        if (end >= 0)
            close(end);
    }
    if (in >= 0)
        close(in);
    return result;
}

/* ---- reloading ---- */

/* nginx has read the new confs, and needs those of the generation before no more. */
static void remove_old(struct gateway *gateway)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%s/confs-%u", gateway->settings.folder, gateway->used);
    folder_remove(folder);
    gateway->used = gateway->generation;
}

int gateway_use(struct gateway *gateway, struct error *error)
{
    pid_t old[WORKERS_MAX];
    size_t count = workers(gateway, old, WORKERS_MAX);
    uint64_t end = clock_ms() + RELOAD_MS;
    int result = take_next(gateway, error);

    if (result < 0)
        return result;
    if (!child_alive(&gateway->child))
        return error_set(error, "nginx has ended");
    (void)kill(gateway->child.pid, SIGHUP);
    while (!has_changed(gateway, old, count)) {
        if (clock_ms() > end)
            return error_set(error,
                             "nginx has not taken the new routes in %d s; its lines in the "
                             "log say why",
                             RELOAD_MS / 1000);
        step();
    }
    remove_old(gateway);
    return 0;
}

void gateway_stop(struct gateway *gateway)
{
    child_stop(&gateway->child, SIGTERM, STOP_MS);
}
