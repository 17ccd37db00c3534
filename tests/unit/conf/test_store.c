/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conf/store_hash.h"
#include "support/fail_alloc.h"

#define NOW 1000000u

static void test_limits_that_make_no_sense_are_refused(void **state)
{
    const struct conf_store_limits bad[] = {
        {.max_bytes = 1 << 20, .max_count = 0, .ttl_ms = TTL},
        {.max_bytes = 1 << 20, .max_count = 10, .ttl_ms = 0},
        {.max_bytes = UINT64_MAX, .max_count = 10, .ttl_ms = TTL},
        {.max_bytes = 1 << 20, .max_count = UINT32_MAX, .ttl_ms = TTL},
        {.max_bytes = 1 << 20, .max_count = 10, .ttl_ms = UINT64_MAX},
    };
    struct conf_store *store;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(conf_store_create(&store, &bad[i]), -EINVAL);
        assert_null(store);
    }
    conf_store_close(NULL);
}

static void test_a_content_comes_back_as_it_was_sent(void **state)
{
    const struct wire_pair pairs[] = {
        {str("first"), str("{\"a\":1}")}, {str("empty"), str("")},
        {str("absent"), {NULL, 0}},       {str(""), {"not \0 text \xff", 12}},
        {str("first"), str("again")},
    };
    struct conf_store *store = store_make(1 << 20, 100);
    struct conf_record *record;
    uint32_t token;

    (void)state;
    assert_int_equal(prepare_pairs(store, str("route#1#x#7"), pairs, 5, NOW, &token), 0);
    assert_int_not_equal(token, 0);
    assert_int_equal(conf_store_get(store, token, NOW, &record), 0);
    assert_int_equal(record->token, token);
    assert_int_equal(record->expires_ms, NOW + TTL);
    assert_int_equal(record->count, 5);
    assert_true(str_is(record->key, "route#1#x#7"));
    for (size_t i = 0; i < 5; i++) {
        const struct conf_entry *entry = &record->entries[i];

        assert_int_equal(entry->name.len, pairs[i].name.len);
        assert_memory_equal(entry->name.data, pairs[i].name.data, entry->name.len);
        assert_int_equal(entry->name.data[entry->name.len], 0);
        assert_int_equal(entry->value.len, pairs[i].value.len);
        if (i == 2) {
            assert_null(entry->value.data);
            continue;
        }
        assert_non_null(entry->value.data);
        assert_memory_equal(entry->value.data, pairs[i].value.data, entry->value.len);
        assert_int_equal(entry->value.data[entry->value.len], 0);
    }
    free(record);
    check_whole(store);
    conf_store_close(store);
}

static void test_nothing_at_all_is_a_content_too(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    struct conf_record *record;
    uint32_t token;

    (void)state;
    assert_int_equal(prepare_pairs(store, str(NULL), NULL, 0, NOW, &token), 0);
    assert_int_equal(conf_store_get(store, token, NOW, &record), 0);
    assert_null(record->key.data);
    assert_int_equal(record->count, 0);
    free(record);
    conf_store_close(store);
}

static void test_contents_that_differ_have_tokens_that_differ(void **state)
{
    /* Each is one that a careless form of the bytes would take for another. */
    const struct {
        const char *key;
        struct wire_pair pairs[2];
        uint32_t count;
    } contents[] = {
        {NULL, {{{0}, {0}}}, 0},
        {"", {{{0}, {0}}}, 0},
        {"k", {{{0}, {0}}}, 0},
        {"k", {{str("a"), str("b")}}, 1},
        {"k", {{str("b"), str("a")}}, 1},
        {"k", {{str("ab"), str("")}}, 1},
        {"k", {{str("ab"), str(NULL)}}, 1},
        {"k", {{str(""), str("ab")}}, 1},
        {"ka", {{str(""), str("b")}}, 1},
        {"", {{str("k"), str("ab")}}, 1},
        {NULL, {{str("k"), str("ab")}}, 1},
        {"k", {{str("a"), str("b")}, {str("c"), str("d")}}, 2},
        {"k", {{str("c"), str("d")}, {str("a"), str("b")}}, 2},
        {"k", {{str("a"), str("b")}, {str(""), str("")}}, 2},
        {"k", {{str("a"), str("b")}, {str(""), str(NULL)}}, 2},
    };
    enum { COUNT = sizeof(contents) / sizeof(contents[0]) };
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t tokens[COUNT];

    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            uint32_t token;

            assert_int_equal(prepare_pairs(store, str(contents[i].key), contents[i].pairs,
                                           contents[i].count, NOW, &token),
                             0);
            if (round)
                assert_int_equal(token, tokens[i]);
            tokens[i] = token;
            for (size_t j = 0; j < i; j++)
                assert_int_not_equal(token, tokens[j]);
        }
    }
    assert_int_equal(stats_of(store).count, COUNT);
    assert_int_equal(stats_of(store).prepared, 2 * COUNT);
    conf_store_close(store);
}

static void test_a_token_is_the_same_in_another_store(void **state)
{
    struct conf_store *one = store_make(1 << 20, 100);
    struct conf_store *two = store_make(1 << 22, 1000);

    (void)state;
    prepare(two, "something", "else", NOW);
    assert_int_equal(prepare(one, "k", "v", NOW), prepare(two, "k", "v", NOW + 5));
    conf_store_close(one);
    conf_store_close(two);
}

/* Tokens are in gateways' caches and in files: if this fails, what changed the hash
 * has to count up STORE_FILE_VERSION. */
static void test_the_hash_stays_what_it_is(void **state)
{
    static const char text[] = "The same content has the same token, in every version.";

    (void)state;
    assert_int_equal(store_hash(text, 0, 0), 0xaffde921899e7900u);
    assert_int_equal(store_hash(text, 16, 0), 0x4417ecc11a3e7d49u);
    assert_int_equal(store_hash(text, sizeof(text), 0), 0x2284dd90de15ce09u);
    assert_int_equal(store_hash(text, sizeof(text), 1), 0x952b69ffc45b2ea5u);
}

static void test_unknown_tokens_are_not_found(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint32_t token = prepare(store, "k", "v", NOW);
    struct conf_record *record = (void *)store;

    (void)state;
    assert_int_equal(conf_store_get(store, 0, NOW, &record), CONF_STORE_NOT_FOUND);
    assert_null(record);
    assert_false(found(store, 1, NOW));
    assert_false(found(store, UINT32_MAX, NOW));
    assert_false(found(store, token + 1, NOW));
    assert_int_equal(conf_store_expires(store, token + 1), 0);
    assert_int_equal(conf_store_expires(store, token), NOW + TTL);
    conf_store_close(store);
}

static void test_what_can_never_fit_is_refused(void **state)
{
    struct conf_store *store = store_make(65536, 100);
    uint32_t small = prepare_number(store, 1, 100, NOW);

    (void)state;
    assert_int_equal(prepare_number(store, 2, 65536, NOW), 0);
    assert_true(means_number(store, small, 1, NOW));
    /* The largest that fits: all else goes for it. */
    assert_int_not_equal(prepare_number(store, 3, 65150, NOW), 0);
    assert_false(found(store, small, NOW));
    check_whole(store);
    conf_store_close(store);
}

/* A frame of some kilobytes whose many entries are one and the same. */
static void test_a_frame_that_unfolds_without_end_is_refused(void **state)
{
    enum { ENTRIES = 5000, VALUE = 10000 };
    struct conf_store *store = store_make(64 << 20, 100);
    struct wire_pair pair;
    struct sent sent;
    uint8_t *many = malloc(4 * ENTRIES + 65536);
    char *value = malloc(VALUE);
    uint32_t token;

    (void)state;
    assert_non_null(many);
    assert_non_null(value);
    memset(value, 'x', VALUE);
    pair = (struct wire_pair){str("say"), {value, VALUE}};
    sent = message_make(str("k"), &pair, 1);
    /* A vector of offsets that all lead to one table behind them. */
    {
        const uint8_t *table = flatbuf_table_at(sent.message.conf, 0);
        size_t rest = 16384;
        uint8_t *copy = many + 4 * ENTRIES;
        const uint8_t *low = sent.frame;

        memset(copy, 0, rest);
        memcpy(copy, low, VALUE + 200);
        for (uint32_t i = 0; i < ENTRIES; i++) {
            uint32_t offset = (uint32_t)(copy + (table - low) - (many + 4 * i));

            memcpy(many + 4 * i, &offset, 4);
        }
    }
    sent.message.conf = (struct wire_vector){.first = many, .count = ENTRIES};
    assert_int_equal(conf_store_prepare(store, &sent.message, NOW, &token), -EMSGSIZE);
    sent.message.conf.count = 3;
    assert_int_equal(conf_store_prepare(store, &sent.message, NOW, &token), 0);
    message_drop(&sent);
    free(many);
    free(value);
    conf_store_close(store);
}

static void test_every_allocation_may_fail(void **state)
{
    struct conf_store_limits limits = {.max_bytes = 1 << 20, .max_count = 10, .ttl_ms = TTL};
    struct wire_pair pair = {str("say"), {NULL, 0}};
    struct conf_store *store;
    struct conf_record *record;
    struct sent sent;
    char *value = malloc(10000);
    uint32_t token;
    int err;

    (void)state;
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        err = conf_store_create(&store, &limits);
        fail_alloc_off();
        if (!fail_alloc_hit())
            break;
        assert_int_equal(err, -ENOMEM);
        assert_null(store);
    }
    assert_int_equal(err, 0);
    assert_non_null(value);
    memset(value, 'v', 10000);
    pair.value = (struct wire_str){value, 10000};
    sent = message_make(str("k"), &pair, 1);
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        err = conf_store_prepare(store, &sent.message, NOW, &token);
        fail_alloc_off();
        if (!fail_alloc_hit())
            break;
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(stats_of(store).count, 0);
    }
    assert_int_equal(err, 0);
    fail_alloc_after(0);
    err = conf_store_get(store, token, NOW, &record);
    fail_alloc_off();
    assert_int_equal(err, -ENOMEM);
    assert_null(record);
    assert_true(found(store, token, NOW));
    message_drop(&sent);
    free(value);
    conf_store_close(store);
}

/* Without memory for it the index grows by a walk through the records. */
static void check_growth(bool memory)
{
    enum { COUNT = 20000 };
    struct conf_store *store = store_make(1 << 22, COUNT);
    uint32_t *tokens = malloc(COUNT * sizeof(*tokens));
    uint32_t growths = 0;

    assert_non_null(tokens);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[16];
        struct sent sent;

        snprintf(key, sizeof(key), "%u", i);
        sent = message_make(str(key), NULL, 0);
        fail_alloc_after(memory ? UINT_MAX : 0);
        assert_int_equal(conf_store_prepare(store, &sent.message, NOW, &tokens[i]), 0);
        fail_alloc_off();
        growths += fail_alloc_count();
        message_drop(&sent);
    }
    assert_true(growths > 4);
    assert_int_equal(store->shared->index_bits, STORE_INDEX_BITS_MIN + growths);
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(found(store, tokens[i], NOW));
    check_whole(store);
    free(tokens);
    conf_store_close(store);
}

static void test_all_is_found_while_the_index_grows(void **state)
{
    (void)state;
    check_growth(true);
    check_growth(false);
}

static void test_no_descriptor_is_no_store(void **state)
{
    struct conf_store_limits limits = {.max_bytes = 1 << 20, .max_count = 10, .ttl_ms = TTL};
    struct conf_store *store;
    struct rlimit before;
    struct rlimit none;
    int err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    err = conf_store_create(&store, &limits);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(err, -ENOMEM);
    assert_null(store);
}

static void test_a_record_outlives_its_store(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);
    uint32_t token = prepare(store, "k", "v", NOW);
    struct conf_record *record;

    (void)state;
    assert_int_equal(conf_store_get(store, token, NOW, &record), 0);
    conf_store_close(store);
    assert_true(str_is(record->key, "k"));
    assert_true(str_is(record->entries[0].value, "v"));
    free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_that_make_no_sense_are_refused),
        cmocka_unit_test(test_a_content_comes_back_as_it_was_sent),
        cmocka_unit_test(test_nothing_at_all_is_a_content_too),
        cmocka_unit_test(test_contents_that_differ_have_tokens_that_differ),
        cmocka_unit_test(test_a_token_is_the_same_in_another_store),
        cmocka_unit_test(test_the_hash_stays_what_it_is),
        cmocka_unit_test(test_unknown_tokens_are_not_found),
        cmocka_unit_test(test_what_can_never_fit_is_refused),
        cmocka_unit_test(test_a_frame_that_unfolds_without_end_is_refused),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_all_is_found_while_the_index_grows),
        cmocka_unit_test(test_no_descriptor_is_no_store),
        cmocka_unit_test(test_a_record_outlives_its_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
