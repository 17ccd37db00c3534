/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_escaped(struct json_text *json, const char *text, size_t len)
{
    putc('"', json->to);
    while (len) {
        unsigned char c = (unsigned char)*text;
        size_t size = json_text_utf8(text, len);

        if (c == '"' || c == '\\')
            fprintf(json->to, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", json->to);
        else if (c < 0x20 || c == 0x7f)
            fprintf(json->to, "\\u%04x", c);
        else if (size)
            fwrite(text, 1, size, json->to);
        else
            fputs("\\ufffd", json->to);
        size = size ? size : 1;
        text += size;
        len -= size;
    }
    putc('"', json->to);
}

static void begin(struct json_text *json, const char *name)
{
    if (json->comma)
        putc(',', json->to);
    json->comma = true;
    if (!name)
        return;
    put_escaped(json, name, strlen(name));
    putc(':', json->to);
}

void json_text_open(struct json_text *json, const char *name, char bracket)
{
    begin(json, name);
    putc(bracket, json->to);
    json->comma = false;
}

void json_text_close(struct json_text *json, char bracket)
{
    putc(bracket, json->to);
    json->comma = true;
}

void json_text_string(struct json_text *json, const char *name, const char *text, size_t len)
{
    begin(json, name);
    put_escaped(json, text, len);
}

void json_text_terminated(struct json_text *json, const char *name, const char *text)
{
    json_text_string(json, name, text, strlen(text));
}

void json_text_integer(struct json_text *json, const char *name, int64_t value)
{
    begin(json, name);
    fprintf(json->to, "%" PRId64, value);
}

void json_text_number(struct json_text *json, const char *name, double value, int decimals)
{
    begin(json, name);
    if (isfinite(value))
        fprintf(json->to, "%.*f", decimals, value);
    else
        fputs("null", json->to);
}

void json_text_bool(struct json_text *json, const char *name, bool value)
{
    begin(json, name);
    fputs(value ? "true" : "false", json->to);
}

void json_text_null(struct json_text *json, const char *name)
{
    begin(json, name);
    fputs("null", json->to);
}

void json_text_base64(struct json_text *json, const char *name, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = data;

    begin(json, name);
    putc('"', json->to);
    for (; len; at += 3) {
        uint32_t bits = (uint32_t)at[0] << 16;

        if (len > 1)
            bits |= (uint32_t)at[1] << 8;
        if (len > 2)
            bits |= at[2];
        putc(digits[bits >> 18], json->to);
        putc(digits[bits >> 12 & 63], json->to);
        putc(len > 1 ? digits[bits >> 6 & 63] : '=', json->to);
        putc(len > 2 ? digits[bits & 63] : '=', json->to);
        len -= len < 3 ? len : 3;
    }
    putc('"', json->to);
}

size_t json_text_utf8(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t size;

    if (len == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* no overlong forms, no surrogates, nothing above U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return size;
}
