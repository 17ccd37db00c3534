/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <stdio.h>
#include <string.h>

#define LOG_LINE_CUT "..."

/* gmtime_r takes a lock inside libc, which a fork may leave held. */
static void log_line_date(int64_t days, int *year, int *month, int *day)
{
    /* Count from 1 March of year 0, so that a leap day is the last of its year. */
    int64_t since = days + 719468;
    int64_t era = since / 146097;
    int64_t in_era = since % 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * in_year + 2) / 153;

    *day = (int)(in_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static size_t log_line_head(char *out, size_t size, const struct log_line_head *head)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    int64_t seconds = head->time.tv_sec > 0 ? head->time.tv_sec : 0;
    int in_day = (int)(seconds % 86400);
    int level = (int)head->level;
    int year;
    int month;
    int day;
    int len;

    log_line_date(seconds / 86400, &year, &month, &day);
    if (level < LOG_DEBUG || level > LOG_FATAL)
        level = LOG_ERROR;
    len = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s [%d] ", year, month, day,
                   in_day / 3600, in_day / 60 % 60, in_day % 60,
                   (int)(head->time.tv_nsec / 1000000), names[level], head->pid);
    return len < 0 ? 0 : (size_t)len;
}

/*
 * How many bytes at text are one character that may stand in a log as it is; 0 when
 * the first byte is to be escaped. Not allowed: control characters (0x00-0x1f, 0x7f,
 * U+0080-U+009f), surrogates, overlong forms, and what is above U+10ffff.
 */
static size_t log_line_character(const unsigned char *text, size_t len)
{
    unsigned first = text[0];
    unsigned low = 0x80;
    unsigned high = 0xbf;
    size_t size;

    if (first < 0x80)
        return first >= 0x20 && first != 0x7f;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first == 0xc2 || first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (len < size || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

/* Gives the bytes written; *whole says whether all of text found room. */
static size_t log_line_escape(char *out, size_t room, const char *text, size_t len, int *whole)
{
    static const char digits[] = "0123456789abcdef";
    size_t cut = 0; /* the last place where the mark of a cut still finds room */
    size_t at = 0;

    *whole = 1;
    for (size_t i = 0; i < len;) {
        const unsigned char *byte = (const unsigned char *)text + i;
        size_t size = log_line_character(byte, len - i);
        size_t need = size ? size : 4;

        if (at + sizeof(LOG_LINE_CUT) - 1 <= room)
            cut = at;
        if (need > room - at) {
            *whole = 0;
            return cut;
        }
        if (size) {
            memcpy(out + at, byte, size);
        } else {
            out[at] = '\\';
            out[at + 1] = 'x';
            out[at + 2] = digits[*byte >> 4];
            out[at + 3] = digits[*byte & 15];
            size = 1;
        }
        at += need;
        i += size;
    }
    return at;
}

size_t log_line_format(char out[LOG_LINE_MAX], const struct log_line_head *head, const char *text,
                       size_t len)
{
    size_t room = LOG_LINE_MAX - 1;
    size_t at = log_line_head(out, LOG_LINE_MAX, head);
    int whole;

    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    at += log_line_escape(out + at, room - at, text, len, &whole);
    if (!whole) {
        memcpy(out + at, LOG_LINE_CUT, sizeof(LOG_LINE_CUT) - 1);
        at += sizeof(LOG_LINE_CUT) - 1;
    }
    return at;
}

size_t log_line_text(const char *line, size_t len)
{
    const char *head_end = memchr(line, ']', len);

    return head_end && head_end + 2 <= line + len ? (size_t)(head_end + 2 - line) : 0;
}
