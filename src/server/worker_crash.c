/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "server/scoreboard.h"
#include "server/worker_crew.h"

#define SIGNAL_STACK ((size_t)65536)
/* Naming the frames may hang when the crash was inside the dynamic linker. */
#define NAMING_SECONDS 2

static struct scoreboard_worker *crash_board;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

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

static void name_frame(int number, void *address)
{
    Dl_info where;

    if (!dladdr(address, &where) || !where.dli_fname) {
        say("    #%d %p\n", number, address);
        return;
    }
    const char *file = strrchr(where.dli_fname, '/');
    if (where.dli_sname)
        say("    #%d %s+0x%zx (%s)\n", number, where.dli_sname,
            (size_t)((char *)address - (char *)where.dli_saddr), file ? file + 1 : where.dli_fname);
    else
        say("    #%d %s+0x%zx\n", number, file ? file + 1 : where.dli_fname,
            (size_t)((char *)address - (char *)where.dli_fbase));
}

static void crash_handler(int signal_number, siginfo_t *info, void *context)
{
    struct scoreboard_crash *crash = &crash_board->crash;
    void *frames[SCOREBOARD_FRAMES];

    (void)context;
    crash->signal = signal_number;
    crash->code = info->si_code;
    crash->address = (uint64_t)(uintptr_t)info->si_addr;
    crash->thread = crew_self ? crew_self->slot_number : -1;
    atomic_store(&crash->valid, 1);

    alarm(NAMING_SECONDS);
    int count = backtrace(frames, SCOREBOARD_FRAMES);
    for (int i = 0; i < count; i++)
        crash->frames[i] = (uint64_t)(uintptr_t)frames[i];
    crash->frame_count = (uint32_t)count;
    for (int i = 0; i < count; i++)
        name_frame(i, frames[i]);
    /* SA_RESETHAND: now the signal does what it does, and leaves a core if wanted. */
    raise(signal_number);
}

void crash_init(struct scoreboard_worker *board)
{
    struct sigaction action = {.sa_sigaction = crash_handler,
                               .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    void *warm[1];

    crash_board = board;
    (void)backtrace(warm, 1); /* loads what it needs now, not in the handler */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
        sigaction(crash_signals[i], &action, NULL);
}

void *crash_stack_enter(void)
{
    void *memory =
        mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    stack_t stack = {.ss_sp = memory, .ss_size = SIGNAL_STACK};
    sigaltstack(&stack, NULL);
    return memory;
}

void crash_stack_leave(void *memory)
{
    stack_t stack = {.ss_flags = SS_DISABLE};

    if (!memory)
        return;
    sigaltstack(&stack, NULL);
    munmap(memory, SIGNAL_STACK);
}
