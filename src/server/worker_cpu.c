/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_cpu.h"

#include <errno.h>
#include <sched.h>
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

/* Half of them, and no more than four: one loop alone answers hundreds of thousands of
 * calls a second, and the gateway needs the rest. */
unsigned cpu_default_loops(void)
{
    unsigned cpus = allowed_cpus();

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
