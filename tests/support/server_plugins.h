/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins for tests of src/server. The conf's letters say, in order, what the filter does:
 *
 *     s  answers 200 with the path      S  answers with SERVER_LARGE bytes
 *     h  sets a header                  e  fails
 *     v  asks a variable, declared      u  asks one undeclared
 *     b  asks for the body, declared    B  asks for it undeclared, and answers with it
 *     d  goes on after 20 ms            z  suspends the call; see server_plugins_resume
 *     n  sleeps for SERVER_NAP_MS       r  suspends the call, and resumes it at once
 *     !  rejects the conf
 *
 * "block" is the same as "test", and says that it blocks.
 */
#ifndef SUPPORT_SERVER_PLUGINS_H
#define SUPPORT_SERVER_PLUGINS_H

#include <stdatomic.h>

#include <a6/plugin.h>

#define SERVER_LARGE 300000u
#define SERVER_NAP_MS 300u

/* Of all threads: filters entered, confs parsed and freed. */
struct server_plugins_seen {
    _Atomic unsigned filters;
    _Atomic unsigned parsed;
    _Atomic unsigned freed;
};
extern struct server_plugins_seen server_plugins_seen;

/* Lets the call go on that is suspended, asking a variable first when `ask`. True: there
 * was one. */
int server_plugins_resume(int ask);

#endif
