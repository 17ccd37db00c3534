/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/frame.h"

static void header_in_network_order(void **state)
{
    const uint8_t expected[] = {4, 0x12, 0x34, 0x56};
    uint8_t header[4];

    (void)state;
    frame_put_header(header, FRAME_HTTP_RESP_CALL, 0x123456);
    assert_memory_equal(header, expected, sizeof(header));
}

static void finds_a_frame(void **state)
{
    const uint8_t data[] = {2, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0};
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse(data, sizeof(data), &frame), 0);
    assert_int_equal(frame.type, FRAME_HTTP_REQ_CALL);
    assert_int_equal(frame.size, 3);
    assert_ptr_equal(frame.payload, data + 4);
    assert_int_equal(frame_parse(data + 7, 4, &frame), 0);
    assert_int_equal(frame.type, FRAME_PREPARE_CONF);
    assert_int_equal(frame.size, 0);
}

static void says_what_is_missing(void **state)
{
    const uint8_t data[] = {3, 0, 0, 2, 'a', 'b'};
    struct frame frame;

    (void)state;
    for (size_t len = 0; len < 4; len++)
        assert_int_equal(frame_parse(data, len, &frame), FRAME_NEED_HEADER);
    for (size_t len = 4; len < 6; len++) {
        memset(&frame, 0xff, sizeof(frame));
        assert_int_equal(frame_parse(data, len, &frame), FRAME_NEED_PAYLOAD);
        assert_int_equal(frame.type, FRAME_EXTRA_INFO);
        assert_int_equal(frame.size, 2);
    }
    assert_int_equal(frame_parse(data, 6, &frame), 0);
}

static void takes_any_type_and_length(void **state)
{
    const uint8_t data[] = {0xfe, 0xff, 0xff, 0xff};
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse(data, sizeof(data), &frame), FRAME_NEED_PAYLOAD);
    assert_int_equal(frame.type, 0xfe);
    assert_int_equal(frame.size, FRAME_PAYLOAD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_in_network_order),
        cmocka_unit_test(finds_a_frame),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(takes_any_type_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
