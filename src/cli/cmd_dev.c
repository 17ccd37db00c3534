/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c-runner dev: the program c-runner-dev (src/dev) in place of this one. It needs
 * libraries that a process beside production traffic had better not load.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/places.h"
#include "cli/commands.h"

int cmd_dev(int argc, char **argv)
{
    char name[] = "c-runner dev"; /* what it calls itself in messages */
    char program[PATH_MAX];

    (void)argc;
    if (places_dev(program, sizeof(program)) < 0) {
        fprintf(stderr,
                "c-runner dev: there is no c-runner-dev, neither beside this program nor as %s; "
                "`make` builds it, `make install` puts it in its place\n",
                program);
        return 1;
    }
    argv[0] = name;
    fflush(stdout);
    execv(program, argv);
    fprintf(stderr, "c-runner dev: %s: %s\n", program, strerror(errno));
    return 1;
}
