/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The help and the manual page must each tell of every option.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "cli/options_text.h"
#include "server/config.h"

/* What the function writes, to be freed. */
static char *written(void (*write)(FILE *out))
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    write(out);
    fclose(out);
    return text;
}

static void help_has_every_option(void **state)
{
    char *text = written(options_text_help);
    const struct config_option *option;
    char flag[64];

    (void)state;
    for (size_t i = 0; (option = config_option_at(i)); i++) {
        snprintf(flag, sizeof(flag), "--%s", option->name);
        if (!strstr(text, flag))
            fail_msg("%s is not in the help", flag);
    }
    assert_non_null(strstr(text, "  -m, --mode dev|prod|prof\n"));
    free(text);
}

static void help_fits_a_terminal(void **state)
{
    char *text = written(options_text_help);
    char *rest = text;
    const char *line;

    (void)state;
    while ((line = strsep(&rest, "\n"))) {
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
    }
    free(text);
}

/* In the manual page every '-' of a name is "\-". */
static void manual_has_every_option(void **state)
{
    char *text = written(options_text_man);
    const struct config_option *option;

    (void)state;
    for (size_t i = 0; (option = config_option_at(i)); i++) {
        char flag[96] = "\\-\\-";

        for (const char *letter = option->name; *letter; letter++) {
            if (*letter == '-')
                strcat(flag, "\\");
            strncat(flag, letter, 1);
        }
        if (!strstr(text, flag))
            fail_msg("--%s is not in the manual page", option->name);
    }
    for (size_t i = 0; commands_at(i); i++)
        assert_non_null(strstr(text, commands_at(i)->name));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_has_every_option),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(manual_has_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
