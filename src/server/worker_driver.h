/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the thread that drives a loop is doing: a filter that does not come back may
 * block, compute, or only wait for a CPU, because the machine has more to do than it can.
 * The last is not the plugin's doing, and another thread would only wait beside it.
 *
 * Any thread may look at a driver, also at one that has gone.
 */
#ifndef SERVER_WORKER_DRIVER_H
#define SERVER_WORKER_DRIVER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct driver {
    _Atomic pid_t thread;
    _Atomic clockid_t clock; /* of the CPU time that it has used */
};

enum driver_state {
    DRIVER_BLOCKED,  /* it waits for something else than a CPU */
    DRIVER_RUNNABLE, /* it runs, or would if there were a CPU */
    DRIVER_UNKNOWN,  /* no /proc, or a sandbox that lets none of it be opened */
};

/* The calling thread is the driver from now on. */
void driver_become(struct driver *driver);

enum driver_state driver_state(const struct driver *driver);

/* The CPU time that it has used, in ns; 0 when it has gone. */
int64_t driver_cpu_ns(const struct driver *driver);

#endif
