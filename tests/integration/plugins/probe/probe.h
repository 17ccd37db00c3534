/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the probe plugin share; see probe.c. */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

#include <a6/plugin.h>

struct probe_conf {
    char *text;
    a6_cell *cell;
};

/* A script that runs. */
struct probe_run {
    a6_call *call;
    a6_request *request;   /* NULL in the response phase */
    a6_response *response; /* NULL in the request phase */
    struct probe_conf *conf;
    const char *at; /* the next line */

    char *report;
    size_t report_len;
    size_t report_size;

    bool elsewhere; /* a thread of its own is to go on with it */
    a6_pending *pending;
    uint32_t pause_ms;
    char *resume_path; /* NULL, or the file that gets what a6_resume gave */
};

a6_str probe_argument(char **rest, bool last);
long probe_number(char **rest);

void probe_say(struct probe_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void probe_say_str(struct probe_run *run, a6_str str);
void probe_say_result(struct probe_run *run, int rc);

void probe_say_pair(struct probe_run *run, a6_pair pair);

/* So many bytes, to be freed. */
char *probe_filling(size_t size);

/* A command of a script; tables of them end with NULL. */
struct probe_command {
    const char *name;
    void (*run)(struct probe_run *run, char *rest);
};

extern const struct probe_command probe_request_commands[];

int probe_common_command(const char *command, char *rest);

/* Runs one command; false: the script is over, with the result. */
bool probe_run_command(struct probe_run *run, const char *command, char *rest, a6_result *result);

#endif
