/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner call: one call through a running runner's socket, as the gateway makes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/conf_args.h"
#include "cli/http_text.h"
#include "cli/json_text.h"
#include "client/client.h"
#include "client/http_args.h"

struct call_options {
    const char *socket;
    const char *key;
    int timeout_ms;
    bool json;
    struct conf_args confs;
    struct http_args http;
};

enum { OPTION_SOCKET = 1, OPTION_PLUGIN, OPTION_CONF, OPTION_KEY, OPTION_TIMEOUT, OPTION_JSON };

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"plugin", required_argument, NULL, OPTION_PLUGIN},
    {"conf", required_argument, NULL, OPTION_CONF},
    {"key", required_argument, NULL, OPTION_KEY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    HTTP_ARGS_LONG,
    {0},
};

static const char help_text[] =
    "usage: c-runner call [OPTION]...\n"
    "\n"
    "Makes one call to a running runner, as the gateway would, and prints what the\n"
    "upstream and the client would see. Lines that the runner changed are marked:\n"
    "'+' added, '-' deleted, '~' changed.\n"
    "\n"
    "      --socket unix:/path            the runner's socket (default: what\n"
    "                                     APISIX_LISTEN_ADDRESS says)\n"
    "      --plugin NAME                  a plugin of the route (repeatable, in order)\n"
    "      --conf TEXT|@FILE              the conf of the plugin before it (repeatable)\n"
    "      --key KEY                      the conf's key (default: one made of the process id)\n"
    "      --timeout SECONDS              how long to wait for the reply (default: 60)\n"
    "      --json                         print JSON\n"
    "  -h, --help                         print this\n" HTTP_ARGS_HELP "\n"
    "Exit status: 0 done, 1 the runner answered with an error or not at all, 2 usage.\n";

/* EXIT_OK, EXIT_USAGE. */
static int take_timeout(struct call_options *options, const char *text)
{
    double seconds = 0;
    int status = command_line_number("--timeout", text, 0.001, 86400, &seconds);

    options->timeout_ms = (int)(seconds * 1000);
    return status;
}

static int take_option(void *user, int option, const char *value)
{
    struct call_options *options = user;

    switch (option) {
    case OPTION_SOCKET:
        options->socket = value;
        return EXIT_OK;
    case OPTION_PLUGIN:
        return conf_args_take_plugin(&options->confs, value);
    case OPTION_CONF:
        return conf_args_take_conf(&options->confs, &options->http, value);
    case OPTION_KEY:
        options->key = value;
        return EXIT_OK;
    case OPTION_TIMEOUT:
        return take_timeout(options, value);
    case OPTION_JSON:
        options->json = true;
        return EXIT_OK;
    }
    if (http_args_take(&options->http, option, value) < 0)
        return commands_usage("%s", options->http.error);
    return EXIT_OK;
}

static int take_options(struct call_options *options, int argc, char **argv)
{
    const struct command_line line = {.help = help_text,
                                      .letters = "H:h",
                                      .options = long_options,
                                      .take = take_option,
                                      .user = options};
    int status = command_line_read(&line, argc, argv);

    if (status != EXIT_OK)
        return status;
    if (optind < argc)
        return commands_usage("'%.40s' is no option", argv[optind]);
    if (!options->socket)
        options->socket = getenv("APISIX_LISTEN_ADDRESS");
    if (!options->socket)
        return commands_usage("which runner? Name its socket with --socket unix:/path, or in "
                              "APISIX_LISTEN_ADDRESS");
    if (http_args_finish(&options->http) < 0)
        return commands_usage("%s", options->http.error);
    return EXIT_OK;
}

/* The call itself. 0, CLIENT_ERROR_FRAME, -errno with client->error. */
static int call(struct call_options *options, struct client *client, struct apply_outcome *outcome)
{
    struct http_args *http = &options->http;
    struct wire_str key = {.data = options->key, .len = (uint32_t)strlen(options->key)};
    struct message_http_req_reply_view req_reply;
    struct message_http_resp_reply_view resp_reply;
    uint32_t token, id = (uint32_t)getpid();
    int status = client_prepare_conf(client, key, conf_args_pairs(&options->confs), &token);

    if (status != 0)
        return status;
    if (http->has_response) {
        struct message_http_resp_call_write message = {.id = id,
                                                       .conf_token = token,
                                                       .status = http->response.status,
                                                       .headers = http->response.headers};

        status = client_http_resp_call(client, &message, &resp_reply);
        if (status == 0)
            status = apply_resp_reply(&http->arena, &http->response, &resp_reply, outcome);
    } else {
        struct message_http_req_call_write message = {.id = id,
                                                      .conf_token = token,
                                                      .method = http->request.method,
                                                      .source = http->source,
                                                      .path = http->request.path,
                                                      .args = http->request.args,
                                                      .headers = http->request.headers};

        status = client_http_req_call(client, &message, &req_reply);
        if (status == 0)
            status = apply_req_reply(&http->arena, &http->request, &req_reply, outcome);
    }
    if (status < 0 && !*client->error)
        snprintf(client->error, sizeof(client->error), "the reply cannot be applied: %s",
                 strerror(-status));
    return status;
}

static void print_failure(const struct call_options *options, const struct client *client,
                          int status)
{
    struct json_text json = {.to = stdout};

    if (!options->json) {
        fprintf(stderr, "c-runner call: %s\n", client->error);
        return;
    }
    json_text_open(&json, NULL, '{');
    json_text_terminated(&json, "error", client->error);
    if (status == CLIENT_ERROR_FRAME) {
        json_text_integer(&json, "code", client->error_code);
        json_text_terminated(&json, "code_name", client_error_name(client->error_code));
    }
    json_text_close(&json, '}');
    putchar('\n');
}

static int run(struct call_options *options)
{
    struct apply_outcome outcome;
    struct client client;
    char key[64];
    int status;

    snprintf(key, sizeof(key), "c-runner-call#%d", (int)getpid());
    if (!options->key)
        options->key = key;
    status = client_connect(&client, options->socket, options->timeout_ms, &options->http.answers);
    if (status == 0)
        status = call(options, &client, &outcome);
    if (status != 0)
        print_failure(options, &client, status);
    else if (options->json)
        http_text_print_json(stdout, &options->http.request, &outcome);
    else
        http_text_print(stdout, &options->http.request, &outcome, http_text_colour(stdout));
    client_close(&client);
    return status == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_call(int argc, char **argv)
{
    struct call_options *options = calloc(1, sizeof(*options));
    int status = EXIT_FAILED;

    if (!options || http_args_init(&options->http) < 0) {
        fputs("c-runner call: out of memory\n", stderr);
        goto out;
    }
    options->timeout_ms = 60000;
    status = take_options(options, argc, argv);
    if (status == EXIT_OK)
        status = run(options);
out:
    if (options)
        http_args_free(&options->http);
    free(options);
    return status;
}
