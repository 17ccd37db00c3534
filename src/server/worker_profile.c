/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_profile.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static void (*profiler_stop)(void);

/* A symbol as a function: ISO C has no cast for it. */
static void find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    memcpy(function, &symbol, sizeof(symbol));
}

void profile_start(void)
{
    int (*start)(const char *) = NULL;
    char path[64];
    void *library = dlopen("libprofiler.so.0", RTLD_NOW | RTLD_GLOBAL);

    if (library) {
        find(library, "ProfilerStart", &start);
        find(library, "ProfilerStop", &profiler_stop);
    }
    if (!start || !profiler_stop) {
        log_error("mode prof: the profiler library is not installed, so no profile is written "
                  "(apt-get install libgoogle-perftools4)");
        profiler_stop = NULL;
        return;
    }
    (void)mkdir("logs", 0755);
    snprintf(path, sizeof(path), "logs/cpu.%d.prof", (int)getpid());
    if (!start(path)) {
        log_error("mode prof: %s cannot be written", path);
        profiler_stop = NULL;
        return;
    }
    log_warn("mode prof: the CPU profile goes to %s", path);
}

void profile_stop(void)
{
    if (profiler_stop)
        profiler_stop();
}
