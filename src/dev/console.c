/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/console.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4000

static bool colours;

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

void console_open(void)
{
    colours = (isatty(STDOUT_FILENO) || is_set("CLICOLOR_FORCE")) && !is_set("NO_COLOR");
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static const char *start_of(enum console_tone tone)
{
    static const char *const codes[] = {"",         "\033[32m", "\033[36m",
                                        "\033[33m", "\033[31m", "\033[2m"};

    return colours ? codes[tone] : "";
}

/* What a request or a plugin wrote must not steer the terminal. */
static void copy_visible(char *to, size_t size, const char *from)
{
    size_t len = 0;

    for (; *from && len + 5 < size; from++) {
        unsigned char byte = (unsigned char)*from;

        if (byte < 0x20 || byte == 0x7f)
            len += (size_t)snprintf(to + len, size - len, "\\x%02x", byte);
        else
            to[len++] = *from;
    }
    to[len] = '\0';
}

static void put(enum console_tone tone, const char *source, const char *mark, const char *format,
                va_list args)
{
    enum console_tone rest = *mark ? CONSOLE_PLAIN : tone;
    char text[LINE_MAX_BYTES], visible[LINE_MAX_BYTES + 400], when[16];
    const char *end = colours ? "\033[0m" : "";
    struct timespec now;
    struct tm local;

    vsnprintf(text, sizeof(text), format, args);
    copy_visible(visible, sizeof(visible), text);
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(when, sizeof(when), "%H:%M:%S", &local);
    printf("%s%s.%03ld%s %-7s %s%s%s%s%s%s%s\n", start_of(CONSOLE_DIM), when, now.tv_nsec / 1000000,
           end, source, start_of(tone), mark, *mark ? end : "", *mark ? " " : "", start_of(rest),
           visible, end);
}

void console_line(enum console_tone tone, const char *source, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(tone, source, "", format, args);
    va_end(args);
}

void console_marked(enum console_tone tone, const char *source, const char *mark,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(tone, source, mark, format, args);
    va_end(args);
}

void console_fatal(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "c-runner dev: %s\n", text);
}
