/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin whose conf is a little script, one command a line, so that a test says in
 * one place what a filter does:
 *
 *     var remote_addr
 *     set-header x-a 1
 *     report
 *
 * Each command leaves a line `command -> outcome` in a report, which `report` sends
 * as the answer or the body and `report-header` as the header x-report. Arguments
 * are separated by blanks; the last one goes to the end of the line; "" is an empty
 * one, and \xNN a byte. Commands that begin with `parse-` run in parse_conf.
 *
 * The same script runs under several names, which differ in what they declare.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <a6/plugin.h>

#include "probe.h"

/* ---- the script ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the next argument from *rest, or all that is left; absent at the end. */
a6_str probe_argument(char **rest, bool last)
{
    char *from = *rest, *to = *rest, *start = *rest;

    if (!from || !*from)
        return a6_str_make(NULL, 0);
    while (*from && (last || *from != ' ')) {
        if (from[0] == '\\' && from[1] == 'x' && hex_digit(from[2]) >= 0 && from[3]) {
            *to++ = (char)(hex_digit(from[2]) * 16 + hex_digit(from[3]));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *rest = *from ? from + 1 : NULL;
    if (to - start == 2 && memcmp(start, "\"\"", 2) == 0)
        return a6_str_make(start, 0);
    return a6_str_make(start, (size_t)(to - start));
}

long probe_number(char **rest)
{
    char text[32];
    a6_str word = probe_argument(rest, false);
    size_t len = word.len < sizeof(text) ? word.len : sizeof(text) - 1;

    memcpy(text, word.data ? word.data : "", len);
    text[len] = '\0';
    return strtol(text, NULL, 0);
}

/* The next line, terminated, in memory to be freed; NULL at the end. */
static char *next_line(const char **at)
{
    const char *end;
    char *line;

    while (**at == '\n')
        (*at)++;
    if (!**at)
        return NULL;
    end = strchrnul(*at, '\n');
    line = strndup(*at, (size_t)(end - *at));
    *at = end;
    return line;
}

/* ---- the report ---- */

static void report_bytes(struct probe_run *run, const char *data, size_t len)
{
    char *text;

    if (run->report_len + len + 1 > run->report_size) {
        run->report_size = (run->report_len + len + 1) * 2;
        text = realloc(run->report, run->report_size);
        if (!text)
            abort();
        run->report = text;
    }
    memcpy(run->report + run->report_len, data, len);
    run->report_len += len;
    run->report[run->report_len] = '\0';
}

void probe_say(struct probe_run *run, const char *format, ...)
{
    char text[512];
    va_list args;
    size_t len;

    va_start(args, format);
    len = a6_format_into(text, sizeof(text), format, args);
    va_end(args);
    report_bytes(run, text, len);
}

/* A string, escaped; long ones as length and checksum. */
void probe_say_str(struct probe_run *run, a6_str str)
{
    uint32_t a = 1, b = 0;
    size_t i;

    if (!str.data) {
        probe_say(run, "(absent)");
        return;
    }
    if (str.len > 2000) {
        for (i = 0; i < str.len; i++) {
            a = (a + (unsigned char)str.data[i]) % 65521;
            b = (b + a) % 65521;
        }
        probe_say(run, "(%zu bytes, adler32 %08x)", str.len, b << 16 | a);
        return;
    }
    for (i = 0; i < str.len; i++) {
        unsigned char c = (unsigned char)str.data[i];

        if (c >= ' ' && c < 0x7f && c != '\\')
            report_bytes(run, &str.data[i], 1);
        else
            probe_say(run, "\\x%02x", c);
    }
}

void probe_say_result(struct probe_run *run, int rc)
{
    if (rc < 0)
        probe_say(run, "%s", strerrorname_np(-rc) ? strerrorname_np(-rc) : "an unknown error");
    else
        probe_say(run, "%d", rc);
}

/* ---- files, by which a test and a script wait for each other ---- */

static void touch(a6_str path, const char *text)
{
    char name[256];
    FILE *file;

    (void)snprintf(name, sizeof(name), "%.*s", (int)path.len, path.data);
    file = fopen(name, "a");
    if (!file)
        abort();
    (void)fputs(text, file);
    (void)fclose(file);
}

static void wait_for(a6_str path)
{
    char name[256];
    struct stat about;

    (void)snprintf(name, sizeof(name), "%.*s", (int)path.len, path.data);
    while (stat(name, &about) < 0)
        (void)usleep(1000);
}

/* Commands that need no call: 1 when it was one. */
int probe_common_command(const char *command, char *rest)
{
    if (strcmp(command, "sleep") == 0)
        (void)usleep((useconds_t)probe_number(&rest) * 1000);
    else if (strcmp(command, "wait") == 0)
        wait_for(probe_argument(&rest, true));
    else if (strcmp(command, "touch") == 0)
        touch(probe_argument(&rest, true), "x\n");
    else if (strcmp(command, "crash") == 0)
        *(volatile int *)(uintptr_t)probe_number(&rest) = 1;
    else if (strcmp(command, "abort") == 0)
        abort();
    else if (strcmp(command, "exit") == 0)
        exit((int)probe_number(&rest));
    else
        return 0;
    return 1;
}

/* ---- running ---- */

static void *finish_later(void *data);

static bool is_report(const char *command)
{
    return strncmp(command, "report", 6) == 0;
}

/* Hands the rest of the script to a thread of its own, which resumes the call. */
static a6_result suspend(struct probe_run *run)
{
    pthread_t thread;

    run->pending = a6_suspend(run->call);
    if (!run->pending) {
        free(run->report);
        free(run->resume_path);
        free(run);
        return A6_ERROR;
    }
    if (pthread_create(&thread, NULL, finish_later, run) != 0 || pthread_detach(thread) != 0)
        abort();
    return A6_PENDING;
}

/* Runs what is left of the script, and frees the run unless it goes on elsewhere. */
static a6_result go_on(struct probe_run *run)
{
    a6_result result = A6_OK;
    bool more = true;
    char *line;

    while (more && (line = next_line(&run->at))) {
        char *command = line, *rest;

        if (strncmp(line, "parse-", 6) != 0 && strncmp(line, "free-", 5) != 0) {
            bool reported = !is_report(line);

            if (reported)
                probe_say(run, "%s -> ", line);
            rest = strchr(line, ' ');
            if (rest)
                *rest++ = '\0';
            more = probe_run_command(run, command, rest, &result);
            if (reported)
                probe_say(run, "\n");
        }
        free(line);
    }
    if (run->elsewhere)
        return suspend(run);
    free(run->resume_path);
    free(run->report);
    free(run);
    return result;
}

static void *finish_later(void *data)
{
    struct probe_run *run = data;
    a6_pending *pending = run->pending;
    char *path = run->resume_path;
    char text[64];
    int rc;

    (void)usleep((useconds_t)run->pause_ms * 1000);
    run->elsewhere = false;
    run->resume_path = NULL;
    rc = a6_resume(pending, go_on(run));
    if (path) {
        (void)snprintf(text, sizeof(text), "%s\n", rc < 0 ? strerrorname_np(-rc) : "0");
        touch(a6_str_from(path), text);
        free(path);
    }
    return NULL;
}

static a6_result start(a6_call *call, a6_request *req, a6_response *res, void *data)
{
    struct probe_run *run = calloc(1, sizeof(*run));

    if (!run)
        return A6_ERROR;
    run->call = call;
    run->request = req;
    run->response = res;
    run->conf = data;
    run->at = run->conf->text;
    return go_on(run);
}

static a6_result on_request(a6_request *req, void *conf)
{
    return start(&req->call, req, NULL, conf);
}

static a6_result on_response(a6_response *res, void *conf)
{
    return start(&res->call, NULL, res, conf);
}

/* ---- setting up ---- */

static int parse_line(a6_env *env, struct probe_conf *conf, char *command, char *rest)
{
    if (strcmp(command, "reject") == 0)
        return a6_env_error(env, "%s", rest ? rest : "no reason");
    if (strcmp(command, "log") == 0)
        a6_env_log(env, A6_LOG_WARN, "%s", rest);
    else if (strcmp(command, "need-var") == 0)
        return a6_env_need_var(env, a6_str_from(rest));
    else if (strcmp(command, "need-body") == 0)
        return a6_env_need(env, A6_NEED_REQUEST_BODY);
    else if (strcmp(command, "need-response-body") == 0)
        return a6_env_need(env, A6_NEED_RESPONSE_BODY);
    else if (strcmp(command, "cell") == 0)
        return a6_env_cell(env, a6_str_from(rest), &conf->cell);
    else if (!probe_common_command(command, rest))
        return a6_env_error(env, "no such command: parse-%s", command);
    return 0;
}

static void free_conf(void *data)
{
    struct probe_conf *conf = data;
    const char *at = conf->text;
    char *line;

    while ((line = next_line(&at))) {
        if (strncmp(line, "free-touch ", 11) == 0)
            touch(a6_str_from(line + 11), "x\n");
        free(line);
    }
    free(conf->text);
    free(conf);
}

static int parse_conf(a6_env *env, a6_str text, void **data)
{
    struct probe_conf *conf = calloc(1, sizeof(*conf));
    const char *at;
    char *line;
    int rc = 0;

    if (!conf)
        return -ENOMEM;
    conf->text = strndup(text.data ? text.data : "", text.len);
    if (!conf->text) {
        free(conf);
        return -ENOMEM;
    }
    at = conf->text;
    while (rc == 0 && (line = next_line(&at))) {
        char *rest = strchr(line, ' ');

        if (strncmp(line, "parse-", 6) == 0) {
            if (rest)
                *rest++ = '\0';
            rc = parse_line(env, conf, line + 6, rest);
        }
        free(line);
    }
    if (rc < 0) {
        free(conf->text);
        free(conf);
        return rc;
    }
    *data = conf;
    return 0;
}

static int init(a6_env *env, void **state)
{
    static char mine[] = "state of probe";

    (void)env;
    *state = mine;
    return 0;
}

/* ---- the names ---- */

#define PROBE(identifier, text, ...)                                                               \
    static const a6_plugin identifier = {A6_PLUGIN_HEADER,                                         \
                                         .name = text,                                             \
                                         .version = "1.2.3",                                       \
                                         .summary = "runs the script in its conf",                 \
                                         .init = init,                                             \
                                         .parse_conf = parse_conf,                                 \
                                         .free_conf = free_conf,                                   \
                                         .request_filter = on_request,                             \
                                         .response_filter = on_response,                           \
                                         __VA_ARGS__};                                             \
    A6_REGISTER(identifier)

static const char *const wanted[] = {"remote_addr", "route_id", NULL};

PROBE(plain, "probe", .flags = 0)
PROBE(second, "probe-two", .flags = 0)
PROBE(blocking, "probe-blocking", .flags = A6_BLOCKING)
PROBE(nonblocking, "probe-nonblocking", .flags = A6_NONBLOCKING)
PROBE(needy, "probe-needy", .need_vars = wanted, .flags = A6_NEED_REQUEST_BODY)
PROBE(needy_response, "probe-needy-response", .flags = A6_NEED_RESPONSE_BODY)
PROBE(small, "probe-small", .max_body = 1000)
PROBE(hasty, "probe-hasty", .deadline_ms = 300)

/* Only one phase each. */
static const a6_plugin request_only = {A6_PLUGIN_HEADER, .name = "probe-request",
                                       .parse_conf = parse_conf, .free_conf = free_conf,
                                       .request_filter = on_request};
A6_REGISTER(request_only)
static const a6_plugin response_only = {A6_PLUGIN_HEADER, .name = "probe-response",
                                        .parse_conf = parse_conf, .free_conf = free_conf,
                                        .response_filter = on_response};
A6_REGISTER(response_only)
