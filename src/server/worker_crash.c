/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_crash.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/scoreboard.h"
#include "server/worker_stack.h"

#define SIGNAL_STACK ((size_t)65536)
/* Naming the frames may hang when the crash was inside the dynamic linker. */
#define NAMING_SECONDS 2

static struct scoreboard_worker *crash_board;
static const struct registry *crash_registry;
static bool crash_ended;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

/* The scoreboard's slot of this thread. */
static int own_slot(void)
{
    const char *place = (const char *)inside_place;
    const char *first = (const char *)&crash_board->threads[0].inside;

    return place ? (int)((size_t)(place - first) / sizeof(crash_board->threads[0])) : -1;
}

/* The one plugin that is in the file; -1: none, or several. */
static int plugin_of_file(const char *file)
{
    int found = -1;

    for (unsigned i = 0; i < crash_registry->count; i++) {
        const char *other = crash_registry->plugins[i]->file;
        if (!other || strcmp(other, file) != 0)
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

/* Whose thread it was, when it is none of ours: the innermost plugin's on the stack. */
static int plugin_on_stack(void *const *frames, int count)
{
    Dl_info where;
    int found = -1;

    for (int i = 0; crash_registry && found < 0 && i < count; i++) {
        if (dladdr(frames[i], &where) && where.dli_fname)
            found = plugin_of_file(where.dli_fname);
    }
    return found;
}

static void crash_handler(int signal_number, siginfo_t *info, void *context)
{
    struct scoreboard_crash *crash = &crash_board->crash;
    void *frames[STACK_FRAMES];

    bool own = getpid() == crash_board->pid; /* not a child's that a plugin forked */

    if (own) {
        crash->signal = signal_number;
        crash->raised = info->si_code <= 0; /* by kill(), raise(), abort() */
        crash->address = (uint64_t)(uintptr_t)info->si_addr;
        crash->thread = own_slot();
        atomic_store(&crash->valid, 1);
    }
    alarm(NAMING_SECONDS);
    int count = stack_take(frames);
    stack_write(frames, count, context);
    if (own && crash->thread < 0) /* last: what it reads may be what was overwritten */
        crash->plugin = plugin_on_stack(frames, count);
    /* SA_RESETHAND: now the signal does what it does, and leaves a core if wanted. */
    raise(signal_number);
}

void crash_own_end(void)
{
    if (crash_board && getpid() == crash_board->pid)
        crash_board->crash.thread = own_slot();
}

/* exit() runs this in the thread that called it. */
static void exit_handler(void)
{
    if (!crash_ended)
        crash_own_end();
}

void crash_init(struct scoreboard_worker *board)
{
    struct sigaction action = {.sa_sigaction = crash_handler,
                               .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};

    crash_board = board;
    board->pid = getpid();
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
        sigaction(crash_signals[i], &action, NULL);
    atexit(exit_handler);
}

void crash_know(const struct registry *registry)
{
    crash_registry = registry;
}

void crash_end(void)
{
    crash_ended = true;
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
