/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "server/worker_symbol.h"

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

/* One frame: the name that the dynamic linker knows, or that the file does. */
static void write_frame(int number, void *address, bool returns)
{
    /* A return address may lie behind its function, which ends with a call. */
    char *inside = (char *)address - (returns ? 1 : 0);
    struct link_map *map = NULL;
    struct symbol symbol;
    Dl_info where;

    if (!dladdr1(inside, &where, (void **)&map, RTLD_DL_LINKMAP) || !where.dli_fname || !map) {
        say("    #%d %p\n", number, address);
        return;
    }
    const char *file = map->l_name[0] ? where.dli_fname : "/proc/self/exe";
    ptrdiff_t offset = inside - (char *)map->l_addr;
    if (where.dli_sname)
        say("    #%d %s+0x%tx (%s)\n", number, where.dli_sname,
            (char *)address - (char *)where.dli_saddr, short_name(where.dli_fname));
    else if (symbol_find(file, (uint64_t)offset, &symbol))
        say("    #%d %s+0x%" PRIx64 " (%s)\n", number, symbol.name, symbol.into + (returns ? 1 : 0),
            short_name(where.dli_fname));
    else /* stripped, or not to be opened: addr2line -e FILE OFFSET names it elsewhere */
        say("    #%d %s+0x%tx\n", number, short_name(where.dli_fname), offset);
}

int stack_take(void *frames[STACK_FRAMES])
{
    return backtrace(frames, STACK_FRAMES);
}

/* Where the thread was when the signal came; NULL: not known on this machine. */
static void *interrupted_at(const void *context)
{
#if defined(__x86_64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

void stack_write(void *const *frames, int count, const void *context)
{
    const void *at = interrupted_at(context);
    int first = 0;

    while (first < count && frames[first] != at)
        first++;
    if (first == count)
        first = 0; /* then with the handler's own frames */
    for (int i = first; i < count; i++)
        write_frame(i - first, frames[i], i > first);
}

static void show_handler(int signal_number, siginfo_t *info, void *context)
{
    int saved = errno;
    void *frames[STACK_FRAMES];
    int count = stack_take(frames);

    (void)signal_number;
    (void)info;
    stack_write(frames, count, context);
    errno = saved;
}

void stack_init(void)
{
    struct sigaction action = {.sa_sigaction = show_handler,
                               .sa_flags = (int)(SA_SIGINFO | SA_RESTART)};
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
