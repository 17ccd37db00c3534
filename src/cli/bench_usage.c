/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_usage.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define DEPTH_MAX 8

/* /proc/PID/stat has ticks of 10 ms; the process's CPU clock counts nanoseconds. */
static int add_cpu(pid_t pid, struct bench_usage *usage)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return -ESRCH;
    usage->cpu_ns += (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    usage->processes++;
    return 0;
}

static void add_status(pid_t pid, struct bench_usage *usage)
{
    char name[64], line[256];
    unsigned long number;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
    file = fopen(name, "re");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmRSS: %lu", &number) == 1)
            usage->resident_kib += number;
        else if (sscanf(line, "Threads: %lu", &number) == 1)
            usage->threads += (uint32_t)number;
    }
    fclose(file);
}

static int add_tree(pid_t pid, struct bench_usage *usage, int depth)
{
    char name[64];
    FILE *file;
    int child;

    if (add_cpu(pid, usage) < 0)
        return -ESRCH;
    add_status(pid, usage);
    snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = depth < DEPTH_MAX ? fopen(name, "re") : NULL;
    if (!file)
        return 0;
    while (fscanf(file, "%d", &child) == 1)
        add_tree(child, usage, depth + 1); /* one that has just ended does not count */
    fclose(file);
    return 0;
}

int bench_usage_read(pid_t pid, struct bench_usage *usage)
{
    *usage = (struct bench_usage){0};
    return add_tree(pid, usage, 0);
}
