/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the store that a stranger wrote over: entries may be lost, answers are
 * never wrong. */
#include "store_fixture.h"

#include "conf/store_hash.h"

#define NOW 1000000u
#define RECORDS 60u

static struct conf_store *fill(uint32_t *tokens)
{
    struct conf_store *store = store_make(1 << 16, 80);

    for (unsigned i = 0; i < 20; i++)
        prepare_number(store, 1000 + i, 30, NOW - TTL);
    conf_store_expire(store, NOW);
    for (unsigned i = 0; i < RECORDS; i++)
        tokens[i] = prepare_number(store, i, 100 + i, NOW);
    return store;
}

static unsigned count_found(struct conf_store *store, const uint32_t *tokens)
{
    unsigned count = 0;

    for (unsigned i = 0; i < RECORDS; i++) {
        assert_false(means_another(store, tokens[i], i, NOW));
        count += found(store, tokens[i], NOW);
    }
    return count;
}

static struct store_entry *entry_of(struct conf_store *store, uint32_t token)
{
    uint64_t *slot = store_index_find(store, token);

    assert_non_null(slot);
    return store_ring_entry(store, *slot);
}

static void test_a_content_written_over_is_not_found(void **state)
{
    uint32_t tokens[RECORDS];
    struct conf_store *store = fill(tokens);

    (void)state;
    entry_of(store, tokens[5])->content[20] ^= 1;
    assert_false(found(store, tokens[5], NOW));
    assert_int_equal(count_found(store, tokens), RECORDS - 1);
    check_whole(store);
    assert_int_equal(prepare_number(store, 5, 105, NOW), tokens[5]);
    assert_int_equal(count_found(store, tokens), RECORDS);
    conf_store_close(store);
}

/* Sound as an entry, but its content says more than it has. */
static void test_a_content_that_is_none_is_not_found(void **state)
{
    uint32_t tokens[RECORDS];
    struct conf_store *store = fill(tokens);
    uint8_t content[64] = {1, 0, 0, 0, 200, 0, 0, 0, 'k'};
    struct store_entry entry = {
        .length = sizeof(content),
        .token = 77,
        .hash = store_hash(content, sizeof(content), 0),
        .order = NOW + TTL,
        .expires = NOW + TTL,
        .state = STORE_RECORD,
    };

    (void)state;
    store_lock(store);
    assert_int_equal(store_add(store, &entry, content, NOW), 0);
    content[0] = 255;
    entry.token = 78;
    entry.hash = store_hash(content, sizeof(content), 0);
    assert_int_equal(store_add(store, &entry, content, NOW), 0);
    entry.token = 79;
    entry.length = 3;
    entry.hash = store_hash(content, 3, 0);
    assert_int_equal(store_add(store, &entry, content, NOW), 0);
    /* A key that does not end in a NUL. */
    memcpy(content, (uint8_t[]){0, 0, 0, 0, 3, 0, 0, 0, 'k', 'e', 'y', '!'}, 12);
    entry.token = 80;
    entry.length = 12;
    entry.hash = store_hash(content, 12, 0);
    assert_int_equal(store_add(store, &entry, content, NOW), 0);
    store_unlock(store);
    for (uint32_t token = 77; token < 81; token++)
        assert_false(found(store, token, NOW));
    assert_int_equal(stats_of(store).count, RECORDS);
    check_whole(store);
    conf_store_close(store);
}

static void test_an_entry_written_over_ends_the_ring_there(void **state)
{
    uint32_t tokens[RECORDS];
    struct conf_store *store = fill(tokens);

    (void)state;
    entry_of(store, tokens[20])->size += 8;
    assert_int_equal(count_found(store, tokens), RECORDS - 1);
    store_lock(store);
    store_repair(store, 0);
    store_unlock(store);
    check_whole(store);
    assert_int_equal(count_found(store, tokens), 20);
    conf_store_close(store);
}

/* The worst that could be: another token in front of a content. */
static void test_a_token_written_over_means_nothing(void **state)
{
    uint32_t tokens[RECORDS];
    struct conf_store *store = fill(tokens);
    struct store_entry *entry = entry_of(store, tokens[20]);

    (void)state;
    entry->token ^= 1;
    store_lock(store);
    store_repair(store, 0);
    store_unlock(store);
    assert_false(found(store, tokens[20] ^ 1, NOW));
    assert_false(found(store, tokens[20], NOW));
    check_whole(store);
    conf_store_close(store);
}

static void test_an_index_written_over_is_made_anew(void **state)
{
    uint32_t tokens[RECORDS];
    struct conf_store *store = fill(tokens);

    (void)state;
    memset(store->index, 0xa5, sizeof(uint64_t) << store->shared->index_bits);
    assert_int_equal(count_found(store, tokens), 0);
    store_lock(store);
    store_repair(store, 0);
    store_unlock(store);
    check_whole(store);
    assert_int_equal(count_found(store, tokens), RECORDS);
    conf_store_close(store);
}

static void test_an_index_gets_the_size_that_it_needs(void **state)
{
    struct conf_store *store = store_make(1 << 22, 5000);
    uint32_t bits;

    (void)state;
    for (unsigned i = 0; i < 3000; i++)
        prepare_number(store, i, 10, NOW);
    bits = store->shared->index_bits;
    assert_true(bits > STORE_INDEX_BITS_MIN);
    store->shared->index_bits = 1000;
    assert_int_not_equal(prepare_number(store, 1, 10, NOW), 0);
    store_lock(store);
    store_repair(store, 0);
    store_unlock(store);
    assert_int_equal(store->shared->index_bits, bits);
    assert_int_equal(stats_of(store).count, 3000);
    check_whole(store);
    conf_store_close(store);
}

static void test_bounds_written_over_are_noticed(void **state)
{
    uint32_t tokens[RECORDS];

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        struct conf_store *store = fill(tokens);
        struct store_shared *shared = store->shared;

        switch (i) {
        case 0:
            shared->tail = shared->head + 8;
            break;
        case 1:
            shared->head += store->ring_size;
            break;
        case 2:
            shared->head += 3;
            break;
        case 3:
            shared->given = UINT64_MAX;
            break;
        case 4:
            shared->index_bits = 63;
            break;
        case 5:
            shared->records = UINT32_MAX;
            break;
        default:
            shared->tombstones = UINT32_MAX;
        }
        /* What was wrong is known by now, and what can be kept was. */
        assert_int_equal(count_found(store, tokens), i < 4 ? 0 : RECORDS);
        check_whole(store);
        assert_int_equal(shared->repaired, 1);
        assert_int_not_equal(prepare_number(store, 3, 103, NOW), 0);
        conf_store_close(store);
    }
}

static void scribble(struct conf_store *store, unsigned *seed)
{
    /* The lock itself is beyond mending. */
    uint8_t *header = (uint8_t *)store->shared + sizeof(pthread_mutex_t);
    size_t header_size = sizeof(struct store_shared) - sizeof(pthread_mutex_t);
    unsigned words = 1 + (unsigned)rand_r(seed) % 8;

    for (unsigned i = 0; i < words; i++) {
        unsigned kind = (unsigned)rand_r(seed) % 8;
        uint8_t *at = header;
        size_t size = header_size;

        if (kind == 1) {
            at = (uint8_t *)store->index;
            size = sizeof(uint64_t) << STORE_INDEX_BITS_MIN;
        } else if (kind) {
            at = store->ring;
            size = 20000;
        }
        at[(unsigned)rand_r(seed) % size] = (uint8_t)rand_r(seed);
    }
}

static void test_writing_anywhere_gives_no_wrong_answer(void **state)
{
    uint32_t tokens[RECORDS];
    unsigned seed = 3;

    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        struct conf_store *store = fill(tokens);
        uint64_t now = NOW;

        scribble(store, &seed);
        for (unsigned i = 0; i < 100; i++) {
            unsigned number = (unsigned)rand_r(&seed) % (2 * RECORDS);
            uint32_t token = prepare_number(store, number, 100 + number, now);

            assert_true(token == 0 || means_number(store, token, number, now));
            now += TTL / 50;
            if (i % 10 == 9)
                conf_store_expire(store, now);
        }
        count_found(store, tokens);
        store_lock(store);
        store_repair(store, 0);
        store_unlock(store);
        check_whole(store);
        conf_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_content_written_over_is_not_found),
        cmocka_unit_test(test_a_content_that_is_none_is_not_found),
        cmocka_unit_test(test_an_entry_written_over_ends_the_ring_there),
        cmocka_unit_test(test_a_token_written_over_means_nothing),
        cmocka_unit_test(test_an_index_written_over_is_made_anew),
        cmocka_unit_test(test_an_index_gets_the_size_that_it_needs),
        cmocka_unit_test(test_bounds_written_over_are_noticed),
        cmocka_unit_test(test_writing_anywhere_gives_no_wrong_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
