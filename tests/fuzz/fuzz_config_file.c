/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration file: taken, or refused with a reason, and what was
 * taken is within its limits and can be freed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_file.h"
#include "server/config.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    a6_runner_config config;
    char error[256] = "";
    int result;

    a6_runner_config_init(&config);
    result = config_file_parse(&config, "f", (const char *)data, size, error, sizeof(error));
    if (result == 0) {
        CHECK(!error[0]);
        CHECK(config.workers >= 1 && config.socket_mode <= 0777);
        CHECK(config.mode == A6_MODE_DEV || config.mode == A6_MODE_PROD ||
              config.mode == A6_MODE_PROF);
        CHECK(!config.listen_address || config_socket_path(config.listen_address));
    } else {
        CHECK(result == -EINVAL);
        CHECK(strncmp(error, "f:", 2) == 0 && strlen(error) < sizeof(error));
    }
    a6_runner_config_free(&config);
    return 0;
}
