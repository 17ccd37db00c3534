/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cli/commands.h"
#include "server/config.h"

#define WIDTH 80
#define INDENT 6

/* Writes the words of the text, broken into lines. */
static void print_folded(FILE *out, const char *text)
{
    size_t column = 0; /* 0: the line has no word yet */

    while (*text) {
        size_t len = strcspn(text, " ");

        if (column > 0 && column + 1 + len > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%*s%.*s", column ? 1 : INDENT, "", (int)len, text);
        text += len + strspn(text + len, " ");
    }
    fputc('\n', out);
}

/* The value's form after the flag: "dev|prod|prof", "N", or nothing. */
static const char *value_form(const struct config_option *option)
{
    if (option->choices)
        return option->choices;
    return option->metavar ? option->metavar : "";
}

/* That a switch is off until it is named goes without saying. */
static bool has_default(const struct config_option *option)
{
    return option->preset && option->type != CONFIG_SWITCH;
}

static bool has_range(const struct config_option *option)
{
    return option->type == CONFIG_NUMBER || option->type == CONFIG_COUNT;
}

void options_text_help(FILE *out)
{
    const struct config_option *option;
    char text[512];
    size_t len;

    for (size_t i = 0; (option = config_option_at(i)); i++) {
        fprintf(out, "  ");
        if (option->flag)
            fprintf(out, "-%c, ", option->flag);
        fprintf(out, "--%s%s%s\n", option->name, option->metavar ? " " : "", value_form(option));
        len = (size_t)snprintf(text, sizeof(text), "%s", option->help);
        if (has_range(option) && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, " %" PRIu64 " to %" PRIu64 ".",
                                    option->least, option->most);
        if (has_default(option) && len < sizeof(text))
            snprintf(text + len, sizeof(text) - len, " Default: %s.", option->preset);
        print_folded(out, text);
    }
}

/* Text in a cell of a table, in which '|' would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputs("\\|", out);
        else if (*text == '*')
            fputs("\\*", out);
        else
            fputc(*text, out);
    }
}

void options_text_markdown(FILE *out)
{
    const struct config_option *option;
    char variable[64];

    fprintf(out, "| flag, and key of the file | value | default | environment | meaning |\n"
                 "|---|---|---|---|---|\n");
    for (size_t i = 0; (option = config_option_at(i)); i++) {
        config_variable(option, variable, sizeof(variable));
        fprintf(out, "| `--%s`", option->name);
        if (option->flag)
            fprintf(out, ", `-%c`", option->flag);
        fprintf(out, " | ");
        print_cell(out, option->metavar ? value_form(option) : "yes, no");
        if (has_range(option))
            fprintf(out, ", %" PRIu64 " to %" PRIu64, option->least, option->most);
        fprintf(out, " | %s | `%s` | ", option->preset ? option->preset : "", variable);
        print_cell(out, option->help);
        fprintf(out, " |\n");
    }
}

/* ---- the manual page ---- */

/* Text for roff, in which '-' is a hyphen, '\' and a '.' at the start mean more. */
static void print_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void print_man_options(FILE *out)
{
    const struct config_option *option;
    char variable[64];

    for (size_t i = 0; (option = config_option_at(i)); i++) {
        config_variable(option, variable, sizeof(variable));
        fprintf(out, ".TP\n.B ");
        if (option->flag)
            fprintf(out, "\\-%c\\fR, \\fB", option->flag);
        print_roff(out, "--");
        print_roff(out, option->name);
        if (option->metavar) {
            fprintf(out, " \\fI");
            print_roff(out, value_form(option));
        }
        fprintf(out, "\\fR\n");
        print_roff(out, option->help);
        if (has_range(option))
            fprintf(out, " %" PRIu64 " to %" PRIu64 ".", option->least, option->most);
        if (has_default(option))
            fprintf(out, " Default: %s.", option->preset);
        fprintf(out, " Environment:\n.BR %s .\n", variable);
    }
}

void options_text_man(FILE *out)
{
    const struct command *command;

    fprintf(out, ".TH C\\-RUNNER 1 \"\" \"c\\-runner %s\" \"User Commands\"\n", A6_VERSION);
    fprintf(out, ".SH NAME\nc\\-runner \\- runs Apache APISIX plugins that are written in C\n");
    fprintf(out, ".SH SYNOPSIS\n.B c\\-runner\n.I command\n.RI [ argument ...]\n");
    fprintf(out, ".SH DESCRIPTION\nThe gateway starts\n.B c\\-runner run\nand calls it on a unix "
                 "socket; a developer can start it by hand. It loads plugins, each a shared object "
                 "made with\n.BR <a6/plugin.h> ,\nand has them answer or change requests and "
                 "responses.\n.SS Commands\n");
    for (size_t i = 0; (command = commands_at(i)); i++) {
        fprintf(out, ".TP\n.B c\\-runner %s\n", command->name);
        print_roff(out, command->summary);
        fputc('\n', out);
    }
    fprintf(out, ".PP\n.B c\\-runner help\n.I command\nsays more about each.\n");
    fprintf(out, ".SH OPTIONS OF RUN\nEach can also be set in the configuration file, under its "
                 "name without the dashes, and in the environment. A flag is stronger than the "
                 "environment, which is stronger than the file.\n");
    print_man_options(out);
    fprintf(out, ".SH ENVIRONMENT\n.TP\n.B APISIX_LISTEN_ADDRESS\nThe socket, "
                 ".IR unix:/path .\nSet by the gateway.\n.TP\n.B APISIX_CONF_EXPIRE_TIME\n"
                 "Seconds that the gateway caches a conf token. Set by the gateway.\n");
    fprintf(out, ".SH SIGNALS\n.TP\n.BR SIGTERM \", \" SIGINT\nStop: accept nothing more, finish "
                 "the calls in flight, exit.\n.TP\n.B SIGHUP\nLoad the plugins anew.\n"
                 ".TP\n.B SIGUSR1\nOpen the log file anew.\n");
    fprintf(out, ".SH EXIT STATUS\n0 when it stopped as told, 1 when it could not start, 2 when "
                 "there is no such command.\n");
}
