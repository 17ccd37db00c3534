/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a line, and what keeps one message from filling the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log_limit.h"
#include "base/log_line.h"

#define HEAD "2026-01-31T12:00:00.123Z WARN [42] "

static const struct log_line_head head = {
    .time = {.tv_sec = 1769860800, .tv_nsec = 123456789}, .level = LOG_WARN, .pid = 42};

static void line_is(const char *text, size_t len, const char *expected)
{
    char line[LOG_LINE_MAX];
    size_t size = log_line_format(line, &head, text, len);

    assert_int_equal(size, strlen(HEAD) + strlen(expected));
    assert_memory_equal(line, HEAD, strlen(HEAD));
    assert_memory_equal(line + strlen(HEAD), expected, strlen(expected));
}

#define LINE_IS(text, expected) line_is(text, sizeof(text) - 1, expected)

static void test_dates(void **state)
{
    const struct {
        int64_t seconds;
        const char *text;
    } dates[] = {
        {0, "1970-01-01T00:00:00"},          {86399, "1970-01-01T23:59:59"},
        {951782400, "2000-02-29T00:00:00"},  {951868800, "2000-03-01T00:00:00"},
        {1709164800, "2024-02-29T00:00:00"}, {1735689599, "2024-12-31T23:59:59"},
        {1735689600, "2025-01-01T00:00:00"}, {4107542400, "2100-03-01T00:00:00"},
        {-5, "1970-01-01T00:00:00"},
    };
    char line[LOG_LINE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct log_line_head at = {.time.tv_sec = dates[i].seconds, .level = LOG_INFO};

        log_line_format(line, &at, "", 0);
        assert_memory_equal(line, dates[i].text, strlen(dates[i].text));
    }
    /* As the C library has it, over a century or so. */
    for (time_t day = 0; day < 60000; day += 13) {
        struct log_line_head at = {.time.tv_sec = day * 86400, .level = LOG_INFO};
        char expected[32];
        struct tm tm;

        gmtime_r(&at.time.tv_sec, &tm);
        strftime(expected, sizeof(expected), "%Y-%m-%dT", &tm);
        log_line_format(line, &at, "", 0);
        assert_memory_equal(line, expected, 11);
    }
}

static void test_text_stays_as_it_is(void **state)
{
    (void)state;
    LINE_IS("", "");
    LINE_IS("plain \\ text \"x\" ~", "plain \\ text \"x\" ~");
    LINE_IS("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0", "na\xc3\xafve \xe2\x82\xac "
                                                                   "\xf0\x9f\x98\x80 \xc2\xa0");
    LINE_IS("the end\r\n\n", "the end");
    LINE_IS("\n", "");
}

static void test_what_could_forge_a_line_is_escaped(void **state)
{
    (void)state;
    LINE_IS("a\nb", "a\\x0ab");
    LINE_IS("a\n2026-01-31T12:00:00.123Z INFO [1] b", "a\\x0a2026-01-31T12:00:00.123Z INFO [1] b");
    LINE_IS("\x1b[31m\x7f\0\t", "\\x1b[31m\\x7f\\x00\\x09");
    /* C1 controls, in UTF-8 and bare. */
    LINE_IS("\xc2\x9b!\x9b", "\\xc2\\x9b!\\x9b");
    /* Broken: alone, cut off, overlong, a surrogate, too high. */
    LINE_IS("\x80", "\\x80");
    LINE_IS("\xe2\x82", "\\xe2\\x82");
    LINE_IS("\xe2\x82x", "\\xe2\\x82x");
    LINE_IS("\xc0\xaf", "\\xc0\\xaf");
    LINE_IS("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
    LINE_IS("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
    LINE_IS("\xed\xa0\x80", "\\xed\\xa0\\x80");
    LINE_IS("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    LINE_IS("\xf5\x80\x80\x80\xff", "\\xf5\\x80\\x80\\x80\\xff");
}

/* Every length of every kind of byte: never too long, never half a character. */
static void test_long_lines_are_cut(void **state)
{
    const char *const kinds[] = {"a", "\xc3\xa9", "\xf0\x9f\x98\x80", "\x01"};
    char line[LOG_LINE_MAX];
    char text[LOG_LINE_MAX + 400];

    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        size_t unit = strlen(kinds[kind]);
        size_t shown = kind == 3 ? 4 : unit;
        size_t room = LOG_LINE_MAX - 1 - strlen(HEAD);

        for (size_t i = 0; i + unit <= sizeof(text); i += unit)
            memcpy(text + i, kinds[kind], unit);
        for (size_t count = room / shown - 8; count < room / shown + 8; count++) {
            size_t size = log_line_format(line, &head, text, count * unit);

            assert_true(size < LOG_LINE_MAX);
            if (count * shown <= room) {
                assert_int_equal(size, strlen(HEAD) + count * shown);
                continue;
            }
            assert_memory_equal(line + size - 3, "...", 3);
            assert_int_equal((size - 3 - strlen(HEAD)) % shown, 0);
            assert_true(size + 1 + 4 > LOG_LINE_MAX - 3);
        }
    }
}

/* ---- repetition ---- */

static struct log_limit limit;
static struct log_limit_held told;

static int clear(void **state)
{
    (void)state;
    memset(&limit, 0, sizeof(limit));
    return 0;
}

static bool pass(const char *text, uint64_t now_ms)
{
    return log_limit_pass(&limit, LOG_WARN, &limit, text, strlen(text), now_ms, &told);
}

static bool due(uint64_t now_ms)
{
    return log_limit_due(&limit, now_ms, false, &told);
}

static void told_is(const char *text, uint32_t count)
{
    assert_int_equal(told.count, count);
    assert_int_equal(told.level, LOG_WARN);
    assert_int_equal(told.len, strlen(text));
    assert_memory_equal(told.text, text, told.len);
}

static void test_a_few_of_one_kind_pass(void **state)
{
    (void)state;
    for (unsigned second = 0; second < 5; second++) {
        for (unsigned i = 0; i < LOG_LIMIT_BURST; i++) {
            assert_true(pass("same", 1000 * second + i));
            assert_int_equal(told.count, 0);
        }
    }
    assert_false(due(100000));
}

static void test_a_flood_is_told_once_a_second(void **state)
{
    unsigned passed = 0;
    unsigned counted = 0;
    unsigned lines = 0;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        passed += pass("same", i);
        if (told.count) {
            told_is("same", told.count);
            counted += told.count;
            lines++;
        }
    }
    assert_int_equal(passed, LOG_LIMIT_BURST);
    assert_int_equal(lines, 9);
    assert_true(log_limit_due(&limit, 10000, true, &told));
    assert_int_equal(passed + counted + told.count, 10000);
    assert_false(log_limit_due(&limit, 10000, true, &told));
}

static void test_the_last_count_is_not_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOG_LIMIT_BURST + 3; i++)
        pass("same", 50);
    assert_false(due(50 + LOG_LIMIT_WINDOW_MS - 1));
    assert_true(due(50 + LOG_LIMIT_WINDOW_MS));
    told_is("same", 3);
    assert_false(due(100000));
    /* Quiet for a while: it may speak again. */
    assert_true(pass("same", 100000));
}

static void test_others_are_not_held_back(void **state)
{
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        pass("same", 0);
    assert_true(pass("other", 0));
    assert_true(log_limit_pass(&limit, LOG_WARN, &told, "same", 4, 0, &told));
    assert_true(log_limit_pass(&limit, LOG_ERROR, &limit, "same", 4, 0, &told));
    clear(NULL);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "call %u", i);
        assert_true(pass(text, 0));
    }
}

static void test_a_count_that_loses_its_place_is_told(void **state)
{
    unsigned counted = 0;
    char text[32];

    (void)state;
    for (unsigned i = 0; i < LOG_LIMIT_BURST + 7; i++)
        pass("same", 0);
    for (unsigned i = 0; i < 10000 && !counted; i++) {
        snprintf(text, sizeof(text), "call %u", i);
        assert_true(pass(text, 1));
        counted = told.count;
    }
    told_is("same", 7);
    assert_int_equal(limit.waiting, 0);
}

static void test_of_a_long_text_the_beginning_is_kept(void **state)
{
    char text[LOG_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (unsigned i = 0; i < LOG_LIMIT_BURST + 1; i++)
        pass(text, 0);
    assert_true(due(LOG_LIMIT_WINDOW_MS));
    assert_int_equal(told.len, LOG_LIMIT_TEXT);
    assert_memory_equal(told.text, text, LOG_LIMIT_TEXT);
}

static void text_after_head(const char *line, const char *text)
{
    assert_string_equal(line + log_line_text(line, strlen(line)), text);
}

static void test_the_text_of_a_line_is_found(void **state)
{
    (void)state;
    text_after_head("2026-01-31T12:00:00.123Z INFO [12] a [b] c", "a [b] c");
    text_after_head("2026-01-31T12:00:00.123Z INFO [12] ", "");
    text_after_head("no head", "no head");
    text_after_head("cut]", "cut]");
    text_after_head("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_text_stays_as_it_is),
        cmocka_unit_test(test_what_could_forge_a_line_is_escaped),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_the_text_of_a_line_is_found),
        cmocka_unit_test_setup(test_a_few_of_one_kind_pass, clear),
        cmocka_unit_test_setup(test_a_flood_is_told_once_a_second, clear),
        cmocka_unit_test_setup(test_the_last_count_is_not_lost, clear),
        cmocka_unit_test_setup(test_others_are_not_held_back, clear),
        cmocka_unit_test_setup(test_a_count_that_loses_its_place_is_told, clear),
        cmocka_unit_test_setup(test_of_a_long_text_the_beginning_is_kept, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
