/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_crash.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/scoreboard.h"
#include "server/worker_crew.h"
#include "server/worker_stack.h"

#define SIGNAL_STACK ((size_t)65536)
/* Naming the frames may hang when the crash was inside the dynamic linker. */
#define NAMING_SECONDS 2

static struct scoreboard_worker *crash_board;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

static void crash_handler(int signal_number, siginfo_t *info, void *context)
{
    struct scoreboard_crash *crash = &crash_board->crash;

    (void)context;
    crash->signal = signal_number;
    crash->code = info->si_code;
    crash->address = (uint64_t)(uintptr_t)info->si_addr;
    crash->thread = crew_self ? crew_self->slot_number : -1;
    atomic_store(&crash->valid, 1);

    alarm(NAMING_SECONDS);
    stack_write();
    /* SA_RESETHAND: now the signal does what it does, and leaves a core if wanted. */
    raise(signal_number);
}

void crash_init(struct scoreboard_worker *board)
{
    struct sigaction action = {.sa_sigaction = crash_handler,
                               .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};

    crash_board = board;
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
