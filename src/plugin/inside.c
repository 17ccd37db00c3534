/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/inside.h"

#include <pthread.h>
#include <unistd.h>

#include "base/log.h"

_Thread_local struct inside *inside_place;
bool inside_forked;

static void note_fork(void)
{
    inside_forked = true;
}

void inside_watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, note_fork);
}

void inside_end_child(void)
{
    log_error("a child process of a plugin (call %u) has come back from the plugin's code, and is "
              "ended: when it cannot execute another program it has to call _exit",
              inside_place ? inside_place->call_id : 0);
    _exit(1);
}
