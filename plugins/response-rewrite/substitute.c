/* SPDX-License-Identifier: Apache-2.0 */
#include "substitute.h"

#include <stdlib.h>

/* An expression that needs more steps than this from one place of the body is hopeless,
 * and one that needs so much memory is too. */
#define MATCH_LIMIT 1000000u
#define HEAP_LIMIT_KIB (16u * 1024)

/* What a frame can carry, and so a body. */
#define OUTPUT_MAX 0xffffffu

/* ---- the conf ---- */

static int option_flags(a6_env *env, size_t number, const char *letters, uint32_t *flags)
{
    *flags = 0;
    for (; *letters; letters++) {
        switch (*letters) {
        case 'a':
            *flags |= PCRE2_ANCHORED;
            break;
        case 'D':
            *flags |= PCRE2_DUPNAMES;
            break;
        case 'i':
            *flags |= PCRE2_CASELESS;
            break;
        case 'm':
            *flags |= PCRE2_MULTILINE;
            break;
        case 's':
            *flags |= PCRE2_DOTALL;
            break;
        case 'u':
        case 'U':
            *flags |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
            break;
        case 'x':
            *flags |= PCRE2_EXTENDED;
            break;
        case 'j': /* it is compiled to machine code, and once, in any case */
        case 'o':
            break;
        default:
            return a6_env_error(env, "\"filters[%zu].options\" has '%c'; it takes aDimsuUxjo",
                                number, *letters);
        }
    }
    return 0;
}

/* PCRE2's own syntax is the same for these forms and has more that ours has not. */
static int check_replacement(a6_env *env, size_t number, a6_str replace)
{
    const char *at = replace.data;
    const char *end = at + replace.len;

    while (at < end) {
        const char *start = at;
        int braces;
        int digits = 0;

        if (*at++ != '$')
            continue;
        if (at < end && *at == '$') {
            at++;
            continue;
        }
        braces = at < end && *at == '{';
        at += braces;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            digits++;
        if (digits == 0 || digits > 3 || (braces && (at == end || *at++ != '}')))
            return a6_env_error(env,
                                "\"filters[%zu].replace\" has '%.*s' at byte %td; a group is "
                                "$1 or ${1}, and a dollar sign is $$",
                                number, end - start < 8 ? (int)(end - start) : 8, start,
                                start - replace.data);
    }
    return 0;
}

static int compile(a6_env *env, size_t number, a6_str regex, uint32_t flags, pcre2_code **code)
{
    PCRE2_SIZE offset;
    int reason;

    *code = pcre2_compile((PCRE2_SPTR)regex.data, regex.len, flags, &reason, &offset, NULL);
    if (!*code) {
        char text[160];

        (void)pcre2_get_error_message(reason, (PCRE2_UCHAR *)text, sizeof(text));
        return a6_env_error(env, "\"filters[%zu].regex\" is wrong at byte %zu: %s", number,
                            (size_t)offset, text);
    }
    /* Without machine code it is only slower. */
    (void)pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);
    return 0;
}

int substitute_compile(a6_env *env, size_t number, const struct substitute_conf *conf,
                       struct substitute *substitute)
{
    uint32_t flags;

    memset(substitute, 0, sizeof(*substitute));
    if (conf->regex.len == 0)
        return a6_env_error(env, "\"filters[%zu].regex\" is empty", number);
    substitute->global = strcmp(conf->scope, "global") == 0;
    if (!substitute->global && strcmp(conf->scope, "once") != 0)
        return a6_env_error(env, "\"filters[%zu].scope\" is \"%s\"; it is \"once\" or \"global\"",
                            number, conf->scope);
    if (option_flags(env, number, conf->options, &flags) < 0 ||
        check_replacement(env, number, conf->replace) < 0 ||
        compile(env, number, conf->regex, flags, &substitute->code) < 0)
        return -EINVAL;
    substitute->replacement = conf->replace;
    substitute->limits = pcre2_match_context_create(NULL);
    if (!substitute->limits)
        return -ENOMEM;
    (void)pcre2_set_match_limit(substitute->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(substitute->limits, HEAP_LIMIT_KIB);
    return 0;
}

void substitute_free(struct substitute *substitute)
{
    pcre2_match_context_free(substitute->limits);
    pcre2_code_free(substitute->code);
}

/* ---- the filter ---- */

/* As pcre2_substitute. An expression that is too deep for the machine code's small stack
 * is tried once more by the interpreter. */
static int substitute_once(const struct substitute *substitute, a6_str text, PCRE2_UCHAR *out,
                           PCRE2_SIZE *len)
{
    uint32_t options = PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNKNOWN_UNSET |
                       PCRE2_SUBSTITUTE_UNSET_EMPTY |
                       (substitute->global ? PCRE2_SUBSTITUTE_GLOBAL : 0);
    PCRE2_SIZE room = *len;
    int count;

    count = pcre2_substitute(substitute->code, (PCRE2_SPTR)text.data, text.len, 0, options, NULL,
                             substitute->limits, (PCRE2_SPTR)substitute->replacement.data,
                             substitute->replacement.len, out, len);
    if (count != PCRE2_ERROR_JIT_STACKLIMIT)
        return count;
    *len = room;
    return pcre2_substitute(substitute->code, (PCRE2_SPTR)text.data, text.len, 0,
                            options | PCRE2_NO_JIT, NULL, substitute->limits,
                            (PCRE2_SPTR)substitute->replacement.data, substitute->replacement.len,
                            out, len);
}

int substitute_run(const struct substitute *substitute, a6_str text, struct substitute_text *out,
                   char *error, size_t size)
{
    PCRE2_SIZE room = text.len + text.len / 4 + 1024;
    PCRE2_SIZE len = room;
    PCRE2_UCHAR *data = malloc(room);
    int count = PCRE2_ERROR_NOMEMORY;

    if (data)
        count = substitute_once(substitute, text, data, &len);
    if (data && count == PCRE2_ERROR_NOMEMORY && len > room && len <= OUTPUT_MAX) {
        free(data);
        data = malloc(len);
        if (data)
            count = substitute_once(substitute, text, data, &len);
    }
    if (count > 0) {
        *out = (struct substitute_text){(char *)data, len};
        return 1;
    }
    free(data);
    if (count == 0)
        return 0;
    if (count == PCRE2_ERROR_NOMEMORY && len > OUTPUT_MAX)
        (void)snprintf(error, size, "the new body would have %zu bytes, more than a frame takes",
                       (size_t)len);
    else
        (void)pcre2_get_error_message(count, (PCRE2_UCHAR *)error, size);
    return -EINVAL;
}
