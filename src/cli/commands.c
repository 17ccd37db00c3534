/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/nearest.h"

#define COMMANDS_ENTRY(name, function, summary) {name, summary, function},
static const struct command commands[] = {COMMANDS(COMMANDS_ENTRY)};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* "c-runner NAME", which is how the command at hand begins its messages */
static char program[64];

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
    return EXIT_USAGE;
}

int commands_usage(const char *format, ...)
{
    va_list args;

    if (format) {
        fprintf(stderr, "%s: ", program);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    fprintf(stderr, "Try '%s --help'.\n", program);
    return EXIT_USAGE;
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
    const struct command *command;
    const char *name;
    int status;

    if (argc < 2) {
        commands_help(stderr);
        return EXIT_USAGE;
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
    argv[1] = program; /* getopt's messages begin with it as well */
    status = command->function(argc - 1, argv + 1);
    if (status == EXIT_HELPED)
        status = EXIT_OK;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_OK) {
        fprintf(stderr, "%s: what it printed is lost: it cannot be written\n", program);
        status = EXIT_FAILED;
    }
    return status;
}
