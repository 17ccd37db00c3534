/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of c-runner: `c-runner NAME ARGUMENT...`.
 *
 * A command is a file cmd_<name>.c with one function, and one line in COMMANDS. The
 * function gets "c-runner NAME" as argv[0], answers --help itself, and gives an exit
 * status. What it printed is flushed, and found lost if it was, after it.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdio.h>

enum {
    EXIT_HELPED = -1, /* it said how it is used: becomes EXIT_OK */
    EXIT_OK,
    EXIT_FAILED, /* it could not do its work */
    EXIT_USAGE,  /* it was asked wrongly; for a supervisor's sake `run` fails instead */
};

/* In the order of the help: name, function, summary. */
#define COMMANDS(COMMAND)                                                                          \
    COMMAND("run", cmd_run, "serve the gateway's calls with plugins")                              \
    COMMAND("call", cmd_call, "make one call to a running runner and show what it changes")        \
    COMMAND("bench", cmd_bench, "put load on a running runner and measure it")                     \
    COMMAND("try", cmd_try, "run a plugin once, without a gateway, and show what it changes")      \
    COMMAND("check", cmd_check, "say what is in a plugin's file, and parse confs")                 \
    COMMAND("dev", cmd_dev, "run a development gateway with a runner behind it, on this machine")  \
    COMMAND("new", cmd_new, "make the folder of a new plugin")                                     \
    COMMAND("version", cmd_version, "say which version this is; --long: all that a report needs")  \
    COMMAND("help", cmd_help, "say how a command is used")

#define COMMANDS_DECLARE(name, function, summary) int function(int argc, char **argv);
COMMANDS(COMMANDS_DECLARE)
#undef COMMANDS_DECLARE

struct command {
    const char *name;
    const char *summary;
    int (*function)(int argc, char **argv);
};

/* NULL when there is none of the name. */
const struct command *commands_find(const char *name);

/* The first one for 0, NULL past the last. */
const struct command *commands_at(size_t index);

/* Says on stderr that there is no such command and which one is nearest. Gives
 * EXIT_USAGE. */
int commands_unknown(const char *name);

/* Says on stderr what is wrong with how the command at hand was called (NULL: that has been
 * said), and where its help is. Gives EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int commands_usage(const char *format, ...);

/* What `c-runner help` prints. */
void commands_help(FILE *out);

/* The whole program: runs the command that argv[1] names, and gives its exit status. */
int commands_main(int argc, char **argv);

#endif
