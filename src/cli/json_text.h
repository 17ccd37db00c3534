/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON to a stream, piece by piece: commas and escaping are its business, the
 * right order of calls is the caller's. Bytes that are not UTF-8 become U+FFFD.
 */
#ifndef CLI_JSON_TEXT_H
#define CLI_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_text {
    FILE *to;
    bool comma; /* one is due before the next item */
};

/* name NULL: an item of an array, or the outermost one. */
void json_text_open(struct json_text *json, const char *name, char bracket);
void json_text_close(struct json_text *json, char bracket);
void json_text_string(struct json_text *json, const char *name, const char *text, size_t len);
void json_text_terminated(struct json_text *json, const char *name, const char *text);
void json_text_integer(struct json_text *json, const char *name, int64_t value);
/* A value that is no number is written as null. */
void json_text_number(struct json_text *json, const char *name, double value, int decimals);
void json_text_bool(struct json_text *json, const char *name, bool value);
void json_text_null(struct json_text *json, const char *name);
void json_text_base64(struct json_text *json, const char *name, const void *data, size_t len);

/* The length of the UTF-8 character at the start of len bytes; 0: not one. */
size_t json_text_utf8(const char *text, size_t len);

#endif
