/* SPDX-License-Identifier: Apache-2.0 */
/* How records leave the store: by age and for want of room. */
#include "store_fixture.h"

#include <sys/mman.h>
#include <unistd.h>

#define NOW 1000000u

static void test_a_record_ends_with_its_time(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t token = prepare(store, "k", "v", NOW);

    (void)state;
    assert_true(found(store, token, NOW + TTL - 1));
    assert_false(found(store, token, NOW + TTL));
    assert_int_equal(conf_store_expires(store, token), NOW + TTL);
    assert_int_equal(stats_of(store).count, 1);
    conf_store_expire(store, NOW + TTL - 1);
    assert_int_equal(stats_of(store).count, 1);
    conf_store_expire(store, NOW + TTL);
    assert_int_equal(stats_of(store).count, 0);
    assert_int_equal(stats_of(store).bytes, 0);
    assert_int_equal(stats_of(store).evicted, 0);
    assert_int_equal(conf_store_expires(store, token), 0);
    assert_false(found(store, token, NOW));
    check_whole(store);
    conf_store_close(store);
}

static void test_expire_says_when_to_come_again(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);

    (void)state;
    assert_int_equal(conf_store_expire(store, NOW), 0);
    prepare(store, "a", "", NOW);
    prepare(store, "b", "", NOW + 300);
    assert_int_equal(conf_store_expire(store, NOW + 400), TTL - 400);
    assert_int_equal(conf_store_expire(store, NOW + TTL + 100), 200);
    assert_int_equal(conf_store_expire(store, NOW + TTL + 300), TTL - 300);
    assert_int_equal(conf_store_expire(store, NOW + 2 * TTL + 299), 1);
    assert_int_equal(conf_store_expire(store, NOW + 2 * TTL + 300), 0);
    conf_store_close(store);
}

static void test_a_record_prepared_again_lives_on(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t other = prepare(store, "other", "v", NOW);
    uint32_t token = prepare(store, "k", "v", NOW);

    (void)state;
    prepare(store, "later", "v", NOW + 10);
    assert_int_equal(prepare(store, "k", "v", NOW + TTL / 2), token);
    assert_int_equal(conf_store_expires(store, token), NOW + TTL / 2 + TTL);
    /* A clock that some thread read a little earlier takes nothing back. */
    assert_int_equal(prepare(store, "k", "v", NOW), token);
    assert_int_equal(conf_store_expires(store, token), NOW + TTL / 2 + TTL);
    conf_store_expire(store, NOW + TTL + 10);
    assert_false(found(store, other, NOW + TTL));
    assert_true(means(store, token, "k", "v", NOW + TTL));
    assert_int_equal(stats_of(store).count, 1);
    check_whole(store);
    conf_store_expire(store, NOW + TTL / 2 + TTL);
    assert_false(found(store, token, NOW + TTL / 2 + TTL));
    check_whole(store);
    conf_store_close(store);
}

static void test_an_expired_record_may_come_back_before_it_is_swept(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t blocker = prepare(store, "first", "v", NOW);
    uint32_t token;

    (void)state;
    /* What lies at the tail is swept by a prepare too, so put it behind others. */
    for (unsigned i = 0; i < 20; i++)
        prepare_number(store, i, 10, NOW);
    token = prepare(store, "k", "v", NOW);
    assert_int_equal(prepare(store, "k", "v", NOW + TTL + 5), token);
    assert_true(means(store, token, "k", "v", NOW + TTL + 5));
    assert_false(found(store, blocker, NOW + TTL + 5));
    check_whole(store);
    conf_store_close(store);
}

static void test_a_swept_content_gets_its_token_again(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t token = prepare(store, "k", "v", NOW);

    (void)state;
    conf_store_expire(store, NOW + TTL);
    assert_int_equal(store->shared->tombstones, 1);
    assert_int_equal(prepare(store, "k", "v", NOW + TTL), token);
    assert_int_equal(store->shared->tombstones, 0);
    assert_true(means(store, token, "k", "v", NOW + TTL));
    check_whole(store);
    conf_store_expire(store, NOW + 3 * TTL);
    assert_int_equal(store->shared->tombstones, 0);
    assert_int_equal(prepare(store, "k", "v", NOW + 3 * TTL), token);
    conf_store_close(store);
}

static void test_the_oldest_goes_when_there_are_too_many(void **state)
{
    enum { MAX = 50 };
    struct conf_store *store = store_make(1 << 20, MAX);
    uint32_t tokens[3 * MAX];

    (void)state;
    for (unsigned i = 0; i < 3 * MAX; i++) {
        tokens[i] = prepare_number(store, i, 100, NOW + i);
        assert_int_equal(stats_of(store).count, i < MAX ? i + 1 : MAX);
        check_whole(store);
    }
    for (unsigned i = 0; i < 3 * MAX; i++)
        assert_int_equal(means_number(store, tokens[i], i, NOW + 3 * MAX), i >= 2 * MAX);
    assert_int_equal(stats_of(store).evicted, 2 * MAX);
    conf_store_close(store);
}

static void test_the_oldest_goes_when_memory_is_used_up(void **state)
{
    enum { COUNT = 2000 };
    struct conf_store *store = store_make(1 << 17, 100000);
    uint32_t tokens[COUNT];
    unsigned alive = 0;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        tokens[i] = prepare_number(store, i, 100 + i % 700, NOW + i);
        assert_int_not_equal(tokens[i], 0);
        assert_true(means_number(store, tokens[i], i, NOW + i));
    }
    check_whole(store);
    for (unsigned i = 0; i < COUNT; i++) {
        bool there = means_number(store, tokens[i], i, NOW + COUNT);

        /* Once one lives, all later ones do. */
        assert_true(there || !alive);
        alive += there;
    }
    assert_int_equal(alive, stats_of(store).count);
    assert_int_equal(alive + stats_of(store).evicted, COUNT);
    assert_true(stats_of(store).bytes <= 1 << 17);
    assert_true(stats_of(store).bytes >= 1 << 16);
    conf_store_close(store);
}

static void test_a_record_in_use_is_not_the_oldest(void **state)
{
    enum { MAX = 50 };
    struct conf_store *store = store_make(1 << 20, MAX);
    uint32_t used = prepare(store, "in", "use", NOW);

    (void)state;
    for (unsigned i = 1; i < 10 * MAX; i++) {
        prepare_number(store, i, 100, NOW + i);
        assert_int_equal(prepare(store, "in", "use", NOW + i), used);
    }
    assert_true(means(store, used, "in", "use", NOW + 10 * MAX));
    /* It was never taken out and put in anew. */
    assert_int_equal(stats_of(store).evicted, 10 * MAX - MAX);
    check_whole(store);
    conf_store_close(store);
}

static unsigned resident_pages(struct conf_store *store)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t once = store->mapping_size - store->ring_size;
    size_t pages = once / page;
    unsigned char *in_memory = malloc(pages);
    unsigned count = 0;

    assert_non_null(in_memory);
    assert_int_equal(mincore(store->mapping, once, in_memory), 0);
    for (size_t i = 0; i < pages; i++)
        count += in_memory[i] & 1;
    free(in_memory);
    return count;
}

static void test_memory_is_given_back(void **state)
{
    enum { COUNT = 20000 };
    struct conf_store *store = store_make(64 << 20, 1000000);
    unsigned fresh = resident_pages(store);
    unsigned full;

    (void)state;
    assert_true(fresh <= 4);
    for (unsigned i = 0; i < COUNT; i++)
        prepare_number(store, i, 150, NOW);
    full = resident_pages(store);
    assert_true(full > COUNT * 200 / 4096);
    assert_true(full < COUNT * 320 / 4096);
    conf_store_expire(store, NOW + TTL);
    /* Tombstones are left. */
    assert_true(resident_pages(store) < full / 2);
    assert_int_equal(conf_store_expire(store, NOW + 2 * TTL), 0);
    assert_true(resident_pages(store) <= fresh + 4);
    assert_int_not_equal(prepare_number(store, 1, 150, NOW + 2 * TTL), 0);
    check_whole(store);
    conf_store_close(store);
}

/* Nobody calls conf_store_expire: prepares alone keep it small. */
static void test_a_steady_stream_takes_no_more_memory_with_time(void **state)
{
    struct conf_store *store = store_make(64 << 20, 1000000);
    unsigned most = 0;

    (void)state;
    for (unsigned i = 0; i < 20 * TTL; i++) {
        prepare_number(store, i, 150, NOW + i);
        if (i % 5000)
            continue;
        if (i <= 4 * TTL)
            most = resident_pages(store) > most ? resident_pages(store) : most;
        else
            assert_true(resident_pages(store) < most + most / 4);
    }
    assert_int_equal(stats_of(store).evicted, 0);
    assert_in_range(stats_of(store).count, TTL, TTL + 10);
    check_whole(store);
    conf_store_close(store);
}

/* Pages are given back also where what is free goes over the ring's end. */
static void test_memory_is_given_back_over_the_end(void **state)
{
    enum { COUNT = 3000 };
    struct conf_store *store = store_make(1 << 20, 100000);
    unsigned fresh = resident_pages(store);
    uint64_t now = NOW;

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        uint32_t token = 0;

        for (unsigned i = 0; i < COUNT; i++)
            token = prepare_number(store, i, 150, now);
        assert_int_equal(stats_of(store).count, COUNT);
        assert_true(means_number(store, token, COUNT - 1, now));
        now += 2 * TTL;
        conf_store_expire(store, now);
        assert_true(resident_pages(store) <= fresh + 4);
    }
    assert_true(store->shared->head > 5 * store->ring_size);
    assert_int_equal(stats_of(store).evicted, 0);
    check_whole(store);
    conf_store_close(store);
}

/* Times, sizes and repeats as they come, in a ring that is often full. */
static void test_all_mixed_stays_whole(void **state)
{
    enum { CONTENTS = 300 };
    uint32_t tokens[CONTENTS] = {0};
    struct conf_store *store = store_make(1 << 16, 200);
    uint64_t now = NOW;
    unsigned seed = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        unsigned number = (unsigned)rand_r(&seed) % CONTENTS;
        size_t size = number % 17 == 0 ? 2000 + number * 20 : 20 + number;
        uint32_t token;

        now += (unsigned)rand_r(&seed) % 200;
        if (i % 1000 == 999)
            now += TTL;
        if (i % 97 == 0)
            conf_store_expire(store, now);
        token = prepare_number(store, number, size, now);
        assert_int_not_equal(token, 0);
        if (tokens[number])
            assert_int_equal(token, tokens[number]);
        tokens[number] = token;
        assert_true(means_number(store, token, number, now));
        number = (unsigned)rand_r(&seed) % CONTENTS;
        if (tokens[number] && found(store, tokens[number], now))
            assert_true(means_number(store, tokens[number], number, now));
        if (i % 50 == 0)
            check_whole(store);
    }
    conf_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_ends_with_its_time),
        cmocka_unit_test(test_expire_says_when_to_come_again),
        cmocka_unit_test(test_a_record_prepared_again_lives_on),
        cmocka_unit_test(test_an_expired_record_may_come_back_before_it_is_swept),
        cmocka_unit_test(test_a_swept_content_gets_its_token_again),
        cmocka_unit_test(test_the_oldest_goes_when_there_are_too_many),
        cmocka_unit_test(test_the_oldest_goes_when_memory_is_used_up),
        cmocka_unit_test(test_a_record_in_use_is_not_the_oldest),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_a_steady_stream_takes_no_more_memory_with_time),
        cmocka_unit_test(test_memory_is_given_back_over_the_end),
        cmocka_unit_test(test_all_mixed_stays_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
