/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options as text for people: on a terminal, as a manual page, and as the
 * table of docs/configuration.md.
 */
#ifndef CLI_OPTIONS_TEXT_H
#define CLI_OPTIONS_TEXT_H

#include <stdio.h>

/* `  --workers N` and below it what it is, its range and its default. */
void options_text_help(FILE *out);

/* A Markdown table. */
void options_text_markdown(FILE *out);

/* The whole page c-runner(1), commands included. */
void options_text_man(FILE *out);

#endif
