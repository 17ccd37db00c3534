/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner dev: a gateway on this machine, for the development of plugins. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/places.h"
#include "dev/console.h"
#include "dev/echo.h"
#include "dev/folder.h"
#include "dev/http.h"
#include "dev/lines.h"
#include "dev/loop.h"
#include "dev/options.h"
#include "dev/prerequisites.h"
#include "dev/print_apisix.h"
#include "dev/runner_log.h"

/* A runner that loads its plugins takes so long at most. */
#define RUNNER_START_MS 10000
#define ARGUMENTS_MAX (2 * OPTIONS_PLUGINS_MAX + 16)

struct dev {
    struct options options;
    struct site site;
    struct http *http;
    struct echo *echo;
    struct error error;
    int signals;
    int lock;     /* on the folder, while it has a name */
    bool managed; /* we keep the runner up */
    char folder[PATH_MAX];
    char socket[PATH_MAX + 16];
    char tapped[PATH_MAX + 16];
    char module[PATH_MAX];
    char program[PATH_MAX];
    char data[PATH_MAX];
    char routes[PATH_MAX];
    const char *arguments[ARGUMENTS_MAX];
    char last_line[400]; /* that the runner wrote */
};

static void warn(const char *text)
{
    console_line(CONSOLE_WARN, "gateway", "%s", text);
}

/* ---- what to run ---- */

static int read_configuration(struct dev *dev)
{
    struct apisix_config *config = &dev->site.config;
    int result = apisix_config_read(config, dev->options.config, warn, &dev->error);

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
        options_beside_config(&dev->options, "apisix.yaml", dev->routes);
        dev->site.routes_file = dev->routes;
    }
    options_beside_config(&dev->options, OPTIONS_DATA, dev->data);
    if (dev->options.data)
        snprintf(dev->data, sizeof(dev->data), "%s", dev->options.data);
    return 0;
}

static int check_ports(struct dev *dev)
{
    const struct apisix_config *config = &dev->site.config;
    int result = prerequisites_port(config->admin_port, "--admin-port", &dev->error);

    for (size_t i = 0; result == 0 && i < config->port_count; i++) {
        result = prerequisites_port(config->ports[i], "--port", &dev->error);
        if (result == 0 && config->ports[i] == config->admin_port)
            result = error_set(&dev->error, "port %ld is both the gateway's and the Admin API's",
                               config->admin_port);
    }
    return result;
}

/* ---- the runner ---- */

/* Our own: c-runner, with the plugins that were named. */
static int make_arguments(struct dev *dev)
{
    const struct options *options = &dev->options;
    size_t count = 0;

    if (places_runner(dev->program, sizeof(dev->program)) < 0)
        return error_set(&dev->error,
                         "there is no c-runner, neither beside this program nor as %s; `make` "
                         "builds it",
                         dev->program);
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
    const struct apisix_config *config = &dev->site.config;
    struct runner *runner = &dev->site.runner;
    bool ours = !config->path_for_test && config->command.count == 0;

    runner->input = runner->output = -1;
    runner->variables = &config->variables;
    runner->arguments = dev->arguments;
    runner->whole_environment = ours;
    runner->socket = config->path_for_test ? config->path_for_test : dev->socket;
    dev->managed = !config->path_for_test;
    if (!ours && (dev->options.plugin_count || dev->options.plugin_dir || dev->options.watch))
        return error_set(&dev->error,
                         "--plugin, --plugin-dir and --watch are for the runner that "
                         "this command starts; %s has another one",
                         dev->options.config);
    if (ours)
        return make_arguments(dev);
    if (config->command.count + 1 > ARGUMENTS_MAX)
        return error_set(&dev->error, "ext-plugin: cmd: too many arguments");
    for (size_t i = 0; i < config->command.count; i++)
        dev->arguments[i] = config->command.items[i];
    return 0;
}

static void take_start_line(void *user, const char *line)
{
    struct dev *dev = user;

    snprintf(dev->last_line, sizeof(dev->last_line), "%s", runner_log_text(line));
    runner_log_line(&dev->site, line);
}

/* What it says last before it listens is the reason when it does not. */
static void show_output(struct dev *dev)
{
    static struct lines lines;

    if (dev->site.runner.output >= 0)
        (void)lines_read(&lines, dev->site.runner.output, take_start_line, dev);
}

static int start_runner(struct dev *dev)
{
    struct runner *runner = &dev->site.runner;
    int result;

    if (!dev->managed) {
        if (!runner_listens(runner->socket))
            console_line(
                CONSOLE_WARN, "gateway",
                "there is no runner at %s yet; start it with: APISIX_LISTEN_ADDRESS=unix:%s "
                "APISIX_CONF_EXPIRE_TIME=3600 c-runner run",
                runner->socket, runner->socket);
        return 0;
    }
    result = runner_start(runner);
    if (result < 0)
        return error_set(&dev->error, "the runner %s: %s", runner->arguments[0], strerror(-result));
    result = runner_wait(runner, RUNNER_START_MS);
    show_output(dev);
    if (result == -ESRCH)
        return error_set(&dev->error, "the runner has ended at its start: %s",
                         *dev->last_line ? dev->last_line : "it does not say why");
    if (result < 0)
        return error_set(&dev->error,
                         "the runner %s does not listen on %s: it must take the path "
                         "from APISIX_LISTEN_ADDRESS",
                         runner->arguments[0], runner->socket);
    return 0;
}

/* ---- starting ---- */

static int prepare(struct dev *dev)
{
    struct nginx_conf_settings *settings = &dev->site.gateway.settings;
    const struct apisix_config *config = &dev->site.config;
    const struct passwd *user = geteuid() == 0 ? getpwuid(0) : NULL;
    unsigned dead;

    dev->lock = folder_make(dev->folder, sizeof(dev->folder), &dev->error);
    if (dev->lock < 0)
        return dev->lock;
    dead = folder_remove_dead(dev->folder);
    if (dead)
        console_line(CONSOLE_NOTE, "gateway", "removed what %u killed gateway%s had left beside %s",
                     dead, dead == 1 ? "" : "s", dev->folder);
    /* The root of nginx's server, in which `try_files` is to find nothing. */
    snprintf(dev->socket, sizeof(dev->socket), "%s/nothing", dev->folder);
    if (mkdir(dev->socket, 0700) < 0)
        return error_set(&dev->error, "%s: %s", dev->socket, strerror(errno));
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
    struct site *site = &dev->site;

    site->plugins = json_array();
    site->admin = (struct admin){.config = &site->config,
                                 .store = &site->store,
                                 .standalone = site->routes_file,
                                 .check = site_check,
                                 .use = site_use,
                                 .user = site};
    if (calls_open(&site->calls) < 0 || !site->plugins)
        return error_memory(&dev->error);
    return site->routes_file ? 0 : admin_store_open(&site->store, dev->data, &dev->error);
}

/* Before anything is started, so that what is wrong with them stands alone. */
static int check_routes(struct dev *dev)
{
    struct site *site = &dev->site;
    json_t *tree = site_first_tree(site, &dev->error);
    int result = tree ? site_check(site, tree, &dev->error) : -EINVAL;

    if (result < 0 && tree && site->routes_file)
        error_within(&dev->error, site->routes_file);
    return result;
}

static int start_servers(struct dev *dev)
{
    struct site *site = &dev->site;
    int result;

    site->tap.path = dev->tapped;
    site->tap.runner = site->runner.socket;
    site->tap.told = calls_told;
    site->tap.user = &site->calls;
    result = tap_start(&site->tap, &dev->error);
    if (result < 0)
        return result;
    dev->http = http_start(site, site->config.admin_port, &dev->error);
    if (!dev->http)
        return -EINVAL;
    result = gateway_start(&site->gateway, &dev->error);
    if (result == 0)
        site_take_checked(site);
    return result;
}

static int start(struct dev *dev)
{
    int result = read_configuration(dev);

    if (result == 0)
        result = prerequisites_nginx(dev->options.nginx, &dev->site.gateway.nginx, &dev->error);
    if (result == 0)
        result = prerequisites_module(dev->options.module, dev->module, sizeof(dev->module),
                                      &dev->error);
    if (result == 0)
        result = check_ports(dev);
    if (result == 0)
        result = prepare(dev);
    if (result == 0)
        result = prepare_admin(dev);
    if (result == 0)
        result = choose_runner(dev);
    if (result == 0)
        result = check_routes(dev);
    if (result == 0 && dev->options.echo) {
        dev->echo = echo_start(dev->options.echo, &dev->error);
        result = dev->echo ? 0 : -EINVAL;
    }
    if (result == 0)
        result = start_runner(dev);
    return result == 0 ? start_servers(dev) : result;
}

/* ---- the rest ---- */

static void say_ready(const struct dev *dev)
{
    const struct apisix_config *config = &dev->site.config;
    bool example = false;

    for (size_t i = 0; !config->no_key && i < config->key_count; i++)
        example = example || strcmp(config->keys[i].key, ADMIN_EXAMPLE_KEY) == 0;
    if (example)
        console_line(CONSOLE_WARN, "gateway",
                     "the Admin API takes the key of APISIX's documentation, which "
                     "everybody knows: set another one where others can reach it");
    if (dev->site.routes_file)
        console_line(CONSOLE_NOTE, "gateway", "routes: %s, read again when it changes",
                     dev->site.routes_file);
    else
        console_line(CONSOLE_NOTE, "gateway",
                     "routes: Admin API at http://127.0.0.1:%ld/apisix/admin, kept in %s",
                     config->admin_port, dev->data);
    if (dev->echo)
        console_line(CONSOLE_NOTE, "gateway", "an upstream that echoes: http://127.0.0.1:%ld",
                     dev->options.echo);
    console_line(CONSOLE_NOTE, "gateway",
                 "for development only; the page: http://127.0.0.1:%ld/_dev/", config->ports[0]);
    console_line(CONSOLE_GOOD, "gateway", "ready: http://127.0.0.1:%ld", config->ports[0]);
}

static void stop(struct dev *dev)
{
    struct site *site = &dev->site;

    gateway_stop(&site->gateway);
    tap_stop(&site->tap);
    if (dev->managed)
        runner_stop(&site->runner);
    http_stop(dev->http);
    echo_stop(dev->echo);
    if (*dev->folder) {
        folder_remove(dev->folder);
        close(dev->lock);
    }
    admin_store_close(&site->store);
    json_decref(site->tree);
    json_decref(site->checked);
    json_decref(site->plugins);
    if (site->calls.pending)
        calls_close(&site->calls);
    apisix_config_free(&site->config);
}

static int run(struct dev *dev)
{
    int status = 1;

    console_open();
    dev->signals = loop_signals();
    if (dev->signals < 0) {
        console_fatal("signalfd: %s", strerror(errno));
        return 1;
    }
    if (start(dev) < 0) {
        console_fatal("%s", dev->error.text);
    } else {
        say_ready(dev);
        status = loop_run(&dev->site, dev->http, dev->signals, dev->managed);
        console_line(CONSOLE_NOTE, "gateway", "stopping");
    }
    stop(dev);
    close(dev->signals);
    return status;
}

int main(int argc, char **argv)
{
    struct dev *dev = calloc(1, sizeof(*dev));
    int status;

    if (!dev) {
        console_fatal("out of memory");
        return 1;
    }
    status = options_take(&dev->options, argc, argv);
    if (dev->options.help)
        options_help();
    else if (status == 0 && dev->options.print_apisix)
        status = print_apisix(&dev->options);
    else if (status == 0)
        status = run(dev);
    if (status == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        console_fatal("what it printed is lost: it cannot be written");
        status = 1;
    }
    free(dev);
    return status;
}
