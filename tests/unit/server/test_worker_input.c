/* SPDX-License-Identifier: Apache-2.0 */
/* How much room a connection's input makes for what its peer announces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "server/worker_exchange.h"

/* A full buffer with `whole` bytes of whole frames, and behind them the beginning of one. */
static void fill(struct input *in, size_t capacity, size_t whole, uint32_t announced)
{
    in->data = calloc(1, capacity);
    assert_non_null(in->data);
    in->start = 0;
    in->len = in->capacity = capacity;
    if (whole)
        frame_put_header(in->data, FRAME_PREPARE_CONF, (uint32_t)(whole - FRAME_HEADER_SIZE));
    frame_put_header(in->data + whole, FRAME_HTTP_REQ_CALL, announced);
}

static void suffices_for_a_frame_that_is_announced(void **state)
{
    const uint32_t announced = 8 * INPUT_FIRST;
    struct input in;

    (void)state;
    fill(&in, INPUT_FIRST, 0, announced);
    assert_int_equal(input_make_room(&in), 0);
    assert_true(in.capacity >= FRAME_HEADER_SIZE + announced);
    free(in.data);
}

static void is_no_more_than_the_peer_has_earned(void **state)
{
    struct input in;

    (void)state;
    fill(&in, INPUT_FIRST, 0, FRAME_PAYLOAD_MAX);
    assert_int_equal(input_make_room(&in), 0);
    assert_true(in.capacity > INPUT_FIRST);
    /* Sizes are rounded up to a power of two. */
    assert_true(in.capacity <= 2 * (INPUT_TRUST + 1) * INPUT_FIRST);
    free(in.data);
}

/* They will be handled, and then the large one has its place. */
static void whole_frames_before_a_large_one_are_no_error(void **state)
{
    const size_t capacity = 2 << 20;
    struct input in;

    (void)state;
    fill(&in, capacity, capacity / 2, FRAME_PAYLOAD_MAX);
    assert_int_equal(input_make_room(&in), 0);
    assert_int_equal(in.capacity, INPUT_MAX);
    in.len = in.capacity;
    assert_int_equal(input_make_room(&in), -EMSGSIZE);
    free(in.data);
}

static void what_has_room_stays(void **state)
{
    struct input in;

    (void)state;
    fill(&in, INPUT_FIRST, 0, FRAME_PAYLOAD_MAX);
    in.len--;
    assert_int_equal(input_make_room(&in), 0);
    assert_int_equal(in.capacity, INPUT_FIRST);
    free(in.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffices_for_a_frame_that_is_announced),
        cmocka_unit_test(is_no_more_than_the_peer_has_earned),
        cmocka_unit_test(whole_frames_before_a_large_one_are_no_error),
        cmocka_unit_test(what_has_room_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
