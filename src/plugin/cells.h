/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared numbers of plugins: named cells in memory that all workers share,
 * created by the supervisor before it forks, so that they outlive a worker.
 *
 * A cell is found by its full name (plugin, conf and the plugin's own name for it),
 * and stays as long as the supervisor lives, unless room is needed and no process uses
 * it any more: every use was given back by cells_release, or its process is gone. Any
 * thread of any process; a process that dies inside leaves the table usable.
 */
#ifndef PLUGIN_CELLS_H
#define PLUGIN_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include <a6/plugin.h>

struct cells;

/* count: how many cells at most. -ENOMEM. */
int cells_create(struct cells **cells, uint32_t count);
void cells_close(struct cells *cells);

/* The cell of the name, made of zeros when there is none. The handle is this
 * process's, and valid until cells_release. -ENOSPC. */
int cells_open(struct cells *cells, const void *name, size_t len, a6_cell **cell);

/* Gives one use back. The numbers stay while there is room. */
void cells_release(struct cells *cells, a6_cell *cell);

/* Adds bytes to the hash that names cells; begin with numbers of your own. */
void cells_hash(const void *data, size_t len, uint64_t hash[2]);

/* The functions of the host's table. */
int64_t cells_add(a6_cell *cell, unsigned slot, int64_t delta);
int64_t cells_get(const a6_cell *cell, unsigned slot);
int cells_swap(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired);
int64_t cells_take(a6_cell *cell, double rate, double burst);

#endif
