/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that hash to one token. The hash is replaced by one that says what the
 * tokens of a content are: its key is "t0,t1,t2...", one number for each attempt. */
#include "store_fixture.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/store_hash.h"

#define NOW 1000000u

static uint32_t token_from_key(const void *data, size_t len, uint32_t attempt)
{
    /* Behind the count and the key's length. */
    const char *at = (const char *)data + 8;

    assert_true(len > 8);
    for (; attempt; attempt--) {
        const char *next = strchr(at, ',');

        if (!next)
            break;
        at = next + 1;
    }
    return (uint32_t)strtoul(at, NULL, 10);
}

static int set_up(void **state)
{
    *state = store_make(1 << 16, 8);
    store_hash_token_hook = token_from_key;
    return 0;
}

static int tear_down(void **state)
{
    store_hash_token_hook = NULL;
    conf_store_close(*state);
    return 0;
}

static void test_a_token_is_never_0(void **state)
{
    struct conf_store *store = *state;

    assert_int_equal(prepare(store, "0", "a", NOW), 1);
    assert_true(means(store, 1, "0", "a", NOW));
}

static void test_two_contents_of_one_token_are_told_apart(void **state)
{
    struct conf_store *store = *state;

    for (int round = 0; round < 3; round++) {
        assert_int_equal(prepare(store, "7,8,9", "a", NOW), 7);
        assert_int_equal(prepare(store, "7,8,9", "b", NOW), 8);
        assert_int_equal(prepare(store, "7,8,9", "c", NOW), 9);
        assert_int_equal(prepare(store, "9,10", "d", NOW), 10);
        assert_int_equal(stats_of(store).collisions, 3);
    }
    assert_true(means(store, 7, "7,8,9", "a", NOW));
    assert_true(means(store, 8, "7,8,9", "b", NOW));
    assert_true(means(store, 9, "7,8,9", "c", NOW));
    assert_true(means(store, 10, "9,10", "d", NOW));
    check_whole(store);
}

static void test_a_content_keeps_its_token_when_the_other_is_gone(void **state)
{
    struct conf_store *store = *state;

    assert_int_equal(prepare(store, "7,8", "a", NOW), 7);
    assert_int_equal(prepare(store, "7,8", "b", NOW), 8);
    for (unsigned i = 1; i < 10; i++) {
        uint64_t now = NOW + i * (TTL / 2);

        conf_store_expire(store, now);
        assert_int_equal(prepare(store, "7,8", "b", now), 8);
        assert_true(means(store, 8, "7,8", "b", now));
        assert_int_equal(found(store, 7, now), i < 2);
    }
    /* Nobody can hold 7 any more, so it is free for the one it belongs to. */
    assert_int_equal(prepare(store, "7,8", "a", NOW + 5 * TTL), 7);
    check_whole(store);
}

static void test_a_dead_token_means_nothing_else_while_it_may_be_held(void **state)
{
    struct conf_store *store = *state;

    assert_int_equal(prepare(store, "7,8", "a", NOW), 7);
    conf_store_expire(store, NOW + TTL);
    assert_false(found(store, 7, NOW + TTL));
    assert_int_equal(prepare(store, "7,8", "b", NOW + TTL), 8);
    assert_int_equal(prepare(store, "7,9", "c", NOW + 2 * TTL - 1), 9);
    assert_false(found(store, 7, NOW + 2 * TTL - 1));
    /* Its own content gets it again, also now. */
    assert_int_equal(prepare(store, "7,8", "a", NOW + 2 * TTL - 1), 7);
    conf_store_expire(store, NOW + 4 * TTL);
    assert_int_equal(prepare(store, "7,8", "d", NOW + 4 * TTL), 7);
    check_whole(store);
}

static void test_an_evicted_token_means_nothing_else(void **state)
{
    struct conf_store *store = *state;
    char key[32];

    assert_int_equal(prepare(store, "7,8", "a", NOW), 7);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "%u", 100 + i);
        prepare(store, key, "x", NOW + i);
    }
    assert_false(found(store, 7, NOW + 10));
    assert_int_equal(stats_of(store).evicted, 1);
    assert_int_equal(prepare(store, "7,8", "b", NOW + 10), 8);
    assert_int_equal(prepare(store, "7,8", "a", NOW + 11), 7);
    assert_true(means(store, 7, "7,8", "a", NOW + 11));
    assert_true(means(store, 8, "7,8", "b", NOW + 11));
    check_whole(store);
}

/* A collided content that went away and comes back finds the token it had, although
 * its first one is free by then. */
static void test_a_collided_content_comes_back_to_its_token(void **state)
{
    struct conf_store *store = *state;

    assert_int_equal(prepare(store, "7,8", "a", NOW), 7);
    assert_int_equal(prepare(store, "7,8", "b", NOW + TTL - 1), 8);
    conf_store_expire(store, NOW + 2 * TTL);
    assert_int_equal(prepare(store, "7,8", "b", NOW + 2 * TTL), 8);
}

static void test_no_token_left_is_an_error(void **state)
{
    struct conf_store *store = *state;
    struct wire_pair pair = {str("say"), str("b")};
    uint32_t token = 5;

    assert_int_equal(prepare(store, "7", "a", NOW), 7);
    assert_int_equal(prepare_pairs(store, str("7"), &pair, 1, NOW, &token), -ENOSPC);
    assert_int_equal(token, 0);
    assert_true(means(store, 7, "7", "a", NOW));
}

static void test_collisions_are_kept_in_the_file(void **state)
{
    struct conf_store *store = *state;
    struct conf_store *other = store_make(1 << 20, 100);
    char path[] = "/tmp/a6-collision-XXXXXX";
    int fd = mkstemp(path);
    uint64_t now = clock_ms();

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(prepare(store, "7,8", "a", now - 100), 7);
    assert_int_equal(prepare(store, "7,8", "b", now), 8);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(conf_store_load(other, path), 0);
    unlink(path);
    assert_true(means(other, 7, "7,8", "a", now));
    assert_true(means(other, 8, "7,8", "b", now));
    assert_int_equal(prepare(other, "7,8", "b", now), 8);
    assert_int_equal(prepare(other, "7,8", "a", now), 7);
    conf_store_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_token_is_never_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_contents_of_one_token_are_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_content_keeps_its_token_when_the_other_is_gone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_dead_token_means_nothing_else_while_it_may_be_held,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_evicted_token_means_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_collided_content_comes_back_to_its_token, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_token_left_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_collisions_are_kept_in_the_file, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
