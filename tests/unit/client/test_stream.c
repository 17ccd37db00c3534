/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a socket cut into frames. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/method.h"
#include "client/stream.h"
#include "support/fail_alloc.h"

static int ends[2];

static int setup(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int teardown(void **state)
{
    (void)state;
    close(ends[0]);
    return ends[1] >= 0 ? close(ends[1]) : 0;
}

static void several_frames_in_one_read(void **state)
{
    struct stream stream;
    struct frame frame;
    int full = 1;

    (void)state;
    stream_init(&stream);
    assert_int_equal(stream_next(&stream, &frame), STREAM_WAIT);
    assert_int_equal(stream_receive(&stream, ends[0], &full), STREAM_WAIT);
    assert_int_equal(send(ends[1], "\1\0\0\1a\2\0\0\0\3\0\0\2b", 14, 0), 14);
    assert_int_equal(stream_receive(&stream, ends[0], &full), 0);
    assert_false(full);
    assert_int_equal(stream_next(&stream, &frame), 0);
    assert_int_equal(frame.type, 1);
    assert_memory_equal(frame.payload, "a", 1);
    assert_int_equal(stream_next(&stream, &frame), 0);
    assert_int_equal(frame.size, 0);
    assert_int_equal(stream_next(&stream, &frame), STREAM_WAIT);
    assert_int_equal(send(ends[1], "c", 1, 0), 1);
    assert_int_equal(stream_receive(&stream, ends[0], &full), 0);
    assert_int_equal(stream_next(&stream, &frame), 0);
    assert_memory_equal(frame.payload, "bc", 2);
    stream_free(&stream);
}

static void the_largest_frame(void **state)
{
    const size_t whole = FRAME_HEADER_SIZE + (size_t)FRAME_PAYLOAD_MAX;
    uint8_t *data = malloc(whole);
    struct stream stream;
    struct frame frame;
    size_t sent = 0;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < whole; i++)
        data[i] = (uint8_t)(i * 7);
    frame_put_header(data, FRAME_EXTRA_INFO, FRAME_PAYLOAD_MAX);
    stream_init(&stream);
    while (stream_next(&stream, &frame) != 0) {
        ssize_t now = send(ends[1], data + sent, whole - sent, 0);

        sent += now > 0 ? (size_t)now : 0;
        assert_true(stream_receive(&stream, ends[0], NULL) >= 0);
    }
    assert_int_equal(frame.size, FRAME_PAYLOAD_MAX);
    assert_memory_equal(frame.payload, data + FRAME_HEADER_SIZE, frame.size);
    stream_free(&stream);
    free(data);
}

static void the_end(void **state)
{
    struct stream stream;

    (void)state;
    stream_init(&stream);
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(stream_receive(&stream, ends[0], NULL), STREAM_END);
    assert_int_equal(stream_receive(&stream, -1, NULL), -EBADF);
    stream_free(&stream);
}

static void no_memory(void **state)
{
    struct stream stream;

    (void)state;
    stream_init(&stream);
    fail_alloc_after(0);
    assert_int_equal(stream_receive(&stream, ends[0], NULL), -ENOMEM);
    fail_alloc_off();
    stream_free(&stream);
}

static void methods(void **state)
{
    uint8_t method = 99;

    (void)state;
    assert_int_equal(method_find("GET", 3, &method), 0);
    assert_int_equal(method, 0);
    assert_int_equal(method_find("TRACE", 5, &method), 0);
    assert_int_equal(method, 14);
    assert_string_equal(method_name(13), "PATCH");
    assert_string_equal(method_name(15), "?");
    assert_int_equal(method_find("get", 3, &method), -ENOENT);
    assert_int_equal(method_find("GETX", 4, &method), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_frames_in_one_read, setup, teardown),
        cmocka_unit_test_setup_teardown(the_largest_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
        cmocka_unit_test(methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
