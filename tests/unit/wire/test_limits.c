/* SPDX-License-Identifier: Apache-2.0 */
/* The greatest frame, bodies that stay outside, outputs that do not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

#define TEXT(literal) ((struct wire_str){literal, sizeof(literal) - 1})

static char *big; /* more than any frame holds */
enum { BIG = FRAME_PAYLOAD_MAX + 16 };

static int make_big(void **state)
{
    (void)state;
    big = malloc(BIG);
    if (!big)
        return -1;
    memset(big, 'x', BIG);
    return 0;
}

static int free_big(void **state)
{
    (void)state;
    free(big);
    return 0;
}

static int grow(struct wire_out *out, size_t more)
{
    uint8_t *data = realloc(out->data, out->len + more);
    if (!data)
        return -ENOMEM;
    out->data = data;
    out->capacity = out->len + more;
    return 0;
}

static int grow_never(struct wire_out *out, size_t more)
{
    (void)out;
    (void)more;
    return -ENOMEM;
}

/* Writes each message that can be large, with a part of it of so many bytes. */
enum { WRITERS = 7 };

static int write_large(unsigned which, struct wire_out *out, uint32_t len)
{
    const struct wire_str large = {big, len};
    const struct wire_pair pair = {TEXT("name"), large};
    const struct wire_pairs pairs = {&pair, 1};

    switch (which) {
    case 0:
        return message_write_http_req_reply(
            out, &(struct message_http_req_reply){.action = MESSAGE_ACTION_STOP, .body = large});
    case 1:
        return message_write_http_resp_reply(out, &(struct message_http_resp_reply){.body = large});
    case 2:
        return message_write_extra_info_reply(out, large);
    case 3:
        return message_write_http_req_reply(
            out, &(struct message_http_req_reply){.action = MESSAGE_ACTION_REWRITE, .args = pairs});
    case 4:
        return message_write_prepare_conf(out, large, (struct wire_pairs){NULL, 0});
    case 5:
        return message_write_http_resp_call(
            out, &(struct message_http_resp_call_write){.headers = pairs});
    default:
        return message_write_extra_info(out, MESSAGE_INFO_VAR, large);
    }
}

static void frames_up_to_the_limit(void **state)
{
    (void)state;
    for (unsigned which = 0; which < WRITERS; which++) {
        struct wire_out out = {.grow = grow, .tail_from = SIZE_MAX};
        uint32_t len = FRAME_PAYLOAD_MAX;
        struct frame frame;

        /* The greatest that fits: what is around it takes less than 200 bytes. */
        while (write_large(which, &out, len) == -EMSGSIZE) {
            assert_int_equal(out.len, 0);
            assert_null(out.data);
            assert_int_equal(out.capacity, 0);
            len--;
        }
        assert_in_range(len, FRAME_PAYLOAD_MAX - 200, FRAME_PAYLOAD_MAX - 1);
        assert_int_equal(frame_parse(out.data, out.len, &frame), 0);
        assert_int_equal(out.len, FRAME_HEADER_SIZE + frame.size);
        /* A string fills up to a multiple of four; a body can fill the last byte. */
        assert_in_range(frame.size, FRAME_PAYLOAD_MAX - (which < 3 ? 0 : 3), FRAME_PAYLOAD_MAX);
        free(out.data);
    }
}

static void too_large_leaves_the_output_as_it_was(void **state)
{
    (void)state;
    for (unsigned which = 0; which < WRITERS; which++) {
        for (unsigned tail = 0; tail < 2; tail++) {
            uint8_t memory[256];
            struct wire_out out = {.data = memory,
                                   .len = 5,
                                   .capacity = sizeof(memory),
                                   .grow = grow_never,
                                   .tail_from = tail ? 1 : SIZE_MAX};
            memset(memory, 7, sizeof(memory));
            assert_int_equal(write_large(which, &out, BIG), -EMSGSIZE);
            assert_int_equal(out.len, 5);
            assert_ptr_equal(out.data, memory);
            assert_null(out.tail);
            for (size_t i = 0; i < sizeof(memory); i++)
                assert_int_equal(memory[i], 7);
        }
    }
}

/* Sizes that would wrap 32 bits; the strings are not looked at. */
static void absurd_sizes_do_not_wrap(void **state)
{
    static struct wire_pair pairs[4096];
    struct wire_out out = {.grow = grow, .tail_from = SIZE_MAX};

    (void)state;
    for (unsigned i = 0; i < 4096; i++)
        pairs[i] = (struct wire_pair){{big, UINT32_MAX}, {big, UINT32_MAX}};
    for (uint32_t count = 1; count <= 4096; count++) {
        const struct message_http_req_reply reply = {
            .action = MESSAGE_ACTION_REWRITE,
            .path = {big, UINT32_MAX},
            .headers = {pairs, count},
            .args = {pairs, count},
            .body = {big, UINT32_MAX},
        };
        assert_int_equal(message_write_http_req_reply(&out, &reply), -EMSGSIZE);
    }
    assert_null(out.data);
}

static void output_that_cannot_grow(void **state)
{
    (void)state;
    for (unsigned which = 0; which < WRITERS; which++) {
        uint8_t memory[64];
        struct wire_out out = {
            .data = memory, .len = 1, .capacity = sizeof(memory), .tail_from = SIZE_MAX};
        assert_int_equal(write_large(which, &out, 64), -EMSGSIZE);
        out.grow = grow_never;
        assert_int_equal(write_large(which, &out, 64), -ENOMEM);
        assert_int_equal(out.len, 1);
        assert_ptr_equal(out.data, memory);
        assert_null(out.tail);
    }
}

/* An output of exactly the frame's size is enough: the size is known beforehand. */
static void output_that_just_fits(void **state)
{
    (void)state;
    for (unsigned which = 0; which < WRITERS; which++) {
        for (uint32_t len = 0; len < 9; len++) {
            struct wire_out first = {.grow = grow, .tail_from = SIZE_MAX};
            assert_int_equal(write_large(which, &first, len), 0);
            uint8_t *memory = malloc(first.len);
            assert_non_null(memory);
            struct wire_out out = {.data = memory, .capacity = first.len, .tail_from = SIZE_MAX};
            assert_int_equal(write_large(which, &out, len), 0);
            assert_int_equal(out.len, first.len);
            assert_memory_equal(out.data, first.data, first.len);
            out =
                (struct wire_out){.data = memory, .capacity = first.len - 1, .tail_from = SIZE_MAX};
            assert_int_equal(write_large(which, &out, len), -EMSGSIZE);
            free(memory);
            free(first.data);
        }
    }
}

static void large_bodies_stay_outside(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 3; which++) {
        const uint32_t len = 100001;
        struct wire_out inside = {.grow = grow, .tail_from = len + 1};
        struct wire_out outside = {.grow = grow, .tail_from = len};

        assert_int_equal(write_large(which, &inside, len), 0);
        assert_null(inside.tail);
        assert_int_equal(write_large(which, &outside, len), 0);
        assert_ptr_equal(outside.tail, big);
        assert_int_equal(outside.tail_len, len);
        assert_int_equal(outside.len + len, inside.len);
        /* The same bytes, and so the same frame length, which counts the tail. */
        assert_memory_equal(outside.data, inside.data, outside.len);
        assert_memory_equal(inside.data + outside.len, outside.tail, len);
        free(inside.data);
        free(outside.data);
    }
}

static void bytes_and_tail_together_verify(void **state)
{
    struct wire_out out = {.grow = grow, .tail_from = 4096};
    const struct message_http_req_reply reply = {
        .action = MESSAGE_ACTION_STOP, .status = 200, .body = {big, 1000003}};
    struct message_http_req_reply_view read;
    struct frame frame;

    (void)state;
    assert_int_equal(message_write_http_req_reply(&out, &reply), 0);
    assert_true(out.len < 200);
    assert_int_equal(frame_parse(out.data, out.len, &frame), FRAME_NEED_PAYLOAD);
    const void *tail = out.tail;
    const size_t tail_len = out.tail_len;
    assert_int_equal(grow(&out, tail_len), 0);
    memcpy(out.data + out.len, tail, tail_len);
    assert_int_equal(frame_parse(out.data, out.len + tail_len, &frame), 0);
    assert_int_equal(FRAME_HEADER_SIZE + frame.size, out.len + tail_len);
    assert_int_equal(message_read_http_req_reply(frame.payload, frame.size, &read), 0);
    assert_int_equal(read.body.len, 1000003);
    assert_memory_equal(read.body.data, big, 1000003);
    free(out.data);
}

/* Every body, from the first byte on; an empty one has nothing to leave outside. */
static void empty_bodies_are_no_tail(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 3; which++) {
        struct wire_out out = {.grow = grow, .tail_from = 0};
        assert_int_equal(write_large(which, &out, 0), 0);
        assert_null(out.tail);
        assert_int_equal(write_large(which, &out, 1), 0);
        assert_ptr_equal(out.tail, big);
        free(out.data);
    }
}

static void nothing_follows_a_tail(void **state)
{
    struct wire_out out = {.grow = grow, .tail_from = 1};

    (void)state;
    assert_int_equal(message_write_extra_info_reply(&out, TEXT("result")), 0);
    const size_t len = out.len;
    assert_int_equal(message_write_error(&out, MESSAGE_BAD_REQUEST), -EINVAL);
    assert_int_equal(out.len, len);
    assert_int_equal(out.tail_len, 6);
    free(out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_up_to_the_limit),
        cmocka_unit_test(too_large_leaves_the_output_as_it_was),
        cmocka_unit_test(absurd_sizes_do_not_wrap),
        cmocka_unit_test(output_that_cannot_grow),
        cmocka_unit_test(output_that_just_fits),
        cmocka_unit_test(large_bodies_stay_outside),
        cmocka_unit_test(bytes_and_tail_together_verify),
        cmocka_unit_test(empty_bodies_are_no_tail),
        cmocka_unit_test(nothing_follows_a_tail),
    };
    return cmocka_run_group_tests(tests, make_big, free_big);
}
