/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench_options.h"
#include "cli/command_line.h"
#include "cli/commands.h"

enum {
    OPTION_SOCKET = 1,
    OPTION_RATE,
    OPTION_MODE,
    OPTION_PLUGIN,
    OPTION_CONF,
    OPTION_ALSO,
    OPTION_KEY,
    OPTION_BODY_SIZE,
    OPTION_EXPECT,
    OPTION_IDLE,
    OPTION_THREADS,
    OPTION_WARMUP,
    OPTION_CALLS,
    OPTION_ROUNDS,
    OPTION_PID,
    OPTION_JSON,
};

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"connections", required_argument, NULL, 'c'},
    {"duration", required_argument, NULL, 'd'},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"plugin", required_argument, NULL, OPTION_PLUGIN},
    {"conf", required_argument, NULL, OPTION_CONF},
    {"also", required_argument, NULL, OPTION_ALSO},
    {"key", required_argument, NULL, OPTION_KEY},
    {"body-size", required_argument, NULL, OPTION_BODY_SIZE},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"calls", required_argument, NULL, OPTION_CALLS},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"pid", required_argument, NULL, OPTION_PID},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    HTTP_ARGS_LONG,
    {0},
};

static const char help_text[] =
    "usage: c-runner bench [OPTION]...\n"
    "\n"
    "Puts load on a running runner, verifies every reply, and prints calls per second,\n"
    "CPU time per call and latencies. Several sockets are measured in turns.\n"
    "\n"
    "      --socket unix:/path            a runner's socket (repeatable; default: what\n"
    "                                     APISIX_LISTEN_ADDRESS says)\n"
    "      --pid PID                      the runner's process, for its CPU time with that of\n"
    "                                     all its descendants (one for each --socket, in\n"
    "                                     order; default: who listens on the socket)\n"
    "  -c, --connections N                connections, one call at a time on each (default: 32)\n"
    "  -d, --duration SECONDS             time measured in each round (default: 2)\n"
    "      --rounds N                     rounds (default: 1; several sockets: 5)\n"
    "      --warmup SECONDS               time before each, not measured (default: 0.5)\n"
    "      --rate N                       calls per second that are due, whether or not the\n"
    "                                     runner keeps up; a call's latency counts from when it\n"
    "                                     was due (default: each connection calls again at once)\n"
    "      --calls N                      end a round after N calls, and have no warm-up\n"
    "      --mode req|resp|conf           HTTPReqCall, HTTPRespCall, or PrepareConf with a new\n"
    "                                     key each time (default: req)\n"
    "      --plugin NAME                  a plugin of the route (repeatable, in order)\n"
    "      --conf TEXT|@FILE              the conf of the plugin before it (repeatable)\n"
    "      --also PERCENT:NAME[=CONF]     so many of the calls use another conf, of this plugin;\n"
    "                                     their latencies are told apart\n"
    "      --key KEY                      the conf's key (conf mode: what all keys begin with)\n"
    "      --expect any|none|stop|rewrite|echo\n"
    "                                     what every reply must be; echo: a Rewrite whose body\n"
    "                                     is the request's (default: any)\n"
    "      --body-size BYTES              a body of so many bytes\n"
    "      --idle N                       further connections that stay silent (default: 0)\n"
    "      --threads N                    threads that make the load (default: 1)\n"
    "      --json                         print JSON\n"
    "  -h, --help                         print this\n" HTTP_ARGS_HELP "\n"
    "Without --request and -H the calls are as on a busy site, of about 1,000 bytes.\n"
    "\n"
    "Exit status: 0 done, 1 it could not be measured, 2 usage, 3 there were errors.\n";

int bench_options_init(struct bench_options *options)
{
    *options = (struct bench_options){0};
    options->setup.plan =
        (struct bench_plan){.connections = 32, .threads = 1, .seconds = 2, .warmup = 0.5};
    return http_args_init(&options->http);
}

void bench_options_free(struct bench_options *options)
{
    http_args_free(&options->http);
    free(options->filler);
}

static int take_calls(struct bench_options *options, const char *text)
{
    double number = 0;
    int status = command_line_number("--calls", text, 1, 1e15, &number);

    options->setup.plan.calls = (uint64_t)number;
    return status;
}

/* One of the words, by its place; "a|b|c", as the help has them. */
static int take_word(const char *option, const char *text, const char *words, unsigned *value)
{
    size_t len = strlen(text);
    const char *at = words;

    for (unsigned i = 0; at; i++) {
        size_t word = strcspn(at, "|");

        if (word == len && memcmp(at, text, len) == 0) {
            *value = i;
            return EXIT_OK;
        }
        at = at[word] ? at + word + 1 : NULL;
    }
    return commands_usage("%s: \"%.40s\" is none of %s", option, text, words);
}

static int take_mode(struct bench_options *options, const char *text)
{
    unsigned mode = 0;
    int status = take_word("--mode", text, "req|resp|conf", &mode);

    options->setup.plan.mode = (enum bench_mode)mode;
    return status;
}

static int take_expect(struct bench_options *options, const char *text)
{
    unsigned expect = 0;
    int status = take_word("--expect", text, "any|none|stop|rewrite|echo", &expect);

    options->setup.plan.expect = (enum bench_expect)expect;
    return status;
}

/* "1:name={...}" */
static int take_also(struct bench_options *options, const char *text)
{
    const char *colon = strchr(text, ':');
    struct wire_str conf;
    char *end, *name, *equals;
    double percent = strtod(text, &end);

    if (!colon || end != colon || !(percent > 0 && percent < 100) || colon[1] == '\0' ||
        options->also.count)
        return commands_usage("--also \"%.100s\": want PERCENT:NAME=CONF, once", text);
    name = arena_copy(&options->http.arena, colon + 1, strlen(colon + 1));
    if (!name)
        return commands_usage("--also: out of memory");
    equals = strchr(name, '=');
    if (equals)
        *equals++ = '\0';
    conf_args_plugin(&options->also, name);
    if (equals && http_args_load_text(&options->http, equals, &conf) < 0)
        return commands_usage("--also: %s", options->http.error);
    if (equals)
        conf_args_conf(&options->also, conf);
    options->setup.plan.also_share = percent / 100;
    options->setup.also_confs = &options->also;
    return EXIT_OK;
}

static int take_body_size(struct bench_options *options, const char *text)
{
    unsigned size = 0;
    int status = command_line_count("--body-size", text, 0, FRAME_PAYLOAD_MAX - 64, &size);

    if (status)
        return status;
    free(options->filler);
    options->filler = malloc(size + 1u);
    if (!options->filler)
        return commands_usage("--body-size: out of memory");
    for (unsigned i = 0; i < size; i++)
        options->filler[i] = (char)('a' + i % 26);
    options->http.request.body = (struct wire_str){.data = options->filler, .len = size};
    return 0;
}

static int take_runner(struct bench_options *options, int option, const char *text)
{
    unsigned *count = option == OPTION_SOCKET ? &options->socket_count : &options->pid_count;
    double pid = 0;

    if (*count == BENCH_RUNNERS_MAX)
        return commands_usage("more than %d runners", BENCH_RUNNERS_MAX);
    if (option == OPTION_SOCKET) {
        options->sockets[(*count)++] = text;
        return 0;
    }
    if (command_line_number("--pid", text, 1, 1e9, &pid))
        return EXIT_USAGE;
    options->pids[(*count)++] = (pid_t)pid;
    return 0;
}

static int take_http(struct bench_options *options, int option, const char *value)
{
    options->own_request = options->own_request || option == HTTP_ARGS_REQUEST;
    options->own_headers = options->own_headers || option == HTTP_ARGS_HEADER;
    if (http_args_take(&options->http, option, value) < 0)
        return commands_usage("%s", options->http.error);
    return EXIT_OK;
}

static int take_plan(struct bench_options *options, int option, const char *value)
{
    struct bench_plan *plan = &options->setup.plan;

    switch (option) {
    case 'c':
        return command_line_count("-c", value, 1, 100000, &plan->connections);
    case 'd':
        return command_line_number("-d", value, 0.01, 86400, &plan->seconds);
    case OPTION_RATE:
        return command_line_number("--rate", value, 0.1, 1e8, &plan->rate);
    case OPTION_IDLE:
        return command_line_count("--idle", value, 0, 1000000, &plan->idle);
    case OPTION_THREADS:
        return command_line_count("--threads", value, 1, 256, &plan->threads);
    case OPTION_WARMUP:
        return command_line_number("--warmup", value, 0, 3600, &plan->warmup);
    case OPTION_CALLS:
        return take_calls(options, value);
    case OPTION_MODE:
        return take_mode(options, value);
    case OPTION_EXPECT:
        return take_expect(options, value);
    }
    return take_http(options, option, value);
}

static int take_option(void *user, int option, const char *value)
{
    struct bench_options *options = user;

    switch (option) {
    case OPTION_SOCKET:
    case OPTION_PID:
        return take_runner(options, option, value);
    case OPTION_PLUGIN:
        return conf_args_take_plugin(&options->confs, value);
    case OPTION_CONF:
        return conf_args_take_conf(&options->confs, &options->http, value);
    case OPTION_ALSO:
        return take_also(options, value);
    case OPTION_KEY:
        options->setup.key = value;
        return 0;
    case OPTION_BODY_SIZE:
        return take_body_size(options, value);
    case OPTION_ROUNDS:
        return command_line_count("--rounds", value, 1, 10000, &options->rounds);
    case OPTION_JSON:
        options->json = true;
        return EXIT_OK;
    }
    return take_plan(options, option, value);
}

/* What follows from the options together. */
static int finish(struct bench_options *options)
{
    struct bench_setup *setup = &options->setup;
    char *listen_address = getenv("APISIX_LISTEN_ADDRESS");

    if (!options->socket_count && listen_address)
        options->sockets[options->socket_count++] = listen_address;
    if (!options->socket_count)
        return commands_usage("which runner? Name its socket with --socket unix:/path, or in "
                              "APISIX_LISTEN_ADDRESS");
    if (options->pid_count && options->pid_count != options->socket_count)
        return commands_usage("--pid: want one for each --socket");
    if (!options->rounds)
        options->rounds = options->socket_count > 1 ? 5 : 1;
    if (setup->plan.threads > setup->plan.connections)
        setup->plan.threads = setup->plan.connections;
    if (setup->plan.calls && setup->plan.seconds <= 2)
        setup->plan.seconds = 86400;
    if (bench_frame_defaults(&options->http, options->own_request, options->own_headers) < 0 ||
        http_args_finish(&options->http) < 0)
        return commands_usage("%s", options->http.error);
    if (setup->plan.expect == BENCH_EXPECT_ECHO && !options->http.request.body.len)
        return commands_usage("--expect echo: give a body, with --body or --body-size");
    setup->http = &options->http;
    setup->confs = &options->confs;
    setup->plan.answers = &options->http.answers;
    setup->plan.body = options->http.request.body;
    return 0;
}

int bench_options_take(struct bench_options *options, int argc, char **argv)
{
    const struct command_line line = {.help = help_text,
                                      .letters = "c:d:H:h",
                                      .options = long_options,
                                      .take = take_option,
                                      .user = options};
    int status = command_line_read(&line, argc, argv);

    if (status != EXIT_OK)
        return status;
    if (optind < argc)
        return commands_usage("'%.40s' is no option", argv[optind]);
    return finish(options);
}
