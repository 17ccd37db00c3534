/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define FRAMES_MAX 48
#define STACK_SIGNAL (SIGRTMIN + 2)

/* snprintf takes no lock and no memory for these formats in glibc. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len > 0)
        log_signal_line(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static const char *short_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void write_frame(int number, void *address)
{
    Dl_info where;

    if (!dladdr(address, &where) || !where.dli_fname)
        say("    #%d %p\n", number, address);
    else if (where.dli_sname)
        say("    #%d %s+0x%tx (%s)\n", number, where.dli_sname,
            (char *)address - (char *)where.dli_saddr, short_name(where.dli_fname));
    else /* a static function: addr2line -e FILE OFFSET names it */
        say("    #%d %s+0x%tx\n", number, short_name(where.dli_fname),
            (char *)address - (char *)where.dli_fbase);
}

void stack_write(void)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);

    for (int i = 0; i < count; i++)
        write_frame(i, frames[i]);
}

static void show_handler(int signal_number)
{
    int saved = errno;

    (void)signal_number;
    stack_write();
    errno = saved;
}

void stack_init(void)
{
    struct sigaction action = {.sa_handler = show_handler, .sa_flags = SA_RESTART};
    void *warm[1];

    (void)backtrace(warm, 1); /* loads what it needs now, not in a handler */
    sigemptyset(&action.sa_mask);
    sigaction(STACK_SIGNAL, &action, NULL);
}

void stack_show(pid_t thread)
{
    if (thread > 0)
        (void)syscall(SYS_tgkill, getpid(), thread, STACK_SIGNAL);
}
