/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests for plugins: make a request or a response, run plugins on it, and look at
 * what the upstream and the client would get. No gateway and no socket is needed; the
 * filters run in the runner's own code, which liba6test.a holds.
 *
 *     #include <assert.h>
 *     #include <a6/test.h>
 *
 *     int main(void)
 *     {
 *         a6_test *test = a6_test_request("GET /get?a=1");
 *
 *         a6_test_header(test, "X-User", "kim");
 *         a6_test_use(test, "say", "{\"body\": \"hello\"}");
 *         assert(a6_test_run(test) == A6_TEST_ANSWERED);
 *         assert(a6_test_status(test) == 200);
 *         assert(a6_test_is(a6_test_body_seen(test), "hello"));
 *         a6_test_free(test);
 *     }
 *
 * Plugins that are linked into the test program with A6_REGISTER are found by their
 * name; a6_test_add and a6_test_load bring others. `cc test.c plugin.c
 * $(pkg-config --cflags --libs a6-test)` builds one; any framework does for asserting.
 *
 * Time. a6_delay is not waited for but added up; a6_suspend is waited for.
 * Memory. What is given is copied, unless it says so. What is returned is valid until
 *   the test is run again or freed.
 * Errors. What cannot be set up (no memory, an impossible header) makes a6_test_run
 *   give A6_TEST_BROKEN, with a line on stderr: no result need be checked but that.
 * Threads. One; filters may use others.
 */
#ifndef A6_TEST_H
#define A6_TEST_H

#include <a6/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct a6_test a6_test;

/* ---- the message ---- */

/* "GET /path?a=1&b", in the form of a request line. Adds what a gateway always has:
 * host (localhost), content-length when there is a body, the source address 127.0.0.1,
 * and variables made of these. */
a6_test *a6_test_request(const char *line);

/* An upstream's response: "200", or a status line, "HTTP/1.1 200 OK". */
a6_test *a6_test_response(const char *line);

/* NULL is allowed. */
void a6_test_free(a6_test *test);

/* A header of the message: of the request, or of the response. Repeats are kept. */
void a6_test_header(a6_test *test, const char *name, const char *value);

/* The message's body. */
void a6_test_body(a6_test *test, a6_str body);

/* What the response's request was: its headers are not seen by a response filter, but
 * its body and variables are. */
void a6_test_request_body(a6_test *test, a6_str body);

/* What a variable is, by its name without '$'; any other does not exist. */
void a6_test_var(a6_test *test, const char *name, const char *value);

/* The client's address, v4 or v6. */
void a6_test_source(a6_test *test, const char *address);

/* ---- failures to order ---- */

/* The gateway vanishes after so many answers (0: at the first question). */
void a6_test_gateway_gone(a6_test *test, unsigned answers);

/* The call may take only so many bytes, for a6_alloc, for its changes and for what the
 * host keeps of it; large bodies do not count. */
void a6_test_memory(a6_test *test, size_t bytes);

/* The largest body that the runner takes, in bytes. */
void a6_test_max_body(a6_test *test, size_t bytes);

/* The deadline of a filter that names none. */
void a6_test_deadline(a6_test *test, uint32_t ms);

/* ---- running ---- */

/* Plugins beside those that are linked in: a description, which must stay valid, or a
 * shared object. 0, or negative with a line on stderr. */
int a6_test_add(const a6_plugin *plugin);
int a6_test_load(const char *file);

/* Appends a plugin to those that the test runs, in order; conf NULL: an empty one. */
void a6_test_use(a6_test *test, const char *plugin, const char *conf);

/* The same by the plugin's description, which need not be added before. */
void a6_test_use_plugin(a6_test *test, const a6_plugin *plugin, const char *conf);

typedef enum a6_test_result {
    A6_TEST_UNCHANGED, /* goes on as it was */
    A6_TEST_CHANGED,   /* goes on, changed */
    A6_TEST_ANSWERED,  /* the request was answered: no upstream is asked */
    A6_TEST_FAILED,    /* a filter failed: the gateway gets SERVICE_UNAVAILABLE */
    A6_TEST_REFUSED,   /* parse_conf refused a conf, or had no memory; the same for the gateway */
    A6_TEST_LOST,      /* the gateway vanished before the filter ran: there is no reply */
    A6_TEST_BROKEN,    /* the test itself is wrong */
} a6_test_result;

/* Runs the plugins. Confs are parsed at the first run and kept until the test is freed,
 * so that a second run is a second call of the same route; after a parse_conf that gave
 * -ENOMEM the next run parses them again, as the runner does. Only after it do the
 * functions below have something to tell. */
a6_test_result a6_test_run(a6_test *test);

/* ---- what came of it ---- */

/* The request that the upstream gets, after a request filter: the encoded path and args
 * as on the request line; an arg (1, and its value, absent for one without; 0: there is
 * none of the name); the n-th header of the name (from 0; absent: there are not so
 * many); the body. Header names in any case. */
a6_str a6_test_target_sent(const a6_test *test);
int a6_test_arg_sent(const a6_test *test, const char *name, a6_str *value);
a6_str a6_test_header_sent(const a6_test *test, const char *name, unsigned n);
a6_str a6_test_body_sent(const a6_test *test);

/* The response that the client gets, as far as the plugins decide it: the answer, the
 * changed response of the upstream, or, when a request goes on, what is to be added to
 * a response that nobody knows yet (status 0). */
unsigned a6_test_status(const a6_test *test);
a6_str a6_test_header_seen(const a6_test *test, const char *name, unsigned n);
a6_str a6_test_body_seen(const a6_test *test);

/* How many lines, headers, args and bodies differ from before. */
unsigned a6_test_changes(const a6_test *test);

/* The ms of all delays. */
uint64_t a6_test_delayed(const a6_test *test);

/* How often the gateway was asked for a variable or a body. */
unsigned a6_test_asked(const a6_test *test);

/* Everything that was logged in the last run, a line each, as "LEVEL text"; terminated.
 * a6_error's and a6_env_error's texts are in it. */
const char *a6_test_log(const a6_test *test);

/* 1 when the log has the text somewhere; else 0, and the log goes to stderr. */
int a6_test_logged(const a6_test *test, const char *text);

/* 1 when they are the same; else 0, and both go to stderr. expected NULL: absent. */
int a6_test_is(a6_str actual, const char *expected);

/* ---- the process ---- */

/* Ends all plugins, in good order, and forgets the shared numbers, as if the runner
 * had been stopped; the next test starts anew. Tests must have been freed. Added and
 * loaded plugins must be added again. */
void a6_test_restart(void);

#ifdef __cplusplus
}
#endif

#endif
