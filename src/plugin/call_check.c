/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_check.h"

#include <errno.h>
#include <stdint.h>

/* The bytes of a token, RFC 9110 section 5.6.2. */
static const uint8_t token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

bool call_same_rest(const char *a, const char *b, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (a[i] != b[i] && call_lower(a[i]) != call_lower(b[i]))
            return false;
    }
    return true;
}

int call_check_status(unsigned status)
{
    return status >= 100 && status <= 599 ? 0 : -EINVAL;
}

int call_check_text(a6_str text)
{
    return text.data && text.len <= FRAME_PAYLOAD_MAX ? 0 : -EINVAL;
}

int call_check_header_name(a6_str name)
{
    if (name.len == 0 || call_check_text(name))
        return -EINVAL;
    for (size_t i = 0; i < name.len; i++) {
        if (!token_bytes[(uint8_t)name.data[i]])
            return -EINVAL;
    }
    return 0;
}

static bool breaks_line(char c)
{
    return c == '\0' || c == '\r' || c == '\n';
}

int call_check_value(a6_str text)
{
    if (call_check_text(text))
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (breaks_line(text.data[i]))
            return -EINVAL;
    }
    return 0;
}

int call_check_header(a6_str name, a6_str value)
{
    return call_check_header_name(name) ? -EINVAL : call_check_value(value);
}

int call_check_path(a6_str path)
{
    return path.len == 0 || call_check_value(path) || path.data[0] != '/' ? -EINVAL : 0;
}

int call_check_arg(a6_str name, a6_str value)
{
    if (name.len == 0 || call_check_text(name))
        return -EINVAL;
    return value.data ? call_check_text(value) : value.len == 0 ? 0 : -EINVAL;
}
