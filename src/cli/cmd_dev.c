/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner dev: a gateway on this machine, for the development of plugins. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/dev_echo.h"
#include "cli/dev_folder.h"
#include "cli/dev_http.h"
#include "cli/dev_lines.h"
#include "cli/dev_log.h"
#include "cli/dev_loop.h"
#include "cli/dev_options.h"
#include "cli/dev_print.h"
#include "cli/places.h"

/* A runner that loads its plugins takes so long at most. */
#define RUNNER_START_MS 10000
#define ARGUMENTS_MAX (2 * DEV_PLUGINS_MAX + 16)

struct dev {
    struct dev_options options;
    struct dev_site site;
    struct dev_http *http;
    struct dev_echo *echo;
    struct dev_error error;
    int signals;
    bool managed; /* we keep the runner up */
    char folder[PATH_MAX];
    char socket[PATH_MAX + 16];
    char tapped[PATH_MAX + 16];
    char module[PATH_MAX];
    char program[PATH_MAX];
    char data[PATH_MAX];
    char routes[PATH_MAX];
    const char *arguments[ARGUMENTS_MAX];
};

static void warn(const char *text)
{
    dev_log(DEV_WARN, "gateway", "%s", text);
}

/* ---- what to run ---- */

/* `name` in the folder of the configuration file, or here. */
static void beside_config(const struct dev *dev, const char *name, char *path)
{
    const char *slash = dev->options.config ? strrchr(dev->options.config, '/') : NULL;

    snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - dev->options.config) + 1 : 0,
             slash ? dev->options.config : "", name);
}

static int read_configuration(struct dev *dev)
{
    struct dev_config *config = &dev->site.config;
    int result = dev_config_read(config, dev->options.config, warn, &dev->error);

    if (result < 0)
        return result;
    if (dev->options.port) {
        config->ports[0] = dev->options.port;
        config->port_count = 1;
    }
    if (dev->options.admin_port)
        config->admin_port = dev->options.admin_port;
    dev->site.routes_file = dev->options.routes;
    if (config->standalone && !dev->options.routes) {
        beside_config(dev, "apisix.yaml", dev->routes);
        dev->site.routes_file = dev->routes;
    }
    beside_config(dev, ".c-runner-dev", dev->data);
    if (dev->options.data)
        snprintf(dev->data, sizeof(dev->data), "%s", dev->options.data);
    return 0;
}

static int check_port(struct dev *dev, long port, const char *option)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, problem = 0;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        problem = errno;
    if (fd >= 0)
        close(fd);
    if (problem == EADDRINUSE)
        return dev_error(&dev->error,
                         "port %ld is in use by another process; end that, or take another port "
                         "with %s",
                         port, option);
    return problem ? dev_error(&dev->error, "port %ld: %s", port, strerror(problem)) : 0;
}

static int check_ports(struct dev *dev)
{
    const struct dev_config *config = &dev->site.config;
    int result = check_port(dev, config->admin_port, "--admin-port");

    for (size_t i = 0; result == 0 && i < config->port_count; i++) {
        result = check_port(dev, config->ports[i], "--port");
        if (result == 0 && config->ports[i] == config->admin_port)
            result = dev_error(&dev->error, "port %ld is both the gateway's and the Admin API's",
                               config->admin_port);
    }
    return result;
}

static int find_nginx(struct dev *dev)
{
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/local/sbin/nginx", NULL};
    const char *named = dev->options.nginx ? dev->options.nginx : "nginx";
    const char *path = getenv("PATH");
    char candidate[PATH_MAX];

    dev->site.gateway.nginx = named;
    if (strchr(named, '/') && access(named, X_OK) == 0)
        return 0;
    while (path && *path && !strchr(named, '/')) {
        size_t len = strcspn(path, ":");
        snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)len, path, named);
        if (access(candidate, X_OK) == 0)
            return 0;
        path += len + (path[len] == ':');
    }
    for (size_t i = 0; !dev->options.nginx && places[i]; i++) {
        if (access(places[i], X_OK) == 0) {
            dev->site.gateway.nginx = places[i];
            return 0;
        }
    }
    return dev_error(&dev->error,
                     "there is no %s; on Debian: apt-get install nginx, or name the program with "
                     "--nginx",
                     named);
}

static int find_module(struct dev *dev)
{
    if (dev->options.module) {
        if (!realpath(dev->options.module, dev->module))
            return dev_error(&dev->error, "%s: %s", dev->options.module, strerror(errno));
        return 0;
    }
    if (places_nginx_module(dev->module, sizeof(dev->module)) == 0)
        return 0;
    return dev_error(&dev->error, "nginx's module, ngx_http_ext_plugin_module.so, is not there; "
                                  "`make` builds it when the package nginx-dev is installed, or "
                                  "name it with --nginx-module");
}

/* ---- the runner ---- */

/* Our own: this program, with the plugins that were named. */
static int make_arguments(struct dev *dev)
{
    const struct dev_options *options = &dev->options;
    ssize_t len = readlink("/proc/self/exe", dev->program, sizeof(dev->program) - 1);
    size_t count = 0;

    if (len < 0)
        return dev_error(&dev->error, "/proc/self/exe: %s", strerror(errno));
    dev->program[len] = '\0';
    dev->arguments[count++] = dev->program;
    dev->arguments[count++] = "run";
    if (options->plugin_dir) {
        dev->arguments[count++] = "--plugin-dir";
        dev->arguments[count++] = options->plugin_dir;
    }
    for (size_t i = 0; i < options->plugin_count; i++) {
        dev->arguments[count++] = "--plugin";
        dev->arguments[count++] = options->plugins[i];
    }
    if (options->watch)
        dev->arguments[count++] = "--watch";
    return 0;
}

static int choose_runner(struct dev *dev)
{
    const struct dev_config *config = &dev->site.config;
    struct dev_runner *runner = &dev->site.runner;
    bool ours = !config->path_for_test && config->command.count == 0;

    runner->input = runner->output = -1;
    runner->variables = &config->variables;
    runner->arguments = dev->arguments;
    runner->whole_environment = ours;
    runner->socket = config->path_for_test ? config->path_for_test : dev->socket;
    dev->managed = !config->path_for_test;
    if (!ours && (dev->options.plugin_count || dev->options.plugin_dir || dev->options.watch))
        return dev_error(&dev->error,
                         "--plugin, --plugin-dir and --watch are for the runner that "
                         "this command starts; %s has another one",
                         dev->options.config);
    if (ours)
        return make_arguments(dev);
    if (config->command.count + 1 > ARGUMENTS_MAX)
        return dev_error(&dev->error, "ext-plugin: cmd: too many arguments");
    for (size_t i = 0; i < config->command.count; i++)
        dev->arguments[i] = config->command.items[i];
    return 0;
}

/* What it says before it listens is the reason when it does not. */
static void show_output(struct dev *dev)
{
    static struct dev_lines lines;

    if (dev->site.runner.output >= 0)
        (void)dev_lines_read(&lines, dev->site.runner.output, dev_loop_runner_line, &dev->site);
}

static int start_runner(struct dev *dev)
{
    struct dev_runner *runner = &dev->site.runner;
    int result;

    if (!dev->managed) {
        if (!dev_runner_listens(runner->socket))
            dev_log(DEV_WARN, "gateway",
                    "there is no runner at %s yet; start it with: APISIX_LISTEN_ADDRESS=unix:%s "
                    "APISIX_CONF_EXPIRE_TIME=3600 c-runner run",
                    runner->socket, runner->socket);
        return 0;
    }
    result = dev_runner_start(runner);
    if (result < 0)
        return dev_error(&dev->error, "the runner %s: %s", runner->arguments[0], strerror(-result));
    result = dev_runner_wait(runner, RUNNER_START_MS);
    show_output(dev);
    if (result == -ESRCH)
        return dev_error(&dev->error, "the runner has ended at its start; its lines above say why");
    if (result < 0)
        return dev_error(&dev->error,
                         "the runner %s does not listen on %s: it must take the path "
                         "from APISIX_LISTEN_ADDRESS",
                         runner->arguments[0], runner->socket);
    return 0;
}

/* ---- starting ---- */

static int prepare(struct dev *dev)
{
    struct dev_nginx_settings *settings = &dev->site.gateway.settings;
    const struct dev_config *config = &dev->site.config;
    const struct passwd *user = geteuid() == 0 ? getpwuid(0) : NULL;
    int result = dev_folder_make(dev->folder, sizeof(dev->folder), &dev->error);

    if (result < 0)
        return result;
    snprintf(dev->socket, sizeof(dev->socket), "%s/runner.sock", dev->folder);
    snprintf(dev->tapped, sizeof(dev->tapped), "%s/gateway.sock", dev->folder);
    settings->folder = dev->folder;
    settings->module = dev->module;
    settings->runner = dev->tapped;
    settings->user = user ? user->pw_name : NULL;
    settings->admin_port = config->admin_port;
    memcpy(settings->ports, config->ports, sizeof(settings->ports));
    settings->port_count = config->port_count;
    return 0;
}

static int prepare_admin(struct dev *dev)
{
    struct dev_site *site = &dev->site;

    site->plugins = json_array();
    site->admin = (struct dev_admin){.config = &site->config,
                                     .store = &site->store,
                                     .standalone = site->routes_file,
                                     .check = dev_site_check,
                                     .use = dev_site_use,
                                     .user = site};
    if (dev_calls_open(&site->calls) < 0 || !site->plugins)
        return dev_error_memory(&dev->error);
    return site->routes_file ? 0 : dev_store_open(&site->store, dev->data, &dev->error);
}

static int start_gateway(struct dev *dev)
{
    struct dev_site *site = &dev->site;
    struct dev_model *model = NULL;
    int result = 0;

    site->tree = dev_site_first_tree(site, &dev->error);
    if (!site->tree)
        return -EINVAL;
    result = dev_model_read(site->tree, &model, &dev->error);
    if (result == 0)
        result = dev_gateway_start(&site->gateway, model, &dev->error);
    if (result < 0 && site->routes_file)
        dev_error_within(&dev->error, site->routes_file);
    dev_model_free(model);
    site->admin.tree = site->tree;
    return result;
}

static int start(struct dev *dev)
{
    struct dev_site *site = &dev->site;
    int result = read_configuration(dev);

    if (result == 0)
        result = find_nginx(dev);
    if (result == 0)
        result = find_module(dev);
    if (result == 0)
        result = check_ports(dev);
    if (result == 0)
        result = prepare(dev);
    if (result == 0)
        result = prepare_admin(dev);
    if (result == 0)
        result = choose_runner(dev);
    if (result == 0 && dev->options.echo) {
        dev->echo = dev_echo_start(dev->options.echo, &dev->error);
        result = dev->echo ? 0 : -EINVAL;
    }
    if (result == 0)
        result = start_runner(dev);
    if (result == 0) {
        site->tap.path = dev->tapped;
        site->tap.runner = site->runner.socket;
        site->tap.told = dev_calls_told;
        site->tap.user = &site->calls;
        result = dev_tap_start(&site->tap, &dev->error);
    }
    if (result == 0) {
        dev->http = dev_http_start(site, site->config.admin_port, &dev->error);
        result = dev->http ? 0 : -EINVAL;
    }
    return result == 0 ? start_gateway(dev) : result;
}

/* ---- the rest ---- */

static void say_ready(const struct dev *dev)
{
    const struct dev_config *config = &dev->site.config;
    bool example = false;

    for (size_t i = 0; i < config->key_count; i++)
        example = example || strcmp(config->keys[i].key, DEV_EXAMPLE_KEY) == 0;
    if (example)
        dev_log(DEV_WARN, "gateway",
                "the Admin API takes the key of APISIX's documentation, which "
                "everybody knows: set another one where others can reach it");
    if (dev->site.routes_file)
        dev_log(DEV_NOTE, "gateway", "routes: %s, read again when it changes",
                dev->site.routes_file);
    else
        dev_log(DEV_NOTE, "gateway",
                "routes: Admin API at http://127.0.0.1:%ld/apisix/admin, kept in %s",
                config->admin_port, dev->data);
    if (dev->echo)
        dev_log(DEV_NOTE, "gateway", "an upstream that echoes: http://127.0.0.1:%ld",
                dev->options.echo);
    dev_log(DEV_NOTE, "gateway", "for development only; the page: http://127.0.0.1:%ld/_dev/",
            config->ports[0]);
    dev_log(DEV_GOOD, "gateway", "ready: http://127.0.0.1:%ld", config->ports[0]);
}

static void stop(struct dev *dev)
{
    struct dev_site *site = &dev->site;

    dev_gateway_stop(&site->gateway);
    dev_tap_stop(&site->tap);
    if (dev->managed)
        dev_runner_stop(&site->runner);
    dev_http_stop(dev->http);
    dev_echo_stop(dev->echo);
    if (*dev->folder)
        dev_folder_remove(dev->folder);
    dev_store_close(&site->store);
    json_decref(site->tree);
    json_decref(site->checked);
    json_decref(site->plugins);
    if (site->calls.pending)
        dev_calls_close(&site->calls);
    dev_config_free(&site->config);
}

static int run(struct dev *dev)
{
    int status = 1;

    dev_log_open();
    dev->signals = dev_loop_signals();
    if (dev->signals < 0) {
        dev_log_fatal("signalfd: %s", strerror(errno));
        return 1;
    }
    if (start(dev) < 0) {
        dev_log_fatal("%s", dev->error.text);
    } else {
        say_ready(dev);
        status = dev_loop_run(&dev->site, dev->http, dev->signals, dev->managed);
        dev_log(DEV_NOTE, "gateway", "stopping");
    }
    stop(dev);
    close(dev->signals);
    return status;
}

int cmd_dev(int argc, char **argv)
{
    struct dev *dev = calloc(1, sizeof(*dev));
    int status;

    if (!dev) {
        dev_log_fatal("out of memory");
        return 1;
    }
    status = dev_options_take(&dev->options, argc, argv);
    if (dev->options.help)
        dev_options_help();
    else if (status == 0 && dev->options.print_apisix)
        status = dev_print_apisix(&dev->options);
    else if (status == 0)
        status = run(dev);
    free(dev);
    return status;
}
