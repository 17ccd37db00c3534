/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/supervisor_socket.h"

static char folder[64];
static char address[512];
static char *path; /* in it */
static char error[1024];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/a6-socket-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(address, sizeof(address), "unix:%s/s.sock", folder);
    path = address + 5;
    error[0] = 0;
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when something was left in it */
}

static int can_connect(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(to.sun_path, path);
    int connected = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    close(fd);
    return connected;
}

static void serve(struct listener *listener, int takeover)
{
    assert_int_equal(listener_prepare(listener, address, takeover, error, sizeof(error)), 0);
    assert_int_equal(listener_publish(listener, 0666, error, sizeof(error)), 0);
}

static void explains_wrong_addresses(void **state)
{
    static const char *const wrong[] = {NULL, "", "unix:", "/tmp/x", "tcp:1.2.3.4", "UNIX:/tmp/x"};
    struct listener listener;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error[0] = 0;
        assert_int_equal(listener_prepare(&listener, wrong[i], 0, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "APISIX_LISTEN_ADDRESS"));
        assert_non_null(strstr(error, "unix:/tmp/runner.sock"));
        assert_int_equal(listener.fd, -1);
        listener_withdraw(&listener);
        listener_close(&listener);
    }
}

/* As long as can be, and one byte longer. */
static void knows_how_long_a_path_can_be(void **state)
{
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    struct listener listener;

    (void)state;
    memset(path + strlen(folder) + 1, 'x', most);
    path[most + 1] = 0;
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "108 bytes"));
    assert_non_null(strstr(error, "107"));
    path[most] = 0;
    serve(&listener, 0);
    assert_true(can_connect());
    listener_withdraw(&listener);
    assert_int_equal(access(path, F_OK), -1);
    listener_close(&listener);
}

/* No room for a name beside the path: the folder's fills the address. */
static void does_without_a_name_of_its_own(void **state)
{
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    char deep[256];
    struct listener listener;

    (void)state;
    snprintf(deep, sizeof(deep), "%s/", folder);
    memset(deep + strlen(folder) + 1, 'd', most);
    deep[most - 2] = 0;
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(path, sizeof(address) - 5, "%s/s", deep);
    serve(&listener, 0);
    assert_true(can_connect());
    listener_withdraw(&listener);
    listener_close(&listener);
    assert_int_equal(rmdir(deep), 0);
}

static void has_the_mode_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0777};
    static const mode_t modes[] = {0666, 0660, 0600};
    struct listener listener;
    struct stat about;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 3; j++) {
            mode_t old = umask(masks[i]);
            assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), 0);
            int failed = listener_publish(&listener, modes[j], error, sizeof(error));
            umask(old);
            assert_int_equal(failed, 0);
            assert_int_equal(stat(path, &about), 0);
            assert_int_equal(about.st_mode & 0777, modes[j]);
            listener_withdraw(&listener);
            listener_close(&listener);
        }
    }
}

static void replaces_a_stale_socket(void **state)
{
    struct listener dead;
    struct listener listener;

    (void)state;
    serve(&dead, 0);
    listener_close(&dead); /* and leaves the file, as a crash does */
    assert_false(can_connect());
    serve(&listener, 0);
    assert_true(can_connect());
    listener_withdraw(&listener);
    listener_close(&listener);
}

static void leaves_a_living_one_alone(void **state)
{
    struct listener living;
    struct listener listener;
    char number[32];

    (void)state;
    serve(&living, 0);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), -EADDRINUSE);
    snprintf(number, sizeof(number), "process %d", (int)getpid());
    assert_non_null(strstr(error, number));
    assert_non_null(strstr(error, "--takeover"));
    assert_true(can_connect());
    listener_withdraw(&living);
    listener_close(&living);
}

/* One that lives but has no room for another connection is living. */
static void sees_a_living_one_that_is_full(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct listener listener;
    int full = socket(AF_UNIX, SOCK_STREAM, 0);
    int waiting[8];
    unsigned count = 0;

    (void)state;
    strcpy(at.sun_path, path);
    assert_int_equal(bind(full, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(full, 0), 0);
    for (; count < 8; count++) {
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(waiting[count], (const struct sockaddr *)&at, sizeof(at)) < 0)
            break;
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), -EADDRINUSE);
    assert_non_null(strstr(error, "another process"));
    for (unsigned i = 0; i <= count && i < 8; i++)
        close(waiting[i]);
    close(full);
}

/* Whoever connects to it learns that it is of another kind, and not that it is dead. */
static void leaves_a_socket_of_another_kind_alone(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct listener listener;
    int other = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)state;
    strcpy(at.sun_path, path);
    assert_int_equal(bind(other, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), -EADDRINUSE);
    close(other);
    /* That was its end. */
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), 0);
    listener_close(&listener);
}

/* Both found the path free, and loaded their plugins. */
static void yields_to_one_that_was_faster(void **state)
{
    struct listener slow;
    struct listener fast;

    (void)state;
    assert_int_equal(listener_prepare(&slow, address, 0, error, sizeof(error)), 0);
    serve(&fast, 0);
    assert_int_equal(listener_publish(&slow, 0666, error, sizeof(error)), -EADDRINUSE);
    assert_non_null(strstr(error, "--takeover"));
    listener_withdraw(&slow);
    listener_close(&slow);
    assert_true(can_connect());
    assert_int_equal(accept4(fast.fd, NULL, NULL, SOCK_CLOEXEC) < 0, 0);
    listener_withdraw(&fast);
    listener_close(&fast);
}

static void leaves_what_is_no_socket_alone(void **state)
{
    struct listener listener;
    char byte = 0;

    (void)state;
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    for (int takeover = 0; takeover < 2; takeover++) {
        assert_int_equal(listener_prepare(&listener, address, takeover, error, sizeof(error)),
                         -EEXIST);
        assert_non_null(strstr(error, "not a socket"));
    }
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    unlink(path);
    /* Neither is a link followed. */
    assert_int_equal(symlink("nothing", path), 0);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), -EEXIST);
}

/* At every moment the path leads to somebody, and the older one's end takes nothing away. */
static void takes_over_and_is_not_taken_away(void **state)
{
    struct listener older;
    struct listener newer;
    struct stat about;

    (void)state;
    serve(&older, 0);
    assert_int_equal(listener_prepare(&newer, address, 1, error, sizeof(error)), 0);
    assert_true(can_connect());
    assert_int_equal(listener_publish(&newer, 0666, error, sizeof(error)), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_ino, newer.inode);
    listener_withdraw(&older);
    listener_close(&older);
    assert_true(can_connect());
    assert_int_equal(accept4(newer.fd, NULL, NULL, SOCK_CLOEXEC) < 0, 0);
    listener_withdraw(&newer);
    listener_withdraw(&newer); /* once more does nothing */
    assert_int_equal(access(path, F_OK), -1);
    listener_close(&newer);
    listener_close(&newer);
}

static void says_why_it_cannot_publish(void **state)
{
    struct listener listener;

    (void)state;
    snprintf(path, sizeof(address) - 5, "%s/none/s.sock", folder);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), 0);
    assert_int_equal(listener_publish(&listener, 0666, error, sizeof(error)), -ENOENT);
    assert_non_null(strstr(error, "/none/s.sock"));
    listener_withdraw(&listener);
    listener_close(&listener);

    /* A folder came in the way: the name beside it does not stay. */
    snprintf(path, sizeof(address) - 5, "%s/s.sock", folder);
    assert_int_equal(listener_prepare(&listener, address, 0, error, sizeof(error)), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(listener_publish(&listener, 0666, error, sizeof(error)) < 0);
    listener_withdraw(&listener);
    listener_close(&listener);
    assert_int_equal(rmdir(path), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(explains_wrong_addresses),         TEST(knows_how_long_a_path_can_be),
        TEST(does_without_a_name_of_its_own),   TEST(has_the_mode_whatever_the_umask),
        TEST(replaces_a_stale_socket),          TEST(leaves_a_living_one_alone),
        TEST(sees_a_living_one_that_is_full),   TEST(leaves_what_is_no_socket_alone),
        TEST(takes_over_and_is_not_taken_away), TEST(says_why_it_cannot_publish),
        TEST(yields_to_one_that_was_faster),    TEST(leaves_a_socket_of_another_kind_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
