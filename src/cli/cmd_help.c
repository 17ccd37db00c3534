/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options_text.h"

static const char usage[] = "usage: c-runner help [COMMAND]\n\n"
                            "Says how a command is used, or which commands there are.\n";

int cmd_help(int argc, char **argv)
{
    char flag[] = "--help";
    const struct command *command;
    const char *name;
    char *command_argv[3];

    if (argc < 2) {
        commands_help(stdout);
        return 0;
    }
    name = argv[1];
    /* Two that people do not need: the build makes the manual page and a table with them. */
    if (strcmp(name, "--man") == 0) {
        options_text_man(stdout);
        return 0;
    }
    if (strcmp(name, "--markdown") == 0) {
        options_text_markdown(stdout);
        return 0;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    command = commands_find(name);
    if (!command)
        return commands_unknown(name);
    command_argv[0] = argv[1];
    command_argv[1] = flag;
    command_argv[2] = NULL;
    return command->function(2, command_argv);
}
