/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins may put into a message, and how names compare. No state, any thread.
 */
#ifndef PLUGIN_CALL_CHECK_H
#define PLUGIN_CALL_CHECK_H

#include <stdbool.h>
#include <string.h>

#include <a6/plugin.h>

#include "wire/flatbuf.h"
#include "wire/frame.h"

/* A string between the plugin's form and the wire's. */
static inline a6_str call_str(struct wire_str str)
{
    return a6_str_make(str.data, str.len);
}

/* The same, for what is never absent to a plugin. */
static inline a6_str call_str_present(struct wire_str str)
{
    return a6_str_make(str.data ? str.data : "", str.data ? str.len : 0);
}

static inline char call_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool call_same_rest(const char *a, const char *b, size_t len);

/* Header names: equal in any case. Most names differ in length or first byte. */
static inline bool call_same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    if (a_len == 0)
        return true;
    return call_lower(a[0]) == call_lower(b[0]) && call_same_rest(a, b, a_len);
}

/* Compares with a lower-case literal. */
#define call_is_name(str, literal)                                                                 \
    call_same_name((str).data, (str).len, "" literal, sizeof(literal) - 1)

/* All: 0, or -EINVAL. */
int call_check_status(unsigned status);
int call_check_header_name(a6_str name); /* a token of RFC 9110 */
int call_check_value(a6_str value);      /* present, and one line */
int call_check_header(a6_str name, a6_str value);
int call_check_path(a6_str path);
/* Present, and what fits a frame at all. */
int call_check_text(a6_str text);
/* An arg's name; its value may be absent. */
int call_check_arg(a6_str name, a6_str value);

#endif
