/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/print_apisix.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
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

/* As it is, with its comments, and with ${{NAME}} where a secret is to come from. */
static int print_file(const char *file)
{
    FILE *from = fopen(file, "re");
    int byte;

    while (from && (byte = getc(from)) != EOF)
        putchar(byte);
    if (!from || ferror(from)) {
        console_fatal("%s: %s", file, strerror(errno));
        if (from)
            fclose(from);
        return -EIO;
    }
    fclose(from);
    return 0;
}

static bool is_yaml(const char *file)
{
    size_t len = strlen(file);

    return len < 5 || strcmp(file + len - 5, ".json") != 0;
}

/* file: where they are from, or NULL. */
static int print_routes(json_t *tree, const char *file)
{
    const char *kind;
    json_t *list;

    printf("\n# ---- conf/apisix.yaml of APISIX ----\n");
    if (file && is_yaml(file))
        return print_file(file);
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

/* Where the routes are from: a file, or the folder of the Admin API. */
struct source {
    char path[PATH_MAX];
    bool is_file;
};

static void choose_source(const struct options *options, const struct apisix_config *config,
                          struct source *source)
{
    const char *named = options->routes ? options->routes : options->data;

    source->is_file = options->routes || config->standalone;
    if (options->routes || (named && !config->standalone))
        snprintf(source->path, sizeof(source->path), "%s", named);
    else
        options_beside_config(options, config->standalone ? "apisix.yaml" : OPTIONS_DATA,
                              source->path);
}

static json_t *read_tree(const struct source *source, struct error *error)
{
    struct admin_store store;
    json_t *tree = NULL;

    if (source->is_file)
        return tree_file(source->path, true, error);
    if (access(source->path, R_OK) != 0) {
        (void)error_set(error, "there are no routes: name their file with --routes");
        return NULL;
    }
    if (admin_store_open(&store, source->path, error) == 0)
        tree = admin_store_tree(&store, NULL, NULL, NULL);
    admin_store_close(&store);
    return tree;
}

int print_apisix(const struct options *options)
{
    struct apisix_config config;
    struct model *model = NULL;
    struct error error;
    struct source source;
    json_t *tree = NULL;
    int result = apisix_config_read(&config, options->config, warn, &error);

    if (result == 0) {
        choose_source(options, &config, &source);
        tree = read_tree(&source, &error);
    }
    if (tree)
        result = model_read(tree, &model, &error);
    if (result == 0 && tree) {
        print_configuration(options, &config);
        result = print_routes(tree, source.is_file ? source.path : NULL);
    } else {
        console_fatal("%s", error.text);
    }
    model_free(model);
    result = result == 0 && tree ? 0 : 1;
    json_decref(tree);
    apisix_config_free(&config);
    return result;
}
