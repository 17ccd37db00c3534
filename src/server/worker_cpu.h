/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a worker shares the CPUs with the gateway, which calls it and needs them as much.
 */
#ifndef SERVER_WORKER_CPU_H
#define SERVER_WORKER_CPU_H

#include <a6/runner.h>

/* What --scheduling says: a6_runner_config.scheduling. */
enum scheduling {
    SCHEDULING_BATCH,
    SCHEDULING_NORMAL,
};

/* The CPUs that a control group may use the time of, rounded up, by its quota and by those of
 * the groups above it, whose folders are below root; UINT_MAX: there is none. */
unsigned cpu_quota(const char *root, const char *group);

/* The same for this process. Reads files, which a worker in a sandbox cannot. */
unsigned cpu_granted(void);

/* How many loops suit the CPUs that this process may use. */
unsigned cpu_default_loops(void);

/*
 * Gives the calling thread the policy that the config asks for. One that the runner was
 * started with, by chrt or a service manager, stays. 0, or what the system says: -EPERM
 * where a container's filter forbids it; the thread then goes on as it is.
 */
int cpu_schedule(const a6_runner_config *config);

#endif
