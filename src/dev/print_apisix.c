/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/print_apisix.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/places.h"
#include "dev/admin_store.h"
#include "dev/apisix_config.h"
#include "dev/console.h"
#include "dev/tree.h"
#include "dev/yaml_write.h"

static void warn(const char *text)
{
    fprintf(stderr, "c-runner dev: %s\n", text);
}

/* The command that starts the runner there: the configuration's, or our own. */
static void print_command(const struct options *options, const struct apisix_config *config)
{
    char program[PATH_MAX];

    printf("ext-plugin:\n  cmd:\n");
    for (size_t i = 0; i < config->command.count; i++) {
        printf("    - ");
        yaml_write_text(stdout, config->command.items[i]);
        printf("\n");
    }
    if (config->command.count > 0)
        return;
    (void)places_runner(program, sizeof(program)); /* else where it should be */
    printf("    - ");
    yaml_write_text(stdout, program);
    printf("\n    - \"run\"\n    - \"-m\"\n    - \"prod\"\n");
    if (options->plugin_dir) {
        printf("    - \"--plugin-dir\"\n    - ");
        yaml_write_text(stdout, options->plugin_dir);
        printf("\n");
    }
    for (size_t i = 0; i < options->plugin_count; i++) {
        printf("    - \"--plugin\"\n    - ");
        yaml_write_text(stdout, options->plugins[i]);
        printf("\n");
    }
}

static void print_configuration(const struct options *options, const struct apisix_config *config)
{
    printf("# ---- conf/config.yaml of APISIX ----\n");
    printf("apisix:\n  node_listen: %ld\n", options->port ? options->port : config->ports[0]);
    printf("deployment:\n  role: data_plane\n  role_data_plane:\n    config_provider: yaml\n");
    print_command(options, config);
    if (config->variables.count > 0)
        printf("nginx_config:\n  envs:\n");
    for (size_t i = 0; i < config->variables.count; i++) {
        printf("    - ");
        yaml_write_text(stdout, config->variables.items[i]);
        printf("\n");
    }
}

static int print_routes(json_t *tree)
{
    const char *kind;
    json_t *list;

    printf("\n# ---- conf/apisix.yaml of APISIX ----\n");
    json_object_foreach(tree, kind, list)
    {
        if (json_array_size(list) == 0)
            continue;
        printf("%s:\n", kind);
        yaml_write_list(stdout, list);
    }
    printf("#END\n");
    return 0;
}

static json_t *read_tree(const struct options *options, const struct apisix_config *config,
                         struct error *error)
{
    const char *slash = options->config ? strrchr(options->config, '/') : NULL;
    int len = slash ? (int)(slash - options->config) + 1 : 0;
    struct admin_store store;
    char path[PATH_MAX];
    json_t *tree = NULL;

    if (options->routes)
        return tree_file(options->routes, true, error);
    snprintf(path, sizeof(path), "%.*s%s", len, options->config ? options->config : "",
             config->standalone ? "apisix.yaml" : ".c-runner-dev");
    if (config->standalone)
        return tree_file(path, true, error);
    if (access(options->data ? options->data : path, R_OK) != 0) {
        (void)error_set(error, "there are no routes: name their file with --routes");
        return NULL;
    }
    if (admin_store_open(&store, options->data ? options->data : path, error) == 0)
        tree = admin_store_tree(&store, NULL, NULL, NULL);
    admin_store_close(&store);
    return tree;
}

int print_apisix(const struct options *options)
{
    struct apisix_config config;
    struct model *model = NULL;
    struct error error;
    json_t *tree = NULL;
    int result = apisix_config_read(&config, options->config, warn, &error);

    if (result == 0)
        tree = read_tree(options, &config, &error);
    if (tree)
        result = model_read(tree, &model, &error);
    if (result == 0 && tree) {
        print_configuration(options, &config);
        result = print_routes(tree);
    } else {
        console_fatal("%s", error.text);
    }
    model_free(model);
    result = result == 0 && tree ? 0 : 1;
    json_decref(tree);
    apisix_config_free(&config);
    return result;
}
