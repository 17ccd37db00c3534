/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process and all that descend from it have used, as the kernel counts it. Any
 * thread.
 */
#ifndef CLI_BENCH_RESOURCES_H
#define CLI_BENCH_RESOURCES_H

#include <stdint.h>
#include <sys/types.h>

struct bench_resources {
    uint64_t cpu_ns; /* of all threads, also ended ones; not of ended processes */
    uint64_t resident_kib;
    uint32_t threads;
    uint32_t processes;
};

/* The process that listens on the socket ("unix:/path"); 0: that cannot be told. */
pid_t bench_resources_listener(const char *socket);

/* 0, or -ESRCH when there is no such process. */
int bench_resources_read(pid_t pid, struct bench_resources *resources);

#endif
