/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that only a filter in the request phase can use; see probe.c. */
#include <stdlib.h>

#include "probe.h"

static void do_source(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say_str(run, a6_request_source(run->request));
}

static void do_source_text(struct probe_run *run, char *rest)
{
    a6_str text = a6_request_source_text(run->request);

    (void)rest;
    probe_say_str(run, text);
    if (text.data && strlen(text.data) != text.len)
        probe_say(run, " not terminated");
}

static void do_method(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say(run, "%d", (int)a6_request_method(run->request));
}

static void do_path(struct probe_run *run, char *rest)
{
    (void)rest;
    probe_say_str(run, a6_request_path(run->request));
}

static void do_args(struct probe_run *run, char *rest)
{
    size_t i, count = a6_request_arg_count(run->request);
    a6_pair pair;

    (void)rest;
    for (i = 0; a6_request_arg_at(run->request, i, &pair) == 0; i++)
        probe_say_pair(run, pair);
    if (i != count)
        probe_say(run, " but the count is %zu", count);
}

static void do_arg(struct probe_run *run, char *rest)
{
    a6_str value;

    if (a6_request_arg(run->request, rest, &value))
        probe_say_str(run, value);
    else
        probe_say(run, "(none)");
}

static void do_set_path(struct probe_run *run, char *rest)
{
    probe_say_result(run, a6_request_set_path(run->request, probe_argument(&rest, true)));
}

static void do_set_arg(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);

    probe_say_result(run, a6_request_set_arg(run->request, name, probe_argument(&rest, true)));
}

static void do_add_arg(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);

    probe_say_result(run, a6_request_add_arg(run->request, name, probe_argument(&rest, true)));
}

static void do_delete_arg(struct probe_run *run, char *rest)
{
    probe_say_result(run, a6_request_delete_arg(run->request, probe_argument(&rest, true)));
}

static void do_add_response_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);

    probe_say_result(
        run, a6_request_add_response_header(run->request, name, probe_argument(&rest, true)));
}

static void do_answer(struct probe_run *run, char *rest)
{
    probe_say_result(run, a6_answer(run->request, (unsigned)probe_number(&rest)));
}

static void do_answer_header(struct probe_run *run, char *rest)
{
    a6_str name = probe_argument(&rest, false);

    probe_say_result(run, a6_answer_header(run->request, name, probe_argument(&rest, true)));
}

static void do_answer_write(struct probe_run *run, char *rest)
{
    probe_say_result(run, a6_answer_write(run->request, probe_argument(&rest, true)));
}

static void do_fill_answer(struct probe_run *run, char *rest)
{
    size_t size = (size_t)probe_number(&rest);
    char *data = probe_filling(size);

    probe_say_result(run, a6_answer_write(run->request, a6_str_make(data, size)));
    free(data);
}

const struct probe_command probe_request_commands[] = {
    {"source", do_source},
    {"source-text", do_source_text},
    {"method", do_method},
    {"path", do_path},
    {"args", do_args},
    {"arg", do_arg},
    {"set-path", do_set_path},
    {"set-arg", do_set_arg},
    {"add-arg", do_add_arg},
    {"delete-arg", do_delete_arg},
    {"add-response-header", do_add_response_header},
    {"answer", do_answer},
    {"answer-header", do_answer_header},
    {"answer-write", do_answer_write},
    {"fill-answer", do_fill_answer},
    {NULL, NULL},
};
