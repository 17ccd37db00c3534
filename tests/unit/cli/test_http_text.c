/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP form and the JSON of what a call changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/http_text.h"
#include "cli/json_text.h"

#define TEXT(literal) ((struct wire_str){.data = "" literal, .len = sizeof(literal) - 1})

static struct apply_field fields[] = {
    {.name = TEXT("host"), .value = TEXT("h")},
    {.name = TEXT("x-new"), .value = TEXT("\xc3\xa9\x1b[2J\n"), .mark = APPLY_ADDED},
    {.name = TEXT("x-old"), .value = TEXT("\xff"), .mark = APPLY_DELETED},
    {.name = TEXT("x"), .value = TEXT("2"), .before = TEXT("1"), .mark = APPLY_CHANGED},
};

static const struct apply_request request = {.method = 2};

static struct apply_outcome rewritten(void)
{
    return (struct apply_outcome){
        .upstream =
            {
                .present = true,
                .target = TEXT("/new"),
                .target_before = TEXT("/old"),
                .start = APPLY_CHANGED,
                .headers = {.first = fields, .count = 4},
                .body = TEXT("a\nb"),
                .body_mark = APPLY_CHANGED,
            },
        .notes = {"beware"},
        .note_count = 1,
    };
}

static char *printed(const struct apply_outcome *outcome, bool json, bool colour)
{
    size_t size;
    char *text = NULL;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    if (json)
        http_text_print_json(to, &request, outcome);
    else
        http_text_print(to, &request, outcome, colour);
    fclose(to);
    return text;
}

static void marks_what_changed(void **state)
{
    struct apply_outcome outcome = rewritten();
    char *text = printed(&outcome, false, false);

    (void)state;
    assert_string_equal(text, "To the upstream:\n"
                              "~ POST /new HTTP/1.1    (was: /old)\n"
                              "  host: h\n"
                              "+ x-new: \xc3\xa9\\x1b[2J\\x0a\n"
                              "- x-old: \\xff\n"
                              "~ x: 2    (was: 1)\n"
                              "\n"
                              "~ a\n"
                              "~ b\n"
                              "\n"
                              "Note: beware.\n");
    free(text);
}

static void colours_only_when_asked(void **state)
{
    struct apply_outcome outcome = rewritten();
    char *text = printed(&outcome, false, true);

    (void)state;
    assert_non_null(strstr(text, "\033[32m+ x-new"));
    assert_non_null(strstr(text, "\033[31m- x-old"));
    free(text);
}

static void an_answer(void **state)
{
    struct apply_outcome outcome = {
        .stopped = true,
        .client = {.present = true, .status = 404, .start = APPLY_ADDED, .body = TEXT("no")},
    };
    char *text = printed(&outcome, false, false);

    (void)state;
    assert_string_equal(text, "To the client:\n+ HTTP/1.1 404 Not Found\n\n  no\n");
    free(text);
}

static void json_is_valid_utf8(void **state)
{
    struct apply_outcome outcome = rewritten();
    char *text;

    (void)state;
    outcome.upstream.body = TEXT("\xff\x01\x02\x03");
    text = printed(&outcome, true, false);
    assert_string_equal(
        text, "{\"stopped\":false,\"upstream\":{\"method\":\"POST\",\"target\":\"/new\","
              "\"target_change\":\"changed\",\"target_before\":\"/old\",\"args\":[],\"headers\":["
              "{\"name\":\"host\",\"value\":\"h\",\"change\":\"same\"},"
              "{\"name\":\"x-new\",\"value\":\"\xc3\xa9\\u001b[2J\\n\",\"change\":\"added\"},"
              "{\"name\":\"x-old\",\"value\":\"\\ufffd\",\"change\":\"deleted\"},"
              "{\"name\":\"x\",\"value\":\"2\",\"change\":\"changed\",\"before\":\"1\"}],"
              "\"body_base64\":\"/wECAw==\",\"body_change\":\"changed\"},"
              "\"notes\":[\"beware\"]}\n");
    free(text);
}

static void utf8_is_judged_strictly(void **state)
{
    (void)state;
    assert_int_equal(json_text_utf8("", 0), 0);
    assert_int_equal(json_text_utf8("a", 1), 1);
    assert_int_equal(json_text_utf8("\xc3\xa9", 2), 2);
    assert_int_equal(json_text_utf8("\xc3\xa9", 1), 0);
    assert_int_equal(json_text_utf8("\xe4\xbd\xa0", 3), 3);
    assert_int_equal(json_text_utf8("\xf0\x9f\x98\x80", 4), 4);
    assert_int_equal(json_text_utf8("\xc0\xaf", 2), 0);         /* overlong */
    assert_int_equal(json_text_utf8("\xe0\x80\xaf", 3), 0);     /* overlong */
    assert_int_equal(json_text_utf8("\xed\xa0\x80", 3), 0);     /* surrogate */
    assert_int_equal(json_text_utf8("\xf4\x90\x80\x80", 4), 0); /* above U+10FFFF */
    assert_int_equal(json_text_utf8("\x80", 1), 0);
    assert_int_equal(json_text_utf8("\xc3(", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_what_changed),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(an_answer),
        cmocka_unit_test(json_is_valid_utf8),
        cmocka_unit_test(utf8_is_judged_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
