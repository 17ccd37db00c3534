/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/control.h"
#include "support/fail_call.h"

static int pair[2];

static int make_pair(void **state)
{
    (void)state;
    return control_pair(pair);
}

static int close_pair(void **state)
{
    (void)state;
    fail_call_off();
    close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
    return 0;
}

static void carries_type_value_and_text(void **state)
{
    struct control_message message;

    (void)state;
    assert_int_equal(control_send(pair[0], CONTROL_FAILED, 7, "it is so", -1), 0);
    assert_int_equal(control_send(pair[0], CONTROL_SERVE, UINT32_MAX, NULL, -1), 0);
    assert_int_equal(control_send(pair[0], CONTROL_RECYCLE, 0, "", -1), 0);
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(message.type, CONTROL_FAILED);
    assert_int_equal(message.value, 7);
    assert_string_equal(message.text, "it is so");
    assert_int_equal(message.fd, -1);
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(message.type, CONTROL_SERVE);
    assert_int_equal(message.value, UINT32_MAX);
    assert_string_equal(message.text, "");
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(message.type, CONTROL_RECYCLE);
}

static void cuts_long_text(void **state)
{
    static char text[3 * CONTROL_TEXT_MAX];
    struct control_message message;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(control_send(pair[0], CONTROL_FAILED, 0, text, -1), 0);
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(strlen(message.text), CONTROL_TEXT_MAX - 1);
}

static void is_closed_on_exec(void **state)
{
    (void)state;
    assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(pair[1], F_GETFD) & FD_CLOEXEC);
}

static void passes_a_descriptor(void **state)
{
    struct control_message message;
    int ends[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(control_send(pair[0], CONTROL_CONNECTION, 0, "with text", ends[1]), 0);
    close(ends[1]);
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(message.type, CONTROL_CONNECTION);
    assert_string_equal(message.text, "with text");
    assert_true(message.fd >= 0);
    assert_true(fcntl(message.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(message.fd, "!", 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, '!');
    close(message.fd);
    close(ends[0]);
}

static void end_of_the_stream_is_a_broken_pipe(void **state)
{
    struct control_message message;

    (void)state;
    assert_int_equal(control_send(pair[1], CONTROL_READY, 0, NULL, -1), 0);
    close(pair[1]);
    pair[1] = -1;
    assert_int_equal(control_receive(pair[0], &message), 0);
    assert_int_equal(control_receive(pair[0], &message), -EPIPE);
    assert_int_equal(control_send(pair[0], CONTROL_SERVE, 0, NULL, -1), -EPIPE);
}

/* Unread messages of ours make the kernel say "reset" to the other side. */
static void a_dead_reader_is_the_end_too(void **state)
{
    struct control_message message;

    (void)state;
    assert_int_equal(control_send(pair[0], CONTROL_SERVE, 0, NULL, -1), 0);
    close(pair[1]);
    pair[1] = -1;
    assert_int_equal(control_receive(pair[0], &message), -EPIPE);
}

static void never_blocks_when_the_socket_does_not(void **state)
{
    struct control_message message;
    int error;

    (void)state;
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(control_receive(pair[0], &message), -EAGAIN);
    do
        error = control_send(pair[0], CONTROL_SERVE, 0, "text", -1);
    while (!error);
    assert_int_equal(error, -EAGAIN);
}

static void tries_again_when_interrupted(void **state)
{
    struct control_message message;

    (void)state;
    fail_call_after(FAIL_SEND, 0, EINTR);
    assert_int_equal(control_send(pair[0], CONTROL_SERVE, 1, NULL, -1), 0);
    fail_call_off();
    assert_int_equal(control_receive(pair[1], &message), 0);
    fail_call_after(FAIL_SEND, 0, ENOBUFS);
    assert_int_equal(control_send(pair[0], CONTROL_SERVE, 1, NULL, -1), -ENOBUFS);
}

static void refuses_what_is_no_message(void **state)
{
    struct control_message message;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct iovec iov = {"abc", 3};
    struct msghdr sent = {.msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = ancillary.bytes,
                          .msg_controllen = sizeof(ancillary.bytes)};
    int ends[2];
    char byte;

    (void)state;
    assert_int_equal(send(pair[0], "abcdefg", 7, 0), 7);
    assert_int_equal(control_receive(pair[1], &message), -EBADMSG);

    /* The descriptor in it is not kept. */
    assert_int_equal(pipe(ends), 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&sent);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
    assert_int_equal(sendmsg(pair[0], &sent, 0), 3);
    close(ends[1]);
    assert_int_equal(control_receive(pair[1], &message), -EBADMSG);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

static void cuts_a_message_that_is_too_long(void **state)
{
    struct control_message message;
    uint32_t words[1024] = {CONTROL_QUARANTINE, 5};

    (void)state;
    memset(words + 2, 'y', sizeof(words) - 8);
    assert_int_equal(send(pair[0], words, sizeof(words), 0), sizeof(words));
    assert_int_equal(control_receive(pair[1], &message), 0);
    assert_int_equal(message.value, 5);
    assert_int_equal(strlen(message.text), CONTROL_TEXT_MAX - 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_type_value_and_text),
        TEST(cuts_long_text),
        TEST(is_closed_on_exec),
        TEST(passes_a_descriptor),
        TEST(end_of_the_stream_is_a_broken_pipe),
        TEST(a_dead_reader_is_the_end_too),
        TEST(never_blocks_when_the_socket_does_not),
        TEST(tries_again_when_interrupted),
        TEST(refuses_what_is_no_message),
        TEST(cuts_a_message_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
