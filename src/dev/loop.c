/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "dev/console.h"
#include "dev/lines.h"
#include "dev/nginx_errors.h"
#include "dev/runner_log.h"

/* An editor writes for a moment. */
#define SETTLE_MS 20

enum { SIGNALS, HTTP, REQUESTS, ERRORS, RUNNER, FILES, POLLED };

struct loop {
    struct site *site;
    struct http *http;
    bool managed;
    int signals;
    int files; /* inotify, or -1 */
    const char *file_name;
    uint64_t reload_ms; /* when to read the routes' file; 0: it has not changed */
    struct lines requests, errors, runner;
    bool stopping;
    int status;
};

int loop_signals(void)
{
    sigset_t taken;

    sigemptyset(&taken);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGHUP);
    sigaddset(&taken, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &taken, NULL) < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- lines ---- */

static void take_request(void *user, const char *line)
{
    calls_line(&((struct loop *)user)->site->calls, line);
}

static void take_error(void *user, const char *line)
{
    nginx_errors_line(&((struct loop *)user)->site->calls, line);
}

/* ---- the routes' file ---- */

static void watch_file(struct loop *loop)
{
    const char *file = loop->site->routes_file;
    const char *slash = file ? strrchr(file, '/') : NULL;
    char folder[PATH_MAX];

    loop->files = file ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    if (loop->files < 0)
        return;
    loop->file_name = slash ? slash + 1 : file;
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - file) + 1 : 1,
             slash ? file : ".");
    if (inotify_add_watch(loop->files, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        console_line(CONSOLE_WARN, "gateway", "changes of %s are not noticed: %s", file,
                     strerror(errno));
}

static void read_changes(struct loop *loop)
{
    union {
        struct inotify_event event;
        char bytes[4096];
    } room;
    ssize_t len = read(loop->files, room.bytes, sizeof(room.bytes));

    for (ssize_t at = 0; at + (ssize_t)sizeof(room.event) <= len;) {
        struct inotify_event event;
        const char *name = room.bytes + at + sizeof(event);

        memcpy(&event, room.bytes + at, sizeof(event));
        if (event.len > 0 && loop->file_name && strncmp(name, loop->file_name, event.len) == 0)
            loop->reload_ms = clock_ms() + SETTLE_MS;
        at += (ssize_t)(sizeof(event) + event.len);
    }
}

/* ---- signals ---- */

static void tend_children(struct loop *loop)
{
    if (!child_alive(&loop->site->gateway.child)) {
        console_line(CONSOLE_BAD, "gateway", "nginx has ended; see its lines above");
        loop->stopping = true;
        loop->status = 1;
        return;
    }
    if (loop->managed)
        (void)runner_tend(&loop->site->runner);
}

static void take_signals(struct loop *loop)
{
    struct signalfd_siginfo info;

    while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        /* SIGHUP: the terminal was closed. */
        if (info.ssi_signo != SIGCHLD)
            loop->stopping = true;
    }
    if (!loop->stopping)
        tend_children(loop);
}

/* ---- events of the page ---- */

static void send_request(void *user, json_t *request)
{
    http_event(((struct loop *)user)->http, "request", request);
}

static void send_problem(void *user, const char *source, const char *text)
{
    json_t *problem = json_pack("{ssss}", "source", source, "text", text);

    if (problem)
        http_event(((struct loop *)user)->http, "problem", problem);
    json_decref(problem);
}

/* The streams are held by a worker that is to leave. */
static void end_events(void *user)
{
    http_end_events(((struct loop *)user)->http);
}

/* ---- the loop ---- */

static int next_ms(const struct loop *loop)
{
    uint64_t now = clock_ms(), due = now + (uint64_t)http_wait(loop->http);

    if (loop->reload_ms && loop->reload_ms < due)
        due = loop->reload_ms;
    if (loop->managed && loop->site->runner.due_ms && loop->site->runner.due_ms < due)
        due = loop->site->runner.due_ms;
    return due > now ? (int)(due - now) : 0;
}

static void take_lines(struct loop *loop, const struct pollfd *polled)
{
    struct site *site = loop->site;

    /* The runner first: what it says belongs to requests that nginx logs afterwards. */
    if (polled[RUNNER].revents &&
        !lines_read(&loop->runner, site->runner.output, runner_log_line, site)) {
        close(site->runner.output);
        site->runner.output = -1;
    }
    if (polled[ERRORS].revents)
        (void)lines_read(&loop->errors, site->gateway.errors, take_error, loop);
    if (polled[REQUESTS].revents)
        (void)lines_read(&loop->requests, site->gateway.requests, take_request, loop);
}

static void take_turn(struct loop *loop)
{
    struct site *site = loop->site;
    struct pollfd polled[POLLED] = {
        [SIGNALS] = {.fd = loop->signals, .events = POLLIN},
        [HTTP] = {.fd = http_descriptor(loop->http), .events = POLLIN},
        [REQUESTS] = {.fd = site->gateway.requests, .events = POLLIN},
        [ERRORS] = {.fd = site->gateway.errors, .events = POLLIN},
        [RUNNER] = {.fd = loop->managed ? site->runner.output : -1, .events = POLLIN},
        [FILES] = {.fd = loop->files, .events = POLLIN},
    };

    if (poll(polled, POLLED, next_ms(loop)) < 0)
        return;
    take_lines(loop, polled);
    if (polled[SIGNALS].revents)
        take_signals(loop);
    if (polled[FILES].revents)
        read_changes(loop);
    if (loop->managed && site->runner.due_ms && clock_ms() >= site->runner.due_ms)
        (void)runner_tend(&site->runner);
    if (loop->reload_ms && clock_ms() >= loop->reload_ms) {
        loop->reload_ms = 0;
        site_reload(site);
    }
    http_run(loop->http);
}

int loop_run(struct site *site, struct http *http, int signals, bool managed)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int status;

    if (!loop)
        return 1;
    loop->site = site;
    loop->http = http;
    loop->signals = signals;
    loop->managed = managed;
    watch_file(loop);
    site->calls.request = send_request;
    site->calls.problem = send_problem;
    site->calls.user = loop;
    site->changed = end_events;
    site->changed_user = loop;
    while (!loop->stopping)
        take_turn(loop);
    site->calls.request = NULL;
    site->calls.problem = NULL;
    site->changed = NULL;
    if (loop->files >= 0)
        close(loop->files);
    status = loop->status;
    free(loop);
    return status;
}
