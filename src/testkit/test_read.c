/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a test: the public functions that only look. */
#include <strings.h>

#include "testkit/test.h"

static a6_str str_of(struct wire_str text)
{
    return a6_str_make(text.data, text.len);
}

static const struct apply_field *find_header(const struct apply_message *message, const char *name,
                                             unsigned n)
{
    size_t len = strlen(name);

    for (uint32_t i = 0; i < message->headers.count; i++) {
        const struct apply_field *header = &message->headers.first[i];

        if (header->mark != APPLY_DELETED && header->name.len == len &&
            strncasecmp(header->name.data, name, len) == 0 && n-- == 0)
            return header;
    }
    return NULL;
}

static a6_str header_of(const struct apply_message *message, const char *name, unsigned n)
{
    const struct apply_field *header = find_header(message, name, n);

    return header ? str_of(header->value) : a6_str_make(NULL, 0);
}

a6_str a6_test_target_sent(const a6_test *test)
{
    return str_of(test->outcome.upstream.target);
}

int a6_test_arg_sent(const a6_test *test, const char *name, a6_str *value)
{
    const struct apply_fields *args = &test->outcome.upstream.args;
    size_t len = strlen(name);

    for (uint32_t i = 0; i < args->count; i++) {
        const struct apply_field *arg = &args->first[i];

        if (arg->mark != APPLY_DELETED && arg->name.len == len &&
            memcmp(arg->name.data, name, len) == 0) {
            *value = str_of(arg->value);
            return 1;
        }
    }
    *value = a6_str_make(NULL, 0);
    return 0;
}

a6_str a6_test_header_sent(const a6_test *test, const char *name, unsigned n)
{
    return header_of(&test->outcome.upstream, name, n);
}

a6_str a6_test_body_sent(const a6_test *test)
{
    return str_of(test->outcome.upstream.body);
}

unsigned a6_test_status(const a6_test *test)
{
    return test->outcome.client.status;
}

a6_str a6_test_header_seen(const a6_test *test, const char *name, unsigned n)
{
    return header_of(&test->outcome.client, name, n);
}

a6_str a6_test_body_seen(const a6_test *test)
{
    return str_of(test->outcome.client.body);
}

static unsigned count_changes(const struct apply_message *message)
{
    unsigned count = 0;

    if (!message->present)
        return 0;
    count += message->start != APPLY_SAME;
    count += message->body_mark != APPLY_SAME;
    for (uint32_t i = 0; i < message->args.count; i++)
        count += message->args.first[i].mark != APPLY_SAME;
    for (uint32_t i = 0; i < message->headers.count; i++)
        count += message->headers.first[i].mark != APPLY_SAME;
    return count;
}

unsigned a6_test_changes(const a6_test *test)
{
    return count_changes(&test->outcome.upstream) + count_changes(&test->outcome.client);
}

uint64_t a6_test_delayed(const a6_test *test)
{
    return test->stage.delayed_ms;
}

unsigned a6_test_asked(const a6_test *test)
{
    return test->stage.asked;
}

const char *a6_test_log(const a6_test *test)
{
    return test->log ? test->log : "";
}

int a6_test_logged(const a6_test *test, const char *text)
{
    if (strstr(a6_test_log(test), text))
        return 1;
    fprintf(stderr, "a6 test: \"%s\" is not in the log:\n%s", text, a6_test_log(test));
    return 0;
}

static void print_str(const char *what, a6_str text)
{
    if (text.data)
        fprintf(stderr, "  %s \"%.*s\" (%zu bytes)\n", what,
                (int)(text.len < 4096 ? text.len : 4096), text.data, text.len);
    else
        fprintf(stderr, "  %s nothing\n", what);
}

int a6_test_is(a6_str actual, const char *expected)
{
    a6_str wanted = a6_str_from(expected);

    if (!actual.data == !wanted.data && a6_str_equal(actual, wanted))
        return 1;
    fputs("a6 test: not the same:\n", stderr);
    print_str("expected", wanted);
    print_str("but it is", actual);
    return 0;
}
