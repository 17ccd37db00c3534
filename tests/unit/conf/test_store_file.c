/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/store_file.h"
#include "support/fail_alloc.h"

static char folder[] = "/tmp/a6-store-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/conf", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    /* Fails when a save left anything behind. */
    return rmdir(folder);
}

static size_t file_read(uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(data, 1, size, file);
    assert_true(len < size);
    fclose(file);
    return len;
}

static void file_write(const uint8_t *data, size_t len)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static void test_tokens_mean_the_same_after_a_restart(void **state)
{
    enum { COUNT = 3000 };
    struct conf_store *before = store_make(8 << 20, COUNT);
    struct conf_store *after = store_make(8 << 20, COUNT);
    uint64_t now = clock_ms();
    uint32_t tokens[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        tokens[i] = prepare_number(before, i, i % 11 ? i % 400 : 5000, now - i % 7);
    assert_int_equal(conf_store_save(before, path), 0);
    assert_int_equal(conf_store_load(after, path), 0);
    check_whole(after);
    assert_int_equal(stats_of(after).count, COUNT);
    assert_int_equal(stats_of(after).bytes, stats_of(before).bytes);
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t there = conf_store_expires(before, tokens[i]);
        uint64_t here = conf_store_expires(after, tokens[i]);

        assert_true(means_number(after, tokens[i], i, now));
        /* Nobody steps the clock while we run, but both clocks are read in turn. */
        assert_in_range(here, there - 50, there + 50);
        assert_int_equal(prepare_number(after, i, i % 11 ? i % 400 : 5000, now), tokens[i]);
    }
    conf_store_close(before);
    conf_store_close(after);
}

static void test_an_empty_store_has_a_file_too(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);

    (void)state;
    assert_int_equal(conf_store_load(store, path), -ENOENT);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(conf_store_load(store, path), 0);
    assert_int_equal(stats_of(store).count, 0);
    conf_store_close(store);
}

static void test_the_file_is_for_its_owner_alone(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);
    mode_t mask = umask(0);
    struct stat about;

    (void)state;
    prepare(store, "k", "v", clock_ms());
    assert_int_equal(conf_store_save(store, path), 0);
    umask(mask);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    /* Also over one that was there, which keeps its own mode if it is the same file. */
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(conf_store_load(store, path), -EPERM);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    conf_store_close(store);
}

static void test_a_file_that_cannot_be_written_leaves_the_old_one(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);
    char bad[96];

    (void)state;
    prepare(store, "k", "v", clock_ms());
    snprintf(bad, sizeof(bad), "%s/none/conf", folder);
    assert_int_equal(conf_store_save(store, bad), -ENOENT);
    assert_int_equal(conf_store_load(store, folder), -EBADMSG);
    /* A folder cannot be replaced; tear_down sees whether the new file is left. */
    assert_int_equal(conf_store_save(store, folder), -EISDIR);
    snprintf(bad, sizeof(bad), "%s.%d", folder, (int)getpid());
    assert_int_equal(access(bad, F_OK), -1);
    conf_store_close(store);
}

static void test_a_disk_that_fills_up_leaves_the_old_file(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    struct rlimit limit = {.rlim_cur = 3000, .rlim_max = RLIM_INFINITY};
    uint64_t now = clock_ms();
    int status;
    pid_t pid;

    (void)state;
    prepare(store, "k", "v", now);
    assert_int_equal(conf_store_save(store, path), 0);
    prepare_number(store, 1, 5000, now);
    pid = fork();
    if (pid == 0) {
        /* A file that may not grow stands for a disk. */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(conf_store_save(store, path) != -EFBIG);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    conf_store_close(store);
    store = store_make(1 << 20, 100);
    assert_int_equal(conf_store_load(store, path), 0);
    assert_int_equal(stats_of(store).count, 1);
    conf_store_close(store);
}

/* Of a process of our number that died while it saved; or a trap that somebody laid. */
static void test_what_lies_in_the_way_of_saving_goes(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);
    char other[96];
    char name[96];
    struct stat about;

    (void)state;
    snprintf(other, sizeof(other), "%s/other", folder);
    snprintf(name, sizeof(name), "%s.%d", path, (int)getpid());
    assert_int_equal(symlink(other, name), 0);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
    assert_int_equal(access(other, F_OK), -1);
    conf_store_close(store);
}

static void test_a_fifo_does_not_hold_us_up(void **state)
{
    struct conf_store *store = store_make(1 << 20, 10);

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(conf_store_load(store, path), -EBADMSG);
    conf_store_close(store);
}

/* Puts the times of the file so far into the past (or the future), and mends the checks. */
static void file_shift(uint64_t ms)
{
    uint8_t data[65536];
    size_t len = file_read(data, sizeof(data));
    size_t at = sizeof(struct store_file_header);

    while (at < len) {
        struct store_file_entry entry;

        memcpy(&entry, data + at, sizeof(entry));
        entry.expires -= ms;
        entry.check = store_file_entry_check(&entry);
        memcpy(data + at, &entry, sizeof(entry));
        at += sizeof(entry) + entry.length;
    }
    file_write(data, len);
}

static struct conf_store *load_shifted(uint64_t ms)
{
    struct conf_store *store = store_make(1 << 20, 100);

    file_shift(ms);
    assert_int_equal(conf_store_load(store, path), 0);
    check_whole(store);
    file_shift((uint64_t)0 - ms);
    return store;
}

static void test_lifetimes_go_on_while_nobody_runs(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint64_t now = clock_ms();
    uint32_t token = prepare(store, "k", "v", now);
    struct conf_store *later;

    (void)state;
    assert_int_equal(conf_store_save(store, path), 0);
    conf_store_close(store);

    later = load_shifted(TTL / 2);
    assert_in_range(conf_store_expires(later, token), now + TTL / 2 - 1000, now + TTL / 2 + 1000);
    conf_store_close(later);
    /* Past its time: not found, but not free for another one either. */
    later = load_shifted(TTL + 100);
    assert_int_equal(stats_of(later).count, 0);
    assert_int_equal(later->shared->tombstones, 1);
    conf_store_close(later);
    later = load_shifted(2 * TTL + 100);
    assert_int_equal(later->shared->tombstones, 0);
    conf_store_close(later);
    /* The clock was set back: it lives no longer than it could have lived. */
    later = load_shifted((uint64_t)0 - 100 * TTL);
    assert_in_range(conf_store_expires(later, token), now + TTL - 1000, clock_ms() + TTL);
    conf_store_close(later);
    later = load_shifted(store_file_wall_ms());
    assert_int_equal(stats_of(later).count, 0);
    conf_store_close(later);
}

static void test_tombstones_are_kept(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    struct conf_store *after = store_make(1 << 20, 100);
    uint64_t now = clock_ms();

    (void)state;
    prepare(store, "k", "v", now - TTL);
    conf_store_expire(store, now);
    assert_int_equal(store->shared->tombstones, 1);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(conf_store_load(after, path), 0);
    assert_int_equal(after->shared->tombstones, 1);
    check_whole(after);
    conf_store_close(store);
    conf_store_close(after);
}

static void test_what_the_store_knows_already_holds(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint64_t now = clock_ms();
    uint32_t token = prepare(store, "k", "v", now - 500);

    (void)state;
    assert_int_equal(conf_store_save(store, path), 0);
    prepare(store, "k", "v", now + 500);
    assert_int_equal(conf_store_load(store, path), 0);
    assert_int_equal(conf_store_expires(store, token), now + 500 + TTL);
    assert_int_equal(stats_of(store).count, 1);
    check_whole(store);
    conf_store_close(store);
}

static void test_a_larger_file_than_the_store_leaves_the_youngest(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    struct conf_store *small = store_make(1 << 16, 10);
    uint64_t now = clock_ms();
    uint32_t tokens[50];

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        tokens[i] = prepare_number(store, i, i == 45 ? 100000 : 100, now);
    assert_int_equal(conf_store_save(store, path), 0);
    assert_int_equal(conf_store_load(small, path), 0);
    check_whole(small);
    assert_int_equal(stats_of(small).count, 10);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(means_number(small, tokens[i], i, now), i >= 39 && i != 45);
    conf_store_close(store);
    conf_store_close(small);
}

static void fill_file(void)
{
    struct conf_store *store = store_make(1 << 20, 100);
    uint64_t now = clock_ms();

    prepare(store, "gone", "v", now - TTL);
    conf_store_expire(store, now);
    for (unsigned i = 0; i < 4; i++)
        prepare_number(store, i, 30, now);
    assert_int_equal(conf_store_save(store, path), 0);
    conf_store_close(store);
}

static void load_is_refused(const uint8_t *data, size_t len)
{
    static struct conf_store *store;

    if (!store)
        store = store_make(1 << 20, 100);
    file_write(data, len);
    assert_int_equal(conf_store_load(store, path), -EBADMSG);
    assert_int_equal(stats_of(store).count, 0);
    assert_int_equal(store->shared->tombstones, 0);
}

static void test_of_a_damaged_file_nothing_is_taken(void **state)
{
    uint8_t data[8192];
    size_t len;

    (void)state;
    fill_file();
    len = file_read(data, sizeof(data) - 1);
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            data[i] ^= (uint8_t)(1u << bit);
            load_is_refused(data, len);
            data[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t i = 0; i < len; i++)
        load_is_refused(data, i);
    data[len] = 0;
    load_is_refused(data, len + 1);
}

/* Whoever mends the checks too gets no further than nonsense that is sound. */
static void test_a_forged_file_does_no_harm(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    unsigned seed = 7;
    uint8_t data[8192];
    size_t len;
    unsigned taken = 0;

    (void)state;
    fill_file();
    len = file_read(data, sizeof(data));
    for (unsigned i = 0; i < 3000; i++) {
        struct store_file_entry entry;
        struct store_file_header header;
        uint8_t forged[sizeof(data)];
        size_t at = sizeof(header);

        memcpy(forged, data, len);
        for (unsigned j = 0; j < 2; j++)
            forged[(unsigned)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
        while (at + sizeof(entry) <= len) {
            memcpy(&entry, forged + at, sizeof(entry));
            if (entry.length > len - at - sizeof(entry))
                break;
            entry.hash = entry.length ? store_hash(forged + at + sizeof(entry), entry.length, 0)
                                      : entry.hash;
            if (entry.length)
                entry.token = store_hash_token(forged + at + sizeof(entry), entry.length,
                                               entry.hash, entry.attempt);
            entry.check = store_file_entry_check(&entry);
            memcpy(forged + at, &entry, sizeof(entry));
            at += sizeof(entry) + entry.length;
        }
        memcpy(&header, forged, sizeof(header));
        header.check = store_file_header_check(&header);
        memcpy(forged, &header, sizeof(header));
        file_write(forged, len);
        taken += conf_store_load(store, path) == 0;
    }
    assert_int_not_equal(taken, 0);
    check_whole(store);
    conf_store_close(store);
}

static void test_every_allocation_may_fail(void **state)
{
    struct conf_store *store = store_make(1 << 20, 100);
    int err;

    (void)state;
    fill_file();
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        err = conf_store_load(store, path);
        fail_alloc_off();
        if (!fail_alloc_hit())
            break;
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(stats_of(store).count, 0);
    }
    assert_int_equal(err, 0);
    assert_int_equal(stats_of(store).count, 4);
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        err = conf_store_save(store, path);
        fail_alloc_off();
        if (!fail_alloc_hit())
            break;
        assert_int_equal(err, -ENOMEM);
    }
    assert_int_equal(err, 0);
    conf_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_tokens_mean_the_same_after_a_restart),
        TEST(test_an_empty_store_has_a_file_too),
        TEST(test_the_file_is_for_its_owner_alone),
        TEST(test_a_file_that_cannot_be_written_leaves_the_old_one),
        TEST(test_a_disk_that_fills_up_leaves_the_old_file),
        TEST(test_what_lies_in_the_way_of_saving_goes),
        TEST(test_a_fifo_does_not_hold_us_up),
        TEST(test_lifetimes_go_on_while_nobody_runs),
        TEST(test_tombstones_are_kept),
        TEST(test_what_the_store_knows_already_holds),
        TEST(test_a_larger_file_than_the_store_leaves_the_youngest),
        TEST(test_of_a_damaged_file_nothing_is_taken),
        TEST(test_a_forged_file_does_no_harm),
        TEST(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
