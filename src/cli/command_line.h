/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows a command's name: options by getopt_long, --help, and the arguments behind
 * them. One thread.
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include <getopt.h>

struct command_line {
    const char *help;             /* what --help prints */
    const char *letters;          /* as getopt has them, 'h' among them */
    const struct option *options; /* 'h' is --help */
    /* Takes an option's value, which is borrowed from argv. EXIT_OK, or EXIT_USAGE from
     * commands_usage. */
    int (*take)(void *user, int option, const char *value);
    void *user;
};

/* Takes options until one is wrong. EXIT_OK with optind at the first argument that is none;
 * EXIT_USAGE after a line on stderr; EXIT_HELPED after the help. */
int command_line_read(const struct command_line *line, int argc, char **argv);

/* A number from min to max, a whole one for the second. EXIT_OK, or EXIT_USAGE after a
 * line on stderr that names the option. */
int command_line_number(const char *option, const char *text, double min, double max,
                        double *value);
int command_line_count(const char *option, const char *text, double min, double max,
                       unsigned *value);

#endif
