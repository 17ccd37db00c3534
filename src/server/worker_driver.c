/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void driver_become(struct driver *driver)
{
    clockid_t clock = CLOCK_MONOTONIC;

    (void)pthread_getcpuclockid(pthread_self(), &clock);
    atomic_store_explicit(&driver->clock, clock, memory_order_relaxed);
    atomic_store_explicit(&driver->thread, gettid(), memory_order_relaxed);
}

/* Its stat is "TID (NAME) STATE ...", and the name may have anything in it but no more
 * than 15 bytes. */
enum driver_state driver_state(const struct driver *driver)
{
    char path[64];
    char text[128];

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
             (int)atomic_load_explicit(&driver->thread, memory_order_relaxed));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return DRIVER_UNKNOWN;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len < 0)
        return DRIVER_UNKNOWN;
    text[len] = '\0';
    const char *state = strrchr(text, ')');
    if (!state || state[1] != ' ' || !state[2])
        return DRIVER_UNKNOWN;
    return state[2] == 'R' ? DRIVER_RUNNABLE : DRIVER_BLOCKED;
}

int64_t driver_cpu_ns(const struct driver *driver)
{
    struct timespec used;

    if (clock_gettime(atomic_load_explicit(&driver->clock, memory_order_relaxed), &used) < 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}
