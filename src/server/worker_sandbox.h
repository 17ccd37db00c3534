/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An opt-in fence around a worker whose plugins only compute: once they are loaded, the
 * worker can open no file, make no network or unix socket of its own, and start no
 * process. What is open already (the log, the gateway's connections) goes on working.
 *
 * A plugin that tries gets EPERM from the system call, and can say so.
 */
#ifndef SERVER_WORKER_SANDBOX_H
#define SERVER_WORKER_SANDBOX_H

#include <stddef.h>

/* For all threads of the process, for good. -errno; error says what to do. */
int sandbox_enter(char *error, size_t size);

#endif
