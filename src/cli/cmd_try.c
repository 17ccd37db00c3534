/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner try: one call through plugins that are loaded here, without gateway or runner. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/log_line.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/conf_args.h"
#include "cli/http_text.h"
#include "cli/json_text.h"
#include "cli/try_run.h"

struct try_options {
    struct conf_args confs;
    struct wire_str lone_conf; /* given without --plugin */
    const char *log_level;
    bool json;
    struct http_args http;
};

enum { OPTION_PLUGIN = 1, OPTION_CONF, OPTION_LOG_LEVEL, OPTION_JSON };

static const struct option long_options[] = {
    {"plugin", required_argument, NULL, OPTION_PLUGIN},
    {"conf", required_argument, NULL, OPTION_CONF},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    HTTP_ARGS_LONG,
    {0},
};

static const char help_text[] =
    "usage: c-runner try FILE.so... [OPTION]...\n"
    "\n"
    "Loads plugins, runs their filters once on a request, or with --response on an\n"
    "upstream's response, and prints what the upstream and the client would see. Needs no\n"
    "gateway and no runner. Lines that the plugins changed are marked: '+' added,\n"
    "'-' deleted, '~' changed. What plugins log goes to stderr.\n"
    "\n"
    "      --plugin NAME                  a plugin to run (repeatable, in order; default:\n"
    "                                     all that the files hold)\n"
    "      --conf TEXT|@FILE              the conf of the plugin before it, or of the only\n"
    "                                     one (repeatable; default: {})\n"
    "      --log-level LEVEL              debug, info, warn, error (default: info)\n"
    "      --json                         print JSON\n"
    "  -h, --help                         print this\n" HTTP_ARGS_HELP "\n"
    "Exit status: 0 done, 1 a plugin cannot be loaded, refused its conf or failed, 2 usage.\n";

static int take_conf(struct try_options *options, const char *text)
{
    if (options->confs.count > 0)
        return conf_args_take_conf(&options->confs, &options->http, text);
    if (http_args_load_text(&options->http, text, &options->lone_conf) < 0)
        return commands_usage("--conf: %s", options->http.error);
    return EXIT_OK;
}

/* Most plugins take an empty object for a conf without wishes. */
static int take_plugin(struct try_options *options, const char *name)
{
    static const struct wire_str no_conf = {.data = "{}", .len = 2};
    int status = conf_args_take_plugin(&options->confs, name);

    if (status == EXIT_OK)
        (void)conf_args_conf(&options->confs, no_conf);
    return status;
}

static int take_option(void *user, int option, const char *value)
{
    struct try_options *options = user;

    switch (option) {
    case OPTION_PLUGIN:
        return take_plugin(options, value);
    case OPTION_CONF:
        return take_conf(options, value);
    case OPTION_LOG_LEVEL:
        options->log_level = value;
        if (log_level_parse(value) < 0)
            return commands_usage("--log-level: want debug, info, warn or error");
        return EXIT_OK;
    case OPTION_JSON:
        options->json = true;
        return EXIT_OK;
    }
    if (http_args_take(&options->http, option, value) < 0)
        return commands_usage("%s", options->http.error);
    return EXIT_OK;
}

static int take_options(struct try_options *options, int argc, char **argv)
{
    const struct command_line line = {.help = help_text,
                                      .letters = "H:h",
                                      .options = long_options,
                                      .take = take_option,
                                      .user = options};
    int status = command_line_read(&line, argc, argv);

    if (status != EXIT_OK)
        return status;
    if (optind == argc)
        return commands_usage("which plugin? Name its file");
    if (options->lone_conf.data && options->confs.count > 0)
        return commands_usage("--conf: name its plugin before it, with --plugin");
    if (http_args_finish(&options->http) < 0)
        return commands_usage("%s", options->http.error);
    return EXIT_OK;
}

/* Without --plugin: every plugin of the files; a conf can only be meant for a single one. */
static int choose_plugins(struct try_options *options, const struct try_run *run)
{
    const struct registry *registry = &run->registry;
    struct wire_str conf = options->lone_conf;

    if (options->confs.count > 0)
        return 0;
    if (conf.data && registry->count > 1)
        return commands_usage(
            "--conf: there are several plugins; say which is meant, with --plugin");
    for (unsigned i = 0; i < registry->count; i++)
        if (take_plugin(options, registry->plugins[i]->about.name) != 0)
            return EXIT_USAGE;
    if (conf.data)
        (void)conf_args_conf(&options->confs, conf);
    return 0;
}

/* The last thing that was logged as an error: the reason, when something has failed. */
static char last_error[LOG_LINE_MAX];

/* Lines as the runner would log them, without time and process. */
static void print_line(void *user, int level, const char *line, size_t len)
{
    size_t start = log_line_text(line, len);

    (void)user;
    fprintf(stderr, "%s: %.*s\n", log_level_name((enum log_level)level), (int)(len - start),
            line + start);
    if (level >= LOG_ERROR)
        snprintf(last_error, sizeof(last_error), "%.*s", (int)(len - start), line + start);
}

static void print_failure(const struct try_options *options, const char *error)
{
    struct json_text json = {.to = stdout};

    if (!options->json) {
        fprintf(stderr, "c-runner try: %s\n", error);
        return;
    }
    json_text_open(&json, NULL, '{');
    json_text_terminated(&json, "error", error);
    if (last_error[0])
        json_text_terminated(&json, "reason", last_error);
    json_text_close(&json, '}');
    putchar('\n');
}

static int run_plugins(struct try_options *options, struct try_run *run, char *const *files)
{
    struct apply_outcome outcome;
    int status = try_run_load(run, files);

    if (status == 0 && choose_plugins(options, run) != 0)
        return EXIT_USAGE;
    log_threshold =
        (enum log_level)log_level_parse(options->log_level ? options->log_level : "info");
    if (status == 0)
        status = try_run_play(run, conf_args_pairs(&options->confs), &options->http, &outcome);
    if (status < 0) {
        print_failure(options, run->error);
        return EXIT_FAILED;
    }
    if (options->json)
        http_text_print_json(stdout, &options->http.request, &outcome);
    else
        http_text_print(stdout, &options->http.request, &outcome, http_text_colour(stdout));
    return EXIT_OK;
}

int cmd_try(int argc, char **argv)
{
    struct log_config log = {.level = LOG_WARN, .fd = 2, .function = print_line};
    struct try_options *options = calloc(1, sizeof(*options));
    struct try_run run;
    int status = EXIT_FAILED;

    if (!options || http_args_init(&options->http) < 0) {
        fputs("c-runner try: out of memory\n", stderr);
        goto out;
    }
    status = take_options(options, argc, argv);
    if (status != EXIT_OK)
        goto out;
    if (options->log_level) /* else the runner's lines about loading are not shown */
        log.level = (enum log_level)log_level_parse(options->log_level);
    (void)log_open(&log);
    if (try_run_init(&run) == 0)
        status = run_plugins(options, &run, argv + optind);
    else
        status = EXIT_FAILED;
    try_run_free(&run);
    log_close();
out:
    if (options)
        http_args_free(&options->http);
    free(options);
    return status;
}
