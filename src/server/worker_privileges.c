/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static int find_group(const char *name, gid_t *id, char *error, size_t size)
{
    const struct group *group = getgrnam(name);

    if (!group) {
        snprintf(error, size, "--group: there is no group \"%s\" on this machine", name);
        return -EINVAL;
    }
    *id = group->gr_gid;
    return 0;
}

/* Who the workers are to be: --user with its group, or --group. */
static int find_owner(const a6_runner_config *config, const struct passwd **user, gid_t *group,
                      char *error, size_t size)
{
    *user = NULL;
    if (config->user && !(*user = getpwnam(config->user))) {
        snprintf(error, size, "--user: there is no user \"%s\" on this machine", config->user);
        return -EINVAL;
    }
    *group = *user ? (*user)->pw_gid : getgid();
    return config->group ? find_group(config->group, group, error, size) : 0;
}

static int become(const a6_runner_config *config, char *error, size_t size)
{
    const struct passwd *user;
    gid_t group;
    int failed = find_owner(config, &user, &group, error, size);

    if (failed)
        return failed;
    /* The kernel, too, asks for it when the workers are to die with the supervisor. */
    if (user && user->pw_uid != getuid() && prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0) == 0) {
        snprintf(error, size,
                 "the workers cannot run as %s: without CAP_KILL the supervisor could not end one "
                 "that hangs (--user needs CAP_SETUID, CAP_SETGID and CAP_KILL)",
                 config->user);
        return -EPERM;
    }
    if ((user && initgroups(user->pw_name, group) < 0) || (!user && setgroups(1, &group) < 0) ||
        setresgid(group, group, group) < 0 ||
        (user && setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)) {
        failed = -errno;
        snprintf(error, size, "the workers cannot run as %s: %s (--user and --group need root)",
                 user ? config->user : config->group, strerror(-failed));
        return failed;
    }
    return 0;
}

/* 0, and also for a device or a pipe, which stays whose it is. Who may write to the folder
 * can put a link in the file's place: what that leads to is not given away. */
static int give_file(const char *path, uid_t user, gid_t group)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat about;
    int failed = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &about) < 0)
        failed = -errno;
    else if (S_ISLNK(about.st_mode) || (S_ISREG(about.st_mode) && about.st_nlink > 1))
        failed = -EMLINK;
    else if (S_ISREG(about.st_mode) && fchownat(fd, "", user, group, AT_EMPTY_PATH) < 0)
        failed = -errno;
    close(fd);
    return failed;
}

void privileges_give_file(const a6_runner_config *config, const char *path)
{
    const struct passwd *user;
    char error[256];
    gid_t group;

    if ((!config->user && !config->group) ||
        find_owner(config, &user, &group, error, sizeof(error)) < 0)
        return;
    int failed = give_file(path, user ? user->pw_uid : (uid_t)-1, group);
    if (failed)
        log_warn("%s cannot be given to the workers' user: %s; they may be unable to open it anew",
                 path, failed == -EMLINK ? "it is a link" : strerror(-failed));
}

int privileges_drop(const a6_runner_config *config, char *error, size_t size)
{
    if (config->user || config->group) {
        int failed = become(config, error, size);
        if (failed)
            return failed;
        /* A change of user takes these back. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_DUMPABLE, config->core_dumps ? 1 : 0);
    } else if (!config->core_dumps) {
        prctl(PR_SET_DUMPABLE, 0);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return 0;
}

enum { UID_END = -1, UID_WRONG = -2 };

/* The next number of the list. */
static long next_uid(const char **list)
{
    char *end;

    if (!**list)
        return UID_END;
    errno = 0;
    long uid = strtol(*list, &end, 10);
    if (end == *list || errno || uid < 0 || uid > UINT32_MAX || (*end && *end != ','))
        return UID_WRONG;
    *list = *end ? end + 1 : end;
    return uid;
}

int privileges_check(const a6_runner_config *config, char *error, size_t size)
{
    const char *list = config->allow_uids ? config->allow_uids : "";
    long uid;

    do
        uid = next_uid(&list);
    while (uid >= 0);
    if (uid == UID_END)
        return 0;
    snprintf(error, size,
             "allow-uid is \"%.100s\"; it must be numeric user ids with commas between, as in "
             "0,65534",
             config->allow_uids);
    return -EINVAL;
}

bool privileges_allow(const a6_runner_config *config, int fd)
{
    const char *list = config->allow_uids;
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (!list)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    for (long uid; (uid = next_uid(&list)) >= 0;) {
        if ((uid_t)uid == peer.uid)
            return true;
    }
    log_warn("process %d of user %u may not connect and is refused (see --allow-uid)",
             (int)peer.pid, peer.uid);
    return false;
}
