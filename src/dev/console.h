/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one log of the development gateway, on stdout: lines of nginx, of the runner and of
 * its own, each with the time and where it comes from. With colours on a terminal, or when
 * CLICOLOR_FORCE is set; never when NO_COLOR is.
 */
#ifndef DEV_CONSOLE_H
#define DEV_CONSOLE_H

enum console_tone {
    CONSOLE_PLAIN,
    CONSOLE_GOOD,
    CONSOLE_NOTE,
    CONSOLE_WARN,
    CONSOLE_BAD,
    CONSOLE_DIM
};

/* Once, before threads. */
void console_open(void);

/* One line; control bytes are shown as \xNN. Any thread. */
__attribute__((format(printf, 3, 4))) void console_line(enum console_tone tone, const char *source,
                                                        const char *format, ...);

/* The same with a word in front, which alone has the tone, as far as colours show it:
 * "200 GET /path". */
__attribute__((format(printf, 4, 5))) void console_marked(enum console_tone tone,
                                                          const char *source, const char *mark,
                                                          const char *format, ...);

/* For a developer who waits at the prompt: `c-runner dev: text` on stderr. */
__attribute__((format(printf, 1, 2))) void console_fatal(const char *format, ...);

#endif
