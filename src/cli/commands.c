/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stddef.h>
#include <string.h>

#include "base/nearest.h"

#define COMMANDS_ENTRY(name, function, summary) {name, summary, function},
static const struct command commands[] = {COMMANDS(COMMANDS_ENTRY)};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

const struct command *commands_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

int commands_unknown(const char *name)
{
    struct nearest nearest;

    nearest_begin(&nearest, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&nearest, commands[i].name);
    fprintf(stderr, "c-runner: there is no command '%s'", name);
    if (nearest_found(&nearest))
        fprintf(stderr, "; did you mean '%s'?\n", nearest_found(&nearest));
    else
        fprintf(stderr, "; `c-runner help` lists them\n");
    return 2;
}

void commands_help(FILE *out)
{
    fprintf(out, "Runs Apache APISIX plugins that are written in C.\n\n"
                 "usage: c-runner COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n`c-runner help COMMAND` says more about one of them.\n");
}

int commands_main(int argc, char **argv)
{
    static char program[64];
    const struct command *command;
    const char *name;

    if (argc < 2) {
        commands_help(stderr);
        return 2;
    }
    name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    command = commands_find(name);
    if (!command)
        return commands_unknown(name);
    snprintf(program, sizeof(program), "c-runner %s", command->name);
    argv[1] = program; /* getopt begins its messages with it */
    return command->function(argc - 1, argv + 1);
}
