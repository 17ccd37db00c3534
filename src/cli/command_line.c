/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command_line.h"

#include <stdlib.h>

#include "cli/commands.h"

int command_line_read(const struct command_line *line, int argc, char **argv)
{
    int option, status = EXIT_OK;

    optind = 0;
    while (status == EXIT_OK &&
           (option = getopt_long(argc, argv, line->letters, line->options, NULL)) != -1) {
        if (option == 'h') {
            fputs(line->help, stdout);
            return EXIT_HELPED;
        }
        /* getopt has said what is wrong, but not where to look it up */
        status = option == '?' ? commands_usage(NULL) : line->take(line->user, option, optarg);
    }
    return status;
}

int command_line_number(const char *option, const char *text, double min, double max, double *value)
{
    char *end;

    *value = strtod(text, &end);
    if (end == text || *end || !(*value >= min && *value <= max))
        return commands_usage("%s: \"%.40s\" is no number from %g to %.15g", option, text, min,
                              max);
    return EXIT_OK;
}

int command_line_count(const char *option, const char *text, double min, double max,
                       unsigned *value)
{
    double number;
    int status = command_line_number(option, text, min, max, &number);

    if (status != EXIT_OK)
        return status;
    *value = (unsigned)number;
    return *value == number ? EXIT_OK
                            : commands_usage("%s: \"%.40s\" is no whole number", option, text);
}
