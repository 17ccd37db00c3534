/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_PORT 1980

enum {
    OPTION_CONFIG = 1,
    OPTION_ROUTES,
    OPTION_DATA,
    OPTION_PLUGIN,
    OPTION_PLUGIN_DIR,
    OPTION_PORT,
    OPTION_ADMIN_PORT,
    OPTION_ECHO,
    OPTION_WATCH,
    OPTION_NGINX,
    OPTION_MODULE,
    OPTION_PRINT
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"routes", required_argument, NULL, OPTION_ROUTES},
    {"data", required_argument, NULL, OPTION_DATA},
    {"plugin", required_argument, NULL, OPTION_PLUGIN},
    {"plugin-dir", required_argument, NULL, OPTION_PLUGIN_DIR},
    {"port", required_argument, NULL, OPTION_PORT},
    {"admin-port", required_argument, NULL, OPTION_ADMIN_PORT},
    {"echo", optional_argument, NULL, OPTION_ECHO},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"nginx", required_argument, NULL, OPTION_NGINX},
    {"nginx-module", required_argument, NULL, OPTION_MODULE},
    {"print-apisix", no_argument, NULL, OPTION_PRINT},
    {"help", no_argument, NULL, 'h'},
    {0},
};

void options_help(void)
{
    fputs("usage: c-runner dev [OPTION]...\n"
          "\n"
          "Runs a gateway for the development of plugins on 127.0.0.1:9080: nginx with our\n"
          "module, a runner behind it, and routes in APISIX's own form. Not for production:\n"
          "that is what APISIX is for. Ctrl-C stops all of it.\n"
          "\n"
          "      --config FILE        APISIX's config.yaml; its ext-plugin, apisix.node_listen,\n"
          "                           deployment.admin and nginx_config.envs matter here\n"
          "      --routes FILE        routes from this file (apisix.yaml, ends with #END), read\n"
          "                           again when it changes; without it: from the Admin API\n"
          "      --data DIR           where the Admin API keeps its routes (default:\n"
          "                           .c-runner-dev beside the configuration file, or here)\n"
          "      --plugin FILE.so     a plugin for the runner (repeatable)\n"
          "      --plugin-dir DIR     its other plugins (default: those that it came with)\n"
          "      --watch              a plugin file that changes is live on the next request\n"
          "      --port PORT          where the gateway listens (default: 9080)\n"
          "      --admin-port PORT    where the Admin API listens (default: 9180)\n"
          "      --echo[=PORT]        also run an upstream that answers with what it received,\n"
          "                           on 127.0.0.1:1980\n"
          "      --nginx PROGRAM      (default: nginx)\n"
          "      --nginx-module FILE  ngx_http_ext_plugin_module.so (default: the one that this\n"
          "                           program came with)\n"
          "      --print-apisix       print config.yaml and apisix.yaml for APISIX, and stop\n"
          "  -h, --help               print this\n"
          "\n"
          "Exit status: 0 it was stopped, 1 it cannot run, 2 usage.\n",
          stdout);
}

void options_beside_config(const struct options *options, const char *name, char *path)
{
    const char *slash = options->config ? strrchr(options->config, '/') : NULL;

    snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - options->config) + 1 : 0,
             slash ? options->config : "", name);
}

__attribute__((format(printf, 1, 2))) static int usage(const char *format, ...)
{
    va_list args;

    fputs("c-runner dev: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry 'c-runner dev --help'.\n", stderr);
    return 2;
}

static int take_port(const char *text, long *port)
{
    char *end;

    *port = strtol(text, &end, 10);
    if (end == text || *end || *port < 1 || *port > 65535)
        return usage("a port is a number from 1 to 65535");
    return 0;
}

static int take_option(struct options *options, int option)
{
    switch (option) {
    case OPTION_CONFIG:
        options->config = optarg;
        return 0;
    case OPTION_ROUTES:
        options->routes = optarg;
        return 0;
    case OPTION_DATA:
        options->data = optarg;
        return 0;
    case OPTION_PLUGIN:
        if (options->plugin_count == OPTIONS_PLUGINS_MAX)
            return usage("too many plugins; put them into a folder and name it with --plugin-dir");
        options->plugins[options->plugin_count++] = optarg;
        return 0;
    case OPTION_PLUGIN_DIR:
        options->plugin_dir = optarg;
        return 0;
    case OPTION_PORT:
        return take_port(optarg, &options->port);
    case OPTION_ADMIN_PORT:
        return take_port(optarg, &options->admin_port);
    case OPTION_ECHO:
        options->echo = ECHO_PORT;
        return optarg ? take_port(optarg, &options->echo) : 0;
    case OPTION_WATCH:
        options->watch = true;
        return 0;
    case OPTION_NGINX:
        options->nginx = optarg;
        return 0;
    case OPTION_MODULE:
        options->module = optarg;
        return 0;
    case OPTION_PRINT:
        options->print_apisix = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    }
    fputs("Try 'c-runner dev --help'.\n", stderr); /* getopt said what is wrong */
    return 2;
}

int options_take(struct options *options, int argc, char **argv)
{
    int option, status = 0;

    memset(options, 0, sizeof(*options));
    optind = 0;
    while (status == 0 && !options->help &&
           (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(options, option);
    if (status || options->help)
        return status;
    if (optind < argc)
        return usage("'%s' is no option", argv[optind]);
    if (options->routes && options->data)
        return usage("--routes and --data: the routes come from a file or from the Admin API");
    return 0;
}
