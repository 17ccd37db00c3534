/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cells.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/call.h"

/*
 * In shared memory. A name is known by 128 bits of its hash: two names of the same are
 * not to be expected. Two cells never share a line of the processor's cache.
 */
struct shared_cell {
    _Alignas(64) uint64_t name[2];
    uint64_t users; /* a bit for each process that has it open */
    bool taken;     /* set last, so that a process that died before left it free */
    _Alignas(64) _Atomic int64_t numbers[A6_CELL_SLOTS];
};

/* Processes that can be told apart; those beyond share the last bit, which is never
 * taken back. */
#define PROCESSES 63u

struct shared_table {
    pthread_mutex_t mutex;      /* of all but the numbers; robust */
    pid_t processes[PROCESSES]; /* 0: free */
    struct shared_cell cells[];
};

struct handle {
    a6_cell base; /* first: the plugin's pointer is ours */
    struct shared_cell *shared;
    uint32_t uses; /* by this process */
};

struct cells {
    struct shared_table *table;
    uint32_t count;
    struct handle *handles; /* this process's, one for each cell, filled when opened */
    pid_t process;          /* whose `handles` and `bit` these are; a fork changes it */
    uint64_t bit;
};

static size_t table_size(uint32_t count)
{
    return sizeof(struct shared_table) + (size_t)count * sizeof(struct shared_cell);
}

static int mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int failed = pthread_mutexattr_init(&attributes);

    if (failed)
        return -failed;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    failed = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return -failed;
}

int cells_create(struct cells **cells, uint32_t count)
{
    struct cells *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->count = count;
    made->handles = calloc(count ? count : 1, sizeof(*made->handles));
    made->table = mmap(NULL, table_size(count), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->table == MAP_FAILED)
        made->table = NULL;
    if (!made->handles || !made->table || mutex_init(&made->table->mutex)) {
        cells_close(made);
        return -ENOMEM;
    }
    *cells = made;
    return 0;
}

void cells_close(struct cells *cells)
{
    if (!cells)
        return;
    if (cells->table)
        munmap(cells->table, table_size(cells->count));
    free(cells->handles);
    free(cells);
}

/* One who died inside left names and users as they are after each single store, and each
 * of these states is a good one: `taken` is stored last. */
static void table_lock(struct shared_table *table)
{
    if (pthread_mutex_lock(&table->mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&table->mutex);
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 31;
    value *= 0x7fb5d329728ea185u;
    value ^= value >> 27;
    value *= 0x81dadef4bc2dd44du;
    return value ^ value >> 33;
}

void cells_hash(const void *data, size_t len, uint64_t hash[2])
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        hash[0] = (hash[0] ^ bytes[i]) * 0x100000001b3u;
        hash[1] = mix(hash[1] + bytes[i] + 0x9e3779b97f4a7c15u);
    }
    hash[0] = mix(hash[0] ^ len);
}

/* ---- who uses what ---- */

/* Takes back what processes have open that are gone. */
static void forget_the_dead(struct cells *cells)
{
    struct shared_table *table = cells->table;
    uint64_t dead = 0;

    for (unsigned i = 0; i < PROCESSES; i++) {
        if (table->processes[i] == 0 || kill(table->processes[i], 0) == 0 || errno != ESRCH)
            continue;
        dead |= (uint64_t)1 << i;
        table->processes[i] = 0;
    }
    for (uint32_t i = 0; dead && i < cells->count; i++)
        table->cells[i].users &= ~dead;
}

static uint64_t take_bit(struct cells *cells)
{
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PROCESSES; i++) {
            if (cells->table->processes[i] == 0) {
                cells->table->processes[i] = cells->process;
                return (uint64_t)1 << i;
            }
        }
        forget_the_dead(cells);
    }
    return (uint64_t)1 << PROCESSES;
}

/* A process that was forked begins with no uses of its own. */
static void know_process(struct cells *cells)
{
    pid_t process = getpid();

    if (cells->process == process)
        return;
    /* Most have no handles yet, and need no memory for that. */
    for (uint32_t i = 0; cells->process != 0 && i < cells->count; i++) {
        if (cells->handles[i].uses > 0)
            cells->handles[i].uses = 0;
    }
    cells->process = process;
    cells->bit = take_bit(cells);
}

/* ---- names ---- */

static uint32_t find_place(const struct cells *cells, const uint64_t name[2])
{
    const struct shared_cell *all = cells->table->cells;
    uint32_t unused = UINT32_MAX;

    for (uint32_t i = 0; i < cells->count; i++) {
        uint32_t at = (uint32_t)((name[0] + i) % cells->count);

        if (!all[at].taken)
            return at;
        if (all[at].name[0] == name[0] && all[at].name[1] == name[1])
            return at;
        if (all[at].users == 0 && unused == UINT32_MAX)
            unused = at;
    }
    /* No room: one that nobody uses gives way. No cell of the table is free then, so
     * that a search need not step over holes. */
    return unused;
}

static void take_place(struct shared_cell *cell, const uint64_t name[2])
{
    if (cell->taken && cell->name[0] == name[0] && cell->name[1] == name[1])
        return;
    for (unsigned i = 0; i < A6_CELL_SLOTS; i++)
        atomic_store_explicit(&cell->numbers[i], 0, memory_order_relaxed);
    cell->name[0] = name[0];
    cell->name[1] = name[1];
    cell->users = 0;
    atomic_signal_fence(memory_order_seq_cst);
    cell->taken = true;
}

static a6_cell *use_place(struct cells *cells, uint32_t place, const uint64_t name[2])
{
    struct shared_cell *shared = &cells->table->cells[place];
    struct handle *handle = &cells->handles[place];

    take_place(shared, name);
    shared->users |= cells->bit;
    if (!handle->shared)
        *handle = (struct handle){{&call_host}, shared, 0};
    handle->uses++;
    return &handle->base;
}

int cells_open(struct cells *cells, const void *name, size_t len, a6_cell **cell)
{
    uint64_t hash[2] = {0, 0};
    uint32_t place;

    cells_hash(name, len, hash);
    table_lock(cells->table);
    know_process(cells);
    place = find_place(cells, hash);
    if (place == UINT32_MAX) {
        forget_the_dead(cells);
        place = find_place(cells, hash);
    }
    if (place != UINT32_MAX)
        *cell = use_place(cells, place, hash);
    pthread_mutex_unlock(&cells->table->mutex);
    return place == UINT32_MAX ? -ENOSPC : 0;
}

void cells_release(struct cells *cells, a6_cell *cell)
{
    struct handle *handle = (struct handle *)(void *)cell;

    table_lock(cells->table);
    know_process(cells);
    if (handle->uses > 0 && --handle->uses == 0 && cells->bit != (uint64_t)1 << PROCESSES)
        handle->shared->users &= ~cells->bit;
    pthread_mutex_unlock(&cells->table->mutex);
}

static struct shared_cell *shared_of(const a6_cell *cell)
{
    return ((const struct handle *)(const void *)cell)->shared;
}

int64_t cells_add(a6_cell *cell, unsigned slot, int64_t delta)
{
    if (slot >= A6_CELL_SLOTS)
        return 0;
    /* Unsigned: the numbers wrap around instead of being undefined. */
    return (int64_t)((uint64_t)atomic_fetch_add(&shared_of(cell)->numbers[slot], delta) +
                     (uint64_t)delta);
}

int64_t cells_get(const a6_cell *cell, unsigned slot)
{
    return slot < A6_CELL_SLOTS ? atomic_load(&shared_of(cell)->numbers[slot]) : 0;
}

int cells_swap(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired)
{
    return slot < A6_CELL_SLOTS &&
           atomic_compare_exchange_strong(&shared_of(cell)->numbers[slot], &expected, desired);
}

/*
 * The bucket is one number, slot 0: the time in ns at which it will be empty. A drop
 * waits until then, and moves it by one interval. Slot 1 is kept for what a finer bucket
 * may need. The clock is the same for all processes.
 */
int64_t cells_take(a6_cell *cell, double rate, double burst)
{
    _Atomic int64_t *empty_at = &shared_of(cell)->numbers[0];
    int64_t seen = atomic_load(empty_at);
    int64_t now = (int64_t)clock_ns();
    double interval = 1e9 / rate;

    if (!(rate > 0))
        return -1;
    if (interval < 1)
        interval = 1;
    if (interval > 1e17) /* one in three years; more could pass what int64_t holds */
        interval = 1e17;
    for (;;) {
        int64_t wait = seen > now ? seen - now : 0;

        /* Half a thousandth: two clocks that round differently do not refuse a drop. */
        if (wait > 0 && (double)wait / interval > (burst > 0 ? burst : 0) + 0.0005)
            return -1;
        if (wait > INT64_MAX / 4)
            return -1;
        if (atomic_compare_exchange_weak(empty_at, &seen, now + wait + (int64_t)interval))
            return (wait + 999999) / 1000000;
    }
}
