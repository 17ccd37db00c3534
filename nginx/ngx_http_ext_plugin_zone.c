/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the workers share, also those of the last and the next cycle:
 * the table of tokens, and which workers are alive.
 */

#include "ngx_http_ext_plugin.h"


/* a conf's place in the table is one of so many */
#define NGX_HTTP_EXT_PLUGIN_WINDOW   8

/* more than these nginx cannot start, the workers of all its cycles together */
#define NGX_HTTP_EXT_PLUGIN_WORKERS  NGX_MAX_PROCESSES


typedef struct {
    ngx_pid_t                     pid;
    uint32_t                      cycle;
} ngx_http_ext_plugin_worker_t;


typedef struct {
    ngx_http_ext_plugin_worker_t  workers[NGX_HTTP_EXT_PLUGIN_WORKERS];
    ngx_uint_t                    nslots;
    ngx_http_ext_plugin_slot_t    slots[1];
} ngx_http_ext_plugin_table_t;


static size_t ngx_http_ext_plugin_table_slots(size_t size);
static ngx_int_t ngx_http_ext_plugin_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);


static ngx_slab_pool_t              *ngx_http_ext_plugin_shpool;
static ngx_http_ext_plugin_table_t  *ngx_http_ext_plugin_table;


char *
ngx_http_ext_plugin_zone_add(ngx_conf_t *cf,
    ngx_http_ext_plugin_main_conf_t *emcf)
{
    size_t     size;
    ngx_str_t  name = ngx_string("ext_plugin");

    /* one size where it is enough: a zone of another size starts empty */

    size = 128 * 1024;

    while (ngx_http_ext_plugin_table_slots(size) < 4 * emcf->confs.nelts) {
        size *= 2;
    }

    emcf->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                           &ngx_http_ext_plugin_module);
    if (emcf->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    emcf->shm_zone->init = ngx_http_ext_plugin_init_zone;
    emcf->shm_zone->data = emcf;

    return NGX_CONF_OK;
}


/* Half of the zone is more than enough for what nginx needs to manage it. */

static size_t
ngx_http_ext_plugin_table_slots(size_t size)
{
    size_t  n;

    n = 64;

    while (n * 2 * sizeof(ngx_http_ext_plugin_slot_t) <= size / 2) {
        n *= 2;
    }

    return n;
}


static ngx_int_t
ngx_http_ext_plugin_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                        n;
    ngx_slab_pool_t              *shpool;
    ngx_http_ext_plugin_table_t  *table;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data || shm_zone->shm.exists) {
        return NGX_OK;
    }

    n = ngx_http_ext_plugin_table_slots(shm_zone->shm.size);

    table = ngx_slab_calloc(shpool, sizeof(ngx_http_ext_plugin_table_t)
                                    + n * sizeof(ngx_http_ext_plugin_slot_t));
    if (table == NULL) {
        return NGX_ERROR;
    }

    table->nslots = n;
    shpool->data = table;

    return NGX_OK;
}


void
ngx_http_ext_plugin_zone_use(ngx_shm_zone_t *shm_zone)
{
    ngx_http_ext_plugin_shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    ngx_http_ext_plugin_table = ngx_http_ext_plugin_shpool->data;
}


void
ngx_http_ext_plugin_zone_lock(void)
{
    ngx_shmtx_lock(&ngx_http_ext_plugin_shpool->mutex);
}


void
ngx_http_ext_plugin_zone_unlock(void)
{
    ngx_shmtx_unlock(&ngx_http_ext_plugin_shpool->mutex);
}


ngx_http_ext_plugin_slot_t *
ngx_http_ext_plugin_slot(u_char *digest, ngx_uint_t create)
{
    uint32_t                      hash;
    ngx_uint_t                    i;
    ngx_http_ext_plugin_slot_t   *slot, *oldest;
    ngx_http_ext_plugin_table_t  *table;

    table = ngx_http_ext_plugin_table;
    oldest = NULL;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    for (i = 0; i < NGX_HTTP_EXT_PLUGIN_WINDOW; i++) {
        slot = &table->slots[(hash + i) & (table->nslots - 1)];

        if (ngx_memcmp(slot->digest, digest, 16) == 0) {
            return slot;
        }

        if (slot->locker == 0
            && (oldest == NULL || slot->expires < oldest->expires))
        {
            oldest = slot;
        }
    }

    if (!create || oldest == NULL) {
        return NULL;
    }

    ngx_memzero(oldest, sizeof(ngx_http_ext_plugin_slot_t));
    ngx_memcpy(oldest->digest, digest, 16);

    return oldest;
}


/* The group, because the number may be another process's by now. */

ngx_uint_t
ngx_http_ext_plugin_worker_alive(ngx_pid_t pid)
{
    return pid != 0 && getpgid(pid) == getpgrp();
}


void
ngx_http_ext_plugin_worker_enter(uint32_t cycle)
{
    ngx_uint_t                     i;
    ngx_http_ext_plugin_worker_t  *w;

    ngx_http_ext_plugin_zone_lock();

    for (i = 0; i < NGX_HTTP_EXT_PLUGIN_WORKERS; i++) {
        w = &ngx_http_ext_plugin_table->workers[i];

        if (w->pid == ngx_pid || !ngx_http_ext_plugin_worker_alive(w->pid)) {
            w->pid = ngx_pid;
            w->cycle = cycle;
            break;
        }
    }

    ngx_http_ext_plugin_zone_unlock();
}


void
ngx_http_ext_plugin_worker_leave(void)
{
    ngx_uint_t                     i;
    ngx_http_ext_plugin_worker_t  *w;

    ngx_http_ext_plugin_zone_lock();

    for (i = 0; i < NGX_HTTP_EXT_PLUGIN_WORKERS; i++) {
        w = &ngx_http_ext_plugin_table->workers[i];

        if (w->pid == ngx_pid) {
            w->pid = 0;
        }
    }

    ngx_http_ext_plugin_zone_unlock();
}


ngx_uint_t
ngx_http_ext_plugin_worker_others(uint32_t cycle)
{
    ngx_uint_t                     i, found;
    ngx_http_ext_plugin_worker_t  *w;

    found = 0;

    ngx_http_ext_plugin_zone_lock();

    for (i = 0; i < NGX_HTTP_EXT_PLUGIN_WORKERS; i++) {
        w = &ngx_http_ext_plugin_table->workers[i];

        if (w->pid != ngx_pid && w->cycle == cycle
            && ngx_http_ext_plugin_worker_alive(w->pid))
        {
            found = 1;
            break;
        }
    }

    ngx_http_ext_plugin_zone_unlock();

    return found;
}
