/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU profile of a worker in mode prof, by gperftools' sampling profiler, which is
 * loaded when it is installed (package libgoogle-perftools4).
 */
#ifndef SERVER_WORKER_PROFILE_H
#define SERVER_WORKER_PROFILE_H

/* Writes to logs/cpu.PID.prof until profile_stop. Without the library: a line in the
 * log, and the worker serves as it is. */
void profile_start(void);
void profile_stop(void);

#endif
