/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_resources.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"

#define DEPTH_MAX 8
#define DIAL_MS 1000

/* /proc/PID/stat has ticks of 10 ms; the process's CPU clock counts nanoseconds. */
static int add_cpu(pid_t pid, struct bench_resources *resources)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return -ESRCH;
    resources->cpu_ns += (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    resources->processes++;
    return 0;
}

static void add_status(pid_t pid, struct bench_resources *resources)
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
            resources->resident_kib += number;
        else if (sscanf(line, "Threads: %lu", &number) == 1)
            resources->threads += (uint32_t)number;
    }
    fclose(file);
}

static int add_tree(pid_t pid, struct bench_resources *resources, int depth)
{
    char name[64];
    FILE *file;
    int child;

    if (add_cpu(pid, resources) < 0)
        return -ESRCH;
    add_status(pid, resources);
    snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = depth < DEPTH_MAX ? fopen(name, "re") : NULL;
    if (!file)
        return 0;
    while (fscanf(file, "%d", &child) == 1)
        add_tree(child, resources, depth + 1); /* one that has just ended does not count */
    fclose(file);
    return 0;
}

int bench_resources_read(pid_t pid, struct bench_resources *resources)
{
    *resources = (struct bench_resources){0};
    return add_tree(pid, resources, 0);
}

pid_t bench_resources_listener(const char *socket)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    struct sockaddr_un address;
    struct bench_resources resources;
    int fd = client_parse_address(socket, &address) < 0 ? -1 : client_dial(&address, DIAL_MS);

    if (fd < 0)
        return 0;
    /* The kernel tells who called listen(); 1 is an init that did so for others. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 1 ||
        bench_resources_read(peer.pid, &resources) < 0)
        peer.pid = 0;
    close(fd);
    return peer.pid;
}
