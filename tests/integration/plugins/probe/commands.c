/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the probe's scripts, one small function each; see probe.c. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

void probe_say_pair(struct probe_run *run, a6_pair pair)
{
    probe_say(run, "[");
    probe_say_str(run, pair.name);
    probe_say(run, "=");
    probe_say_str(run, pair.value);
    probe_say(run, "]");
}

/* ---- both phases ---- */

static void do_id(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say(run, "%u", (unsigned)a6_call_id(run->call));
}

static void do_pid(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say(run, "%d", (int)getpid());
}

static void do_state(struct probe_run *run, char *rest)
{
    const char *state = a6_state(run->call);

    (void)rest;
    probe_say(run, "%s", state ? state : "(absent)");
}

static void do_time_left(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say(run, "%lld", (long long)a6_time_left(run->call));
}

static void do_alloc(struct probe_run *run, char *rest)
{
    size_t i, size = (size_t)probe_number(&rest);
    unsigned char *memory = a6_alloc(run->call, size);

    if (!memory) {
        probe_say(run, "NULL");
        return;
    }
    for (i = 0; i < size && memory[i] == 0; i++)
        memory[i] = 0xff;
    probe_say(run, "%s %s", i == size ? "zeroed" : "dirty",
              (uintptr_t)memory % _Alignof(max_align_t) == 0 ? "aligned" : "askew");
}

static void do_format(struct probe_run *run, char *rest)
{
    probe_say_str(run, a6_format(run->call, "<%s|%d>", rest, 42));
}

/* Values are strings that live in the call's memory. */
static void do_set(struct probe_run *run, char *rest)
{
    a6_str key = probe_argument(&rest, false);
    a6_str value = a6_format(run->call, "%s", rest ? rest : "");

    probe_say_result(run, a6_set(run->call, key, (void *)(uintptr_t)value.data));
}

static void do_get(struct probe_run *run, char *rest)
{
    const char *value = a6_get(run->call, probe_argument(&rest, true));

    probe_say(run, "%s", value ? value : "(absent)");
}

static void do_var(struct probe_run *run, char *rest)
{
    a6_str value = {"not touched", 11};
    int rc = a6_var(run->call, probe_argument(&rest, true), &value);

    if (rc < 0)
        probe_say_result(run, rc);
    else
        probe_say_str(run, value);
}

/* What is the thread's own, as errno, and what is on the stack is the same before and
 * after a question to the gateway. */
static void do_same_thread(struct probe_run *run, char *rest)
{
    static _Thread_local int own;
    volatile unsigned char stack[64 * 1024];
    pthread_t self = pthread_self();
    const int *where = &errno;
    a6_str value = {NULL, 0};
    size_t i;

    for (i = 0; i < sizeof(stack); i++)
        stack[i] = (unsigned char)(i * 7);
    own = (int)a6_call_id(run->call);
    (void)a6_var(run->call, probe_argument(&rest, true), &value);
    probe_say(run, "%s", pthread_equal(self, pthread_self()) ? "yes" : "no");
    if (where != &errno || own != (int)a6_call_id(run->call))
        probe_say(run, ", but what is its own changed");
    for (i = 0; i < sizeof(stack); i++) {
        if (stack[i] != (unsigned char)(i * 7)) {
            probe_say(run, ", but the stack changed");
            break;
        }
    }
}

/* Many small questions in a row: `ask-many 100 prefix_`. */
static void do_ask_many(struct probe_run *run, char *rest)
{
    long i, count = probe_number(&rest);
    size_t total = 0;

    for (i = 0; i < count; i++) {
        a6_str value, name = a6_format(run->call, "%s%ld", rest, i);

        if (a6_var(run->call, name, &value) < 0)
            break;
        total += value.len;
    }
    probe_say(run, "%ld, %zu bytes", i, total);
}

static void do_body(struct probe_run *run, char *rest)
{
    a6_str body = {"not touched", 11};
    int rc = a6_request_body(run->call, &body);

    (void)rest;
    if (rc < 0)
        probe_say_result(run, rc);
    else
        probe_say_str(run, body);
}

static void do_log(struct probe_run *run, char *rest)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};
    a6_str word = probe_argument(&rest, false);
    a6_str text = probe_argument(&rest, true);
    int level;

    for (level = A6_LOG_DEBUG; level < A6_LOG_FATAL; level++) {
        if (a6_str_equal(word, a6_str_from(levels[level])))
            break;
    }
    a6_log(run->call, (a6_level)level, "%.*s", (int)text.len, text.data);
}

static void do_cell_add(struct probe_run *run, char *rest)
{
    unsigned slot = (unsigned)probe_number(&rest);

    probe_say(run, "%lld", (long long)a6_cell_add(run->conf->cell, slot, probe_number(&rest)));
}

static void do_cell_take(struct probe_run *run, char *rest)
{
    double rate = (double)probe_number(&rest);

    probe_say(run, "%lld",
              (long long)a6_cell_take(run->conf->cell, rate, (double)probe_number(&rest)));
}

static void do_open(struct probe_run *run, char *rest)
{
    int fd = open(rest, O_RDONLY | O_CLOEXEC);

    probe_say(run, "%s", fd < 0 ? strerrorname_np(errno) : "ok");
    if (fd >= 0)
        close(fd);
}

/* From here on the process finds no room for another thread's stack. */
static void do_no_threads(struct probe_run *run, char *rest)
{
    pthread_attr_t attributes;

    (void)rest;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, (size_t)1 << 50);
    probe_say_result(run, -pthread_setattr_default_np(&attributes));
}

/* The time is asked for rarely, so that a profile shows this function and not the clock. */
static void do_spin(struct probe_run *run, char *rest)
{
    struct timespec now;
    long until;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec * 1000 + now.tv_nsec / 1000000 + probe_number(&rest);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < until) {
        for (volatile int i = 0; i < 10000; i++)
            continue;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    }
    probe_say(run, "done");
}

/* As `wait`, but the processor is never given away. */
static void do_spin_until(struct probe_run *run, char *rest)
{
    struct stat about;

    while (stat(rest, &about) < 0)
        continue;
    probe_say(run, "done");
}

static void do_resume_result(struct probe_run *run, char *rest)
{
    free(run->resume_path);
    run->resume_path = strdup(rest ? rest : "");
}

/* ---- the response phase ---- */

static void do_status(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say(run, "%u", a6_response_status(run->response));
}

static void do_response_body(struct probe_run *run, char *rest)
{
    a6_str body = {"not touched", 11};
    int rc = a6_response_body(run->response, &body);

    (void)rest;
    if (rc < 0)
        probe_say_result(run, rc);
    else
        probe_say_str(run, body);
}

static void do_set_status(struct probe_run *run, char *rest)
{
    probe_say_result(run, a6_response_set_status(run->response, (unsigned)probe_number(&rest)));
}

/* ---- the same words in both phases ---- */

static void do_headers(struct probe_run *run, char *rest)
{
    size_t i, count = run->request ? a6_request_header_count(run->request)
                                   : a6_response_header_count(run->response);
    a6_pair pair;

    (void)rest;
    for (i = 0; (run->request ? a6_request_header_at(run->request, i, &pair)
                              : a6_response_header_at(run->response, i, &pair)) == 0;
         i++)
        probe_say_pair(run, pair);
    if (i != count)
        probe_say(run, " but the count is %zu", count);
}

/* Every value of one name. */
static void do_header_values(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, true);
    a6_pair pair;
    size_t i;

    for (i = 0; (run->request ? a6_request_find_header(run->request, name, &i)
                              : a6_response_find_header(run->response, name, &i)) == 0;
         i++) {
        if (run->request)
            (void)a6_request_header_at(run->request, i, &pair);
        else
            (void)a6_response_header_at(run->response, i, &pair);
        probe_say_pair(run, pair);
    }
}

static void do_header(struct probe_run *run, char *rest)
{
    probe_say_str(run, run->request ? a6_request_header(run->request, rest)
                                    : a6_response_header(run->response, rest));
}

static void do_set_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);
    a6_str value = probe_argument(&rest, true);

    probe_say_result(run, run->request ? a6_request_set_header(run->request, name, value)
                                       : a6_response_set_header(run->response, name, value));
}

static void do_add_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);
    a6_str value = probe_argument(&rest, true);

    probe_say_result(run, run->request ? a6_request_add_header(run->request, name, value)
                                       : a6_response_add_header(run->response, name, value));
}

static void do_delete_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, true);

    probe_say_result(run, run->request ? a6_request_delete_header(run->request, name)
                                       : a6_response_delete_header(run->response, name));
}

static int set_body(struct probe_run *run, a6_str body)
{
    return run->request ? a6_request_set_body(run->request, body)
                        : a6_response_set_body(run->response, body);
}

static void do_set_body(struct probe_run *run, char *rest)
{
    probe_say_result(run, set_body(run, probe_argument(&rest, true)));
}

char *probe_filling(size_t size)
{
    char *data = malloc(size);

    if (!data)
        abort();
    memset(data, 'x', size);
    return data;
}

static void do_fill_body(struct probe_run *run, char *rest)
{
    size_t size = (size_t)probe_number(&rest);
    char *data = probe_filling(size);

    probe_say_result(run, set_body(run, a6_str_make(data, size)));
    free(data);
}

static void do_fill_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);
    size_t size = (size_t)probe_number(&rest);
    char *data = probe_filling(size);

    probe_say_result(
        run, run->request ? a6_request_set_header(run->request, name, a6_str_make(data, size))
                          : a6_response_set_header(run->response, name, a6_str_make(data, size)));
    free(data);
}

static void do_report(struct probe_run *run, char *rest)
{
    a6_str text = a6_str_make(run->report, run->report_len);

    (void)rest;
    if (run->response) {
        (void)a6_response_set_body(run->response, text);
        return;
    }
    (void)a6_answer(run->request, 200);
    (void)a6_answer_write(run->request, text);
}

/* Into an answer that is there already. */
static void do_report_write(struct probe_run *run, char *rest)
{
    (void)rest;
    (void)a6_answer_write(run->request, a6_str_make(run->report, run->report_len));
}

static void do_report_header(struct probe_run *run, char *rest)
{
    a6_str name = A6_STR("x-report");
    a6_str text;
    size_t i;

    (void)rest;
    for (i = 0; i < run->report_len; i++) {
        if (run->report[i] == '\n')
            run->report[i] = ';';
    }
    text = a6_str_make(run->report, run->report_len);
    if (run->request)
        (void)a6_request_set_header(run->request, name, text);
    else
        (void)a6_response_set_header(run->response, name, text);
}

static const struct probe_command commands[] = {
    {"id", do_id},
    {"pid", do_pid},
    {"state", do_state},
    {"time-left", do_time_left},
    {"alloc", do_alloc},
    {"format", do_format},
    {"set", do_set},
    {"get", do_get},
    {"var", do_var},
    {"same-thread", do_same_thread},
    {"ask-many", do_ask_many},
    {"body", do_body},
    {"log", do_log},
    {"cell-add", do_cell_add},
    {"cell-take", do_cell_take},
    {"open", do_open},
    {"no-threads", do_no_threads},
    {"spin", do_spin},
    {"spin-until", do_spin_until},
    {"resume-result", do_resume_result},
    {"headers", do_headers},
    {"header-values", do_header_values},
    {"header", do_header},
    {"set-header", do_set_header},
    {"add-header", do_add_header},
    {"delete-header", do_delete_header},
    {"set-body", do_set_body},
    {"fill-body", do_fill_body},
    {"fill-header", do_fill_header},
    {"report", do_report},
    {"report-header", do_report_header},
    {"report-write", do_report_write},
    {NULL, NULL},
};

static const struct probe_command response_commands[] = {
    {"status", do_status},
    {"response-body", do_response_body},
    {"set-status", do_set_status},
    {NULL, NULL},
};

/* What ends the script: 1 when the command was one of these. */
static int ending(struct probe_run *run, const char *command, char *rest, a6_result *result)
{
    if (strcmp(command, "end") == 0) {
        *result = A6_OK;
    } else if (strcmp(command, "error") == 0) {
        *result = a6_error(run->call, "%s", rest);
    } else if (strcmp(command, "fail") == 0) {
        *result = A6_ERROR;
    } else if (strcmp(command, "return") == 0) {
        *result = (a6_result)probe_number(&rest);
    } else if (strcmp(command, "delay") == 0) {
        *result = a6_delay(run->call, (uint32_t)probe_number(&rest));
    } else if (strcmp(command, "suspend") == 0) {
        run->pause_ms = (uint32_t)probe_number(&rest);
        run->elsewhere = true;
    } else {
        return 0;
    }
    return 1;
}

static bool find(struct probe_run *run, const struct probe_command *table, const char *name,
                 char *rest)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0) {
            table->run(run, rest);
            return true;
        }
    }
    return false;
}

bool probe_run_command(struct probe_run *run, const char *command, char *rest, a6_result *result)
{
    if (ending(run, command, rest, result))
        return false;
    if (probe_common_command(command, rest)) {
        probe_say(run, "done");
        return true;
    }
    if (find(run, commands, command, rest) ||
        find(run, run->request ? probe_request_commands : response_commands, command, rest))
        return true;
    *result = a6_error(run->call, "no such command: %s", command);
    return false;
}
