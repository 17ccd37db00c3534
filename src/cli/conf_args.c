/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/conf_args.h"

#include <errno.h>
#include <string.h>

#include "cli/commands.h"

int conf_args_plugin(struct conf_args *confs, const char *name)
{
    if (confs->count == CONF_ARGS_MAX)
        return -E2BIG;
    if (*name == '\0')
        return -EINVAL;
    confs->plugins[confs->count++] = (struct wire_pair){
        .name = {.data = name, .len = (uint32_t)strlen(name)},
        .value = {.data = "", .len = 0},
    };
    return 0;
}

int conf_args_conf(struct conf_args *confs, struct wire_str text)
{
    if (confs->count == 0)
        return -EINVAL;
    confs->plugins[confs->count - 1].value = text;
    return 0;
}

int conf_args_take_plugin(struct conf_args *confs, const char *name)
{
    if (conf_args_plugin(confs, name) < 0)
        return commands_usage("--plugin: an empty name, or too many plugins");
    return EXIT_OK;
}

int conf_args_take_conf(struct conf_args *confs, struct http_args *http, const char *text)
{
    struct wire_str conf;

    if (http_args_load_text(http, text, &conf) < 0)
        return commands_usage("--conf: %s", http->error);
    if (conf_args_conf(confs, conf) < 0)
        return commands_usage("--conf: name its plugin before it, with --plugin");
    return EXIT_OK;
}
