/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker gives up before it runs plugin code, and whom it serves.
 */
#ifndef SERVER_WORKER_PRIVILEGES_H
#define SERVER_WORKER_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

#include <a6/runner.h>

/*
 * Becomes --user and --group if they are given, and takes away the means to get
 * privileges back. -errno; error says which and why.
 */
int privileges_drop(const a6_runner_config *config, char *error, size_t size);

/* Gives the file, which the supervisor has made, to --user and --group, so that the
 * workers can open it too. Nothing happens without them, nor to what is no regular file. */
void privileges_give_file(const a6_runner_config *config, const char *path);

/* Checks --allow-uid's form, in the supervisor, before there is a worker. -EINVAL. */
int privileges_check(const a6_runner_config *config, char *error, size_t size);

/* Whether the peer of the connection may be served. Any thread. */
bool privileges_allow(const a6_runner_config *config, int fd);

#endif
