/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner check: what is in a plugin's file, and whether it takes a conf. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/log_line.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/conf_args.h"
#include "cli/try_run.h"

struct check_options {
    struct conf_args confs;
    struct http_args files; /* reads and keeps confs that stand in files */
};

static const struct option long_options[] = {
    {"conf", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char help_text[] =
    "usage: c-runner check FILE.so... [--conf NAME=TEXT|NAME=@FILE]...\n"
    "\n"
    "Loads plugins as the runner does and says what is in them. With --conf the plugin NAME\n"
    "parses a conf, and what is wrong with that is told with its place.\n"
    "\n"
    "      --conf NAME=TEXT|NAME=@FILE    a conf to parse (repeatable)\n"
    "  -h, --help                         print this\n"
    "\n"
    "Exit status: 0 all is well, 1 a file or a conf is not, 2 usage.\n";

/* ---- options ---- */

/* The only option: NAME=TEXT or NAME=@FILE. */
static int take_conf(void *user, int option, const char *value)
{
    struct check_options *options = user;
    const char *equals = strchr(value, '=');
    struct wire_str conf;
    char *name;

    (void)option;
    if (!equals || equals == value)
        return commands_usage("--conf: want NAME=TEXT or NAME=@FILE");
    if (http_args_load_text(&options->files, equals + 1, &conf) < 0)
        return commands_usage("--conf: %s", options->files.error);
    name = arena_copy(&options->files.arena, value, (size_t)(equals - value));
    if (!name || conf_args_plugin(&options->confs, name) < 0)
        return commands_usage("--conf: too many");
    (void)conf_args_conf(&options->confs, conf);
    return EXIT_OK;
}

static int take_options(struct check_options *options, int argc, char **argv)
{
    const struct command_line line = {.help = help_text,
                                      .letters = "h",
                                      .options = long_options,
                                      .take = take_conf,
                                      .user = options};
    int status = command_line_read(&line, argc, argv);

    if (status == EXIT_OK && optind == argc)
        return commands_usage("which plugin? Name its file");
    return status;
}

/* ---- what is in a plugin ---- */

static const char *print_bodies(uint32_t need, const char *comma)
{
    if (need & A6_NEED_REQUEST_BODY) {
        printf("%srequest body", comma);
        comma = ", ";
    }
    if (need & A6_NEED_RESPONSE_BODY) {
        printf("%sresponse body", comma);
        comma = ", ";
    }
    return comma;
}

static void print_needs(const a6_plugin *about)
{
    const char *comma = "";

    printf("  needs    ");
    for (const char *const *var = about->need_vars; var && *var; var++, comma = ", ")
        printf("%s$%s", comma, *var);
    comma = print_bodies(about->flags, comma);
    puts(*comma ? "" : "nothing in advance");
}

/* What a conf needs may be more than what its plugin does. */
static void print_conf_needs(const struct chain_step *step)
{
    const char *comma = "";

    if (step->need_var_count == 0 && step->need == 0)
        return;
    printf("  needs    ");
    for (uint32_t i = 0; i < step->need_var_count; i++, comma = ", ")
        printf("%s$%.*s", comma, (int)step->need_vars[i].len, step->need_vars[i].data);
    (void)print_bodies(step->need, comma);
    putchar('\n');
}

static const char *blocking_text(uint32_t flags)
{
    if (flags & A6_BLOCKING)
        return "blocks: on a thread of its own";
    if (flags & A6_NONBLOCKING)
        return "never blocks";
    return "does not say whether it blocks: set A6_BLOCKING or A6_NONBLOCKING";
}

static const char *phases_text(const a6_plugin *about)
{
    if (about->request_filter && about->response_filter)
        return "request, response";
    if (about->request_filter)
        return "request";
    return about->response_filter ? "response" : "none: it has no filter";
}

static void print_plugin(const struct plugin *plugin)
{
    const a6_plugin *about = &plugin->about;

    printf("%s%s%s\n", about->name, about->version ? " " : "",
           about->version ? about->version : "");
    if (about->summary)
        printf("  %s\n", about->summary);
    printf("  file     %s\n", plugin->file ? plugin->file : "linked in");
    printf("  ABI      %u.%u (this runner: %d.%d)\n", about->abi_major, about->abi_minor,
           A6_ABI_MAJOR, A6_ABI_MINOR);
    printf("  phases   %s\n", phases_text(about));
    print_needs(about);
    printf("  threads  %s\n", blocking_text(about->flags));
    if (about->max_body)
        printf("  bodies   up to %zu bytes\n", about->max_body);
    if (about->deadline_ms)
        printf("  deadline %u ms\n", about->deadline_ms);
    printf("  conf     %s\n", about->parse_conf ? "parsed by the plugin" : "not looked at");
}

/* ---- checking ---- */

/* Lines as the runner would log them, without time and process. */
static void print_line(void *user, int level, const char *line, size_t len)
{
    size_t start = log_line_text(line, len);

    (void)user;
    (void)level;
    fprintf(stderr, "c-runner check: %.*s\n", (int)(len - start), line + start);
}

static int load_files(struct try_run *run, char *const *files)
{
    int status = 0;

    for (; *files; files++) {
        unsigned before = run->registry.count;

        if (loader_file(&run->registry, *files, run->error, sizeof(run->error)) < 0) {
            fprintf(stderr, "c-runner check: %s\n", run->error);
            status = -EINVAL;
        }
        for (unsigned i = before; i < run->registry.count; i++)
            print_plugin(run->registry.plugins[i]);
    }
    return status;
}

static int check_confs(struct try_run *run, struct wire_pairs confs)
{
    char *no_more_files[] = {NULL};
    int status = 0;

    if (confs.count == 0)
        return 0;
    if (try_run_load(run, no_more_files) < 0) { /* parse_conf may count on init */
        fprintf(stderr, "c-runner check: %s\n", run->error);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < confs.count; i++) {
        struct wire_pairs one = {.first = &confs.first[i], .count = 1};
        struct wire_str name = confs.first[i].name;
        struct chain *chain;

        if (try_run_parse(run, one, &chain) == 0) {
            printf("%.*s takes the conf\n", (int)name.len, name.data);
            print_conf_needs(&chain->steps[0]);
            chain_drop(chain);
            continue;
        }
        status = -EINVAL;
        if (!registry_find(&run->registry, name.data, name.len))
            fprintf(stderr, "c-runner check: %s\n", run->error);
    }
    return status;
}

int cmd_check(int argc, char **argv)
{
    const struct log_config log = {.level = LOG_WARN, .fd = 2, .function = print_line};
    struct check_options *options = calloc(1, sizeof(*options));
    struct try_run run;
    int status = EXIT_FAILED;

    if (!options || http_args_init(&options->files) < 0) {
        fputs("c-runner check: out of memory\n", stderr);
        goto out;
    }
    status = take_options(options, argc, argv);
    if (status != EXIT_OK)
        goto out;
    (void)log_open(&log);
    if (try_run_init(&run) < 0 || load_files(&run, argv + optind) < 0)
        status = EXIT_FAILED;
    (void)fflush(stdout);
    if (check_confs(&run, conf_args_pairs(&options->confs)) < 0)
        status = EXIT_FAILED;
    try_run_free(&run);
    log_close();
out:
    if (options)
        http_args_free(&options->files);
    free(options);
    return status;
}
