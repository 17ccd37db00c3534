/* SPDX-License-Identifier: Apache-2.0 */
#include "server/scoreboard.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int scoreboard_create(struct scoreboard **board)
{
    void *memory =
        mmap(NULL, sizeof(**board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    *board = memory;
    return 0;
}

void scoreboard_close(struct scoreboard *board)
{
    if (board)
        munmap(board, sizeof(*board));
}

void scoreboard_clear(struct scoreboard *board, unsigned worker)
{
    struct scoreboard_worker *slot = &board->workers[worker];

    slot->pid = 0;
    slot->plugin_count = 0;
    atomic_store(&slot->crash.valid, 0);
    slot->crash.thread = -1;
    slot->crash.plugin = -1;
    /* A dead thread leaves `inside` set. Looking costs a page for each that was used;
     * zeroing all would touch every page. */
    for (unsigned i = 0; i < SCOREBOARD_THREADS && slot->threads[i].used; i++)
        memset(&slot->threads[i], 0, sizeof(slot->threads[i]));
}
