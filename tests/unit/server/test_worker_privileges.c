/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "server/worker_privileges.h"

static int check(const char *list, char *error, size_t size)
{
    a6_runner_config config;

    a6_runner_config_init(&config);
    config.allow_uids = list;
    return privileges_check(&config, error, size);
}

static void checks_the_form_of_allow_uid(void **state)
{
    static const char *const good[] = {"0", "0,65534", "1,2,3,4294967294", "7,"};
    static const char *const bad[] = {"root",
                                      "0,root",
                                      "-1",
                                      ",1",
                                      "1,,2",
                                      "1;2",
                                      "1 2",
                                      "1x",
                                      "0x1",
                                      "4294967296",
                                      "99999999999999999999"};
    char error[512];

    (void)state;
    assert_int_equal(check(NULL, error, sizeof(error)), 0);
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(check(good[i], error, sizeof(error)), 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error[0] = 0;
        assert_int_equal(check(bad[i], error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, bad[i]));
        assert_non_null(strstr(error, "allow-uid"));
    }
}

static bool allows(const char *list)
{
    struct log_config log = {.level = LOG_FATAL, .fd = STDERR_FILENO};
    a6_runner_config config;
    int pair[2];

    assert_int_equal(log_open(&log), 0);
    a6_runner_config_init(&config);
    config.allow_uids = list;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    bool allowed = privileges_allow(&config, pair[0]);
    close(pair[0]);
    close(pair[1]);
    log_close();
    return allowed;
}

static void allows_who_is_listed(void **state)
{
    char list[64];
    unsigned own = getuid();

    (void)state;
    assert_true(allows(NULL));
    assert_false(allows(""));
    snprintf(list, sizeof(list), "%u", own);
    assert_true(allows(list));
    snprintf(list, sizeof(list), "%u,%u", own + 1, own);
    assert_true(allows(list));
    snprintf(list, sizeof(list), "%u,%u,", own + 1, own + 2);
    assert_false(allows(list));
    snprintf(list, sizeof(list), "%u0", own + 1); /* begins with it, and is another */
    assert_false(allows(list));
}

static void refuses_who_cannot_be_known(void **state)
{
    a6_runner_config config;
    int ends[2];

    (void)state;
    a6_runner_config_init(&config);
    config.allow_uids = "0";
    assert_int_equal(pipe(ends), 0);
    assert_false(privileges_allow(&config, ends[0]));
    close(ends[0]);
    close(ends[1]);
}

static void names_who_is_not_there(void **state)
{
    a6_runner_config config;
    char error[512];

    (void)state;
    a6_runner_config_init(&config);
    config.user = "no-such-user-here";
    assert_int_equal(privileges_drop(&config, error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "no-such-user-here"));
    config.user = NULL;
    config.group = "no-such-group-here";
    assert_int_equal(privileges_drop(&config, error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "no-such-group-here"));
}

enum { AS_PROMISED, NOT_DROPPED, USER_KEPT, GROUPS_KEPT, CAN_GET_MORE, CAN_BE_READ };

static int become_nobody(void)
{
    a6_runner_config config;
    char error[512];
    gid_t groups[64] = {0};

    a6_runner_config_init(&config);
    if (getuid() == 0) {
        if (setgroups(1, groups) < 0)
            return NOT_DROPPED;
        config.user = "nobody";
    }
    if (privileges_drop(&config, error, sizeof(error)) < 0)
        return NOT_DROPPED;
    if (config.user && (getuid() == 0 || geteuid() == 0 || setuid(0) == 0))
        return USER_KEPT;
    int count = getgroups(64, groups);
    for (int i = 0; config.user && i < count; i++) {
        if (groups[i] == 0)
            return GROUPS_KEPT;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return CAN_GET_MORE;
    return prctl(PR_GET_DUMPABLE) == 0 ? AS_PROMISED : CAN_BE_READ;
}

static void gives_up_what_it_has(void **state)
{
    int status;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(become_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), AS_PROMISED);
}

static int become_nobody_without_kill(void)
{
    a6_runner_config config;
    char error[512];

    a6_runner_config_init(&config);
    config.user = "nobody";
    if (prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) < 0)
        return 2;
    return privileges_drop(&config, error, sizeof(error)) == -EPERM && getuid() == 0 &&
                   strstr(error, "CAP_KILL")
               ? 0
               : 1;
}

/* As in a container that has few capabilities. */
static void keeps_nobody_whom_it_could_not_end(void **state)
{
    int status;

    (void)state;
    if (getuid() != 0)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(become_nobody_without_kill());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uid_t owner_of(const char *path)
{
    struct stat about;

    assert_int_equal(stat(path, &about), 0);
    return about.st_uid;
}

/* Its folder may be the workers' own, who can put there what they like. */
static void gives_away_no_more_than_the_log(void **state)
{
    static const char *const names[] = {"log", "secret", "link", "other-name", "pipe"};
    enum { LOG, SECRET, LINK, OTHER_NAME, PIPE, COUNT };
    struct log_config log = {.level = LOG_FATAL, .fd = STDERR_FILENO};
    char folder[] = "/tmp/a6-give-XXXXXX";
    char paths[COUNT][64];
    a6_runner_config config;

    (void)state;
    if (getuid() != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < COUNT; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
    close(open(paths[LOG], O_CREAT | O_WRONLY, 0600));
    close(open(paths[SECRET], O_CREAT | O_WRONLY, 0600));
    assert_int_equal(symlink(paths[SECRET], paths[LINK]), 0);
    assert_int_equal(link(paths[SECRET], paths[OTHER_NAME]), 0);
    assert_int_equal(mkfifo(paths[PIPE], 0600), 0);

    assert_int_equal(log_open(&log), 0);
    a6_runner_config_init(&config);
    config.user = "nobody";
    for (unsigned i = 0; i < COUNT; i++)
        privileges_give_file(&config, paths[i]);
    log_close();
    assert_int_not_equal(owner_of(paths[LOG]), 0);
    assert_int_equal(owner_of(paths[SECRET]), 0);
    assert_int_equal(owner_of(paths[PIPE]), 0);
    for (unsigned i = 0; i < COUNT; i++)
        unlink(paths[i]);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_the_form_of_allow_uid),
        cmocka_unit_test(allows_who_is_listed),
        cmocka_unit_test(refuses_who_cannot_be_known),
        cmocka_unit_test(names_who_is_not_there),
        cmocka_unit_test(gives_up_what_it_has),
        cmocka_unit_test(gives_away_no_more_than_the_log),
        cmocka_unit_test(keeps_nobody_whom_it_could_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
