/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared numbers of plugins: named cells in memory that all workers share,
 * created by the supervisor before it forks, so that they outlive a worker.
 *
 * A cell is found by its full name (plugin, conf and the plugin's own name for it),
 * and stays as long as the supervisor lives, unless it has not been opened by any
 * worker since `cells_release` dropped the last use and room is needed. Any thread of
 * any process; a process that dies inside leaves the table usable.
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
 * process's, stays valid until cells_close. -ENOSPC. */
int cells_open(struct cells *cells, const void *name, size_t len, a6_cell **cell);

/* The functions of the host's table. */
int64_t cells_add(a6_cell *cell, unsigned slot, int64_t delta);
int64_t cells_get(const a6_cell *cell, unsigned slot);
int cells_swap(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired);
int64_t cells_take(a6_cell *cell, double rate, double burst);

#endif
