/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the lock, for one who may not wait for it. */
#include <errno.h>
#include <linux/futex.h>

#include "conf/store_shared.h"

bool conf_store_is_free(struct conf_store *store, pid_t *holder)
{
    struct store_shared *shared = store->shared;
    int locked = pthread_mutex_trylock(&shared->lock);

    *holder = 0;
    if (locked == EBUSY) {
        /* Of a robust mutex the kernel has to know its owner too: that is how it finds out
         * that it died. */
        unsigned word = (unsigned)__atomic_load_n(&shared->lock.__data.__lock, __ATOMIC_RELAXED);
        *holder = (pid_t)(word & FUTEX_TID_MASK);
        return false;
    }
    store_enter(store, locked);
    store_unlock(store);
    return true;
}
