/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_cpu.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned allowed_cpus(void)
{
    cpu_set_t set;

    /* It fails on machines with more CPUs than the set has room for. */
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

static bool read_line(const char *file, char *line, size_t size)
{
    FILE *stream = fopen(file, "re");
    bool found = stream && fgets(line, (int)size, stream);

    if (stream)
        fclose(stream);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

/* What one group grants: "max 100000", or so many microseconds of so many. */
static unsigned quota_of(const char *folder)
{
    char file[PATH_MAX + 16];
    char line[64];
    unsigned long long quota;
    unsigned long long period;

    snprintf(file, sizeof(file), "%s/cpu.max", folder);
    if (!read_line(file, line, sizeof(line)) || sscanf(line, "%llu %llu", &quota, &period) != 2 ||
        period == 0 || quota / period >= UINT_MAX)
        return UINT_MAX;
    return (unsigned)((quota + period - 1) / period);
}

unsigned cpu_quota(const char *root, const char *group)
{
    char folder[PATH_MAX];
    unsigned least = UINT_MAX;
    size_t top = strlen(root);
    char *slash;

    if ((size_t)snprintf(folder, sizeof(folder), "%s%s", root, group) >= sizeof(folder))
        return least;
    /* Each group above it has a say. */
    do {
        unsigned own = quota_of(folder);
        least = own < least ? own : least;
        slash = strrchr(folder + top, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return least;
}

/* Of version 2 only, whose line begins so; a container's own group is its root. */
unsigned cpu_granted(void)
{
    char line[PATH_MAX];

    return read_line("/proc/self/cgroup", line, sizeof(line)) && strncmp(line, "0::/", 4) == 0
               ? cpu_quota("/sys/fs/cgroup", line + 3)
               : UINT_MAX;
}

/* Half of them, and no more than four: one loop alone answers hundreds of thousands of
 * calls a second, and the gateway needs the rest. */
unsigned cpu_default_loops(void)
{
    unsigned granted = cpu_granted();
    unsigned cpus = allowed_cpus();

    cpus = granted < cpus ? granted : cpus;
    return cpus < 4 ? 1 : cpus < 8 ? cpus / 2 : 4;
}

/*
 * A thread of SCHED_BATCH does not push the one that runs off its CPU when it wakes up.
 * The gateway's worker thus finishes what it is at, which mostly makes more calls, and
 * one wake-up answers them all: measured in docs/performance.md.
 */
int cpu_schedule(const a6_runner_config *config)
{
    const struct sched_param none = {0};

    if (config->scheduling != SCHEDULING_BATCH || sched_getscheduler(0) != SCHED_OTHER)
        return 0;
    return sched_setscheduler(0, SCHED_BATCH, &none) < 0 ? -errno : 0;
}
