/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin interface of apisix-c-plugin-runner.
 *
 * A plugin is one shared object that includes this header and is linked to
 * nothing of ours. It describes itself in an `a6_plugin` and names it with
 * A6_REGISTER; the runner finds it there, checks the ABI version, and calls it.
 * A first plugin, whole:
 *
 *     #include <a6/plugin.h>
 *
 *     static a6_result greet(a6_request *req, void *conf)
 *     {
 *         (void)conf;
 *         a6_answer(req, 200);
 *         a6_answer_header(req, A6_STR("X-Greeting"), A6_STR("C"));
 *         a6_answer_write(req, A6_STR("hello\n"));
 *         return A6_OK;
 *     }
 *
 *     static const a6_plugin plugin = {
 *         A6_PLUGIN_HEADER,
 *         .name = "greet",
 *         .version = "1.0.0",
 *         .summary = "answers every request with hello",
 *         .request_filter = greet,
 *     };
 *     A6_REGISTER(plugin)
 *
 * Rules that hold for everything below:
 *
 * Memory. What a function is given is borrowed for the length of the call to it;
 *   what it keeps of that it copies. A string that a function returns stays valid
 *   and unchanged until the filter call it was asked in has ended, and while that
 *   call is suspended. Strings are not terminated unless it says so.
 * Threads. A call (a6_call, a6_request, a6_response) is used by one thread at a
 *   time: the one that runs the filter, or, after a6_suspend, the one that holds
 *   the a6_pending. Different calls run at the same time in different threads,
 *   with the same plugin and conf. No function here may be called from a signal
 *   handler.
 * Errors. A function that can fail returns 0 or a negative errno value; nothing
 *   was changed then. Values that would break HTTP are refused with -EINVAL: CR,
 *   LF or NUL in a header or path, an empty or malformed header name, a status
 *   outside 100 to 599.
 * Blocking. Every function can be called anywhere in a filter, also those that
 *   ask the gateway (a6_var, a6_request_body, a6_response_body). What a plugin
 *   declares as needed is fetched before its filter is called and costs no thread.
 *
 * ABI. Structs and the function table only grow at their end. A plugin that was
 * built with an older header of the same major number keeps working.
 *
 * Changes
 *   1.0  first version
 */
#ifndef A6_PLUGIN_H
#define A6_PLUGIN_H

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <a6/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define A6_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define A6_PRINTF(at, first)
#endif

/* ---- strings ---- */

/* A run of bytes. `data` is NULL when the thing asked for is absent, and not NULL
 * when it is present and empty. Length in bytes. */
typedef struct a6_str {
    const char *data;
    size_t len;
} a6_str;

/* A name with its value; value.data is NULL for an arg like the `b` of `?a=1&b`. */
typedef struct a6_pair {
    a6_str name;
    a6_str value;
} a6_pair;

static inline a6_str a6_str_make(const char *data, size_t len)
{
    a6_str s;
    s.data = data;
    s.len = len;
    return s;
}

/* From a terminated string; NULL gives an absent one. */
static inline a6_str a6_str_from(const char *text)
{
    return a6_str_make(text, text ? strlen(text) : 0);
}

/* From a string literal. */
#define A6_STR(literal) a6_str_make("" literal, sizeof(literal) - 1)

static inline int a6_str_equal(a6_str a, a6_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ---- handles ---- */

typedef struct a6_host a6_host;

/* One call of the gateway, in either phase. The rest of it is the host's. */
typedef struct a6_call {
    const a6_host *host;
} a6_call;

/* A call in the request phase (ext-plugin-pre-req, ext-plugin-post-req). */
typedef struct a6_request {
    a6_call call;
} a6_request;

/* A call in the response phase (ext-plugin-post-resp). */
typedef struct a6_response {
    a6_call call;
} a6_response;

/* Where a plugin is set up: its init, or the parsing of one conf. */
typedef struct a6_env {
    const a6_host *host;
} a6_env;

/* The right to finish a suspended call. */
typedef struct a6_pending {
    const a6_host *host;
} a6_pending;

/* Numbers that all threads and workers share, and that outlive a worker's crash
 * and a reload of the plugin. */
typedef struct a6_cell {
    const a6_host *host;
} a6_cell;

/* What a filter decided. */
typedef enum a6_result {
    A6_ERROR = -1,  /* the call gets SERVICE_UNAVAILABLE; say why with a6_error */
    A6_OK = 0,      /* go on with the next plugin; or, if answered, end the chain */
    A6_PENDING = 1, /* decided later: only after a6_suspend or from a6_delay */
} a6_result;

typedef enum a6_level {
    A6_LOG_DEBUG,
    A6_LOG_INFO,
    A6_LOG_WARN,
    A6_LOG_ERROR,
    A6_LOG_FATAL, /* the plugin is of no use any more; nothing is stopped */
} a6_level;

/* The methods that the gateway's protocol knows, with its numbers. */
typedef enum a6_method {
    A6_GET,
    A6_HEAD,
    A6_POST,
    A6_PUT,
    A6_DELETE,
    A6_MKCOL,
    A6_COPY,
    A6_MOVE,
    A6_OPTIONS,
    A6_PROPFIND,
    A6_PROPPATCH,
    A6_LOCK,
    A6_UNLOCK,
    A6_PATCH,
    A6_TRACE,
} a6_method;

/* ---- the plugin's description ---- */

enum {
    /* The filter may block (a database, a file, a lock): it runs on a thread of
     * its own from the start. Without the flag a filter that blocks is noticed
     * and moved, after it has held others up for some milliseconds. */
    A6_BLOCKING = 1u << 0,
    /* The filter never blocks and never asks the gateway for what it did not
     * declare, so a host without threads of its own can run it. */
    A6_NONBLOCKING = 1u << 1,
    /* Fetch this body before the filter is called. */
    A6_NEED_REQUEST_BODY = 1u << 2,
    A6_NEED_RESPONSE_BODY = 1u << 3,
};

/*
 * Everything is static data of the plugin and stays valid while it is loaded.
 * All but the header and the name may be left zero.
 */
typedef struct a6_plugin {
    /* Filled by A6_PLUGIN_HEADER, and checked before anything else is read. */
    uint32_t abi_major;
    uint32_t abi_minor;
    size_t size; /* of this struct, as the plugin was built */

    /* The name in routes: 1 to 64 of letters, digits, '-', '_', '.'. */
    const char *name;
    const char *version;
    const char *summary;

    uint32_t flags;

    /* Variables to fetch before the filter is called: names without '$', ended by
     * NULL. Only what every call needs: each costs a round trip. */
    const char *const *need_vars;

    /* The largest body that this plugin takes, in bytes; 0: what fits a frame. */
    size_t max_body;

    /* How long a filter may take, in ms; 0: the runner's default (56 s). The
     * gateway gives up after 60 s. */
    uint32_t deadline_ms;

    /* Once in every worker, before any other function and before threads exist
     * (blocking is allowed). *state is the plugin's, see a6_state. A negative value keeps the
     * runner from starting; say why with a6_env_error. */
    int (*init)(a6_env *env, void **state);
    /* Once in every worker that ends in good order, after the last call. */
    void (*shutdown)(void *state);

    /* Makes *conf of a route's conf text, which can be empty and need not be
     * JSON. Runs once per worker and conf, in any thread. A negative value
     * rejects the conf: its routes get an error, never silence; say why with
     * a6_env_error. -ENOMEM fails only the call that needed the conf: the next one
     * parses it again. Without this function the filters' conf is NULL. */
    int (*parse_conf)(a6_env *env, a6_str text, void **conf);
    /* Frees what parse_conf made, after the last call that uses it. */
    void (*free_conf)(void *conf);

    a6_result (*request_filter)(a6_request *req, void *conf);
    a6_result (*response_filter)(a6_response *res, void *conf);
} a6_plugin;

#define A6_PLUGIN_HEADER                                                                           \
    .abi_major = A6_ABI_MAJOR, .abi_minor = A6_ABI_MINOR, .size = sizeof(a6_plugin)

/*
 * The one symbol that a plugin exports: a function of this type, named
 * A6_MODULE_SYMBOL. This header writes it; other languages write it by hand. It is
 * called once, after the file was loaded, and must do nothing but return.
 */
typedef struct a6_module {
    uint32_t abi_major;
    uint32_t abi_minor;
    size_t size;
    const a6_plugin *const *first; /* the plugins: first <= p < end, NULLs skipped */
    const a6_plugin *const *end;
} a6_module;

typedef const a6_module *(*a6_module_function)(void);
#define A6_MODULE_SYMBOL "a6_module_get"

/*
 * Registers one a6_plugin; at file scope, once for each plugin, in as many files
 * of one shared object or program as you like. In a program that is linked with
 * the runner, registered plugins are found without being loaded.
 */
#define A6_REGISTER(plugin)                                                                        \
    static const a6_plugin *a6_register_##plugin __attribute__((used, section("a6_plugins"))) =    \
        &(plugin);

/* ---- both phases ---- */

/* The gateway's number of the call: unique among those in flight. */
static inline uint32_t a6_call_id(const a6_call *call);

/* What the plugin's init left in *state; NULL without one. */
static inline void *a6_state(const a6_call *call);

/* Milliseconds until the call is given up; 0 or less when it has been. */
static inline int64_t a6_time_left(const a6_call *call);

/* Memory that lives until the call is answered, zeroed, aligned for any type.
 * NULL when the call has used up its share (1 MiB by default). */
static inline void *a6_alloc(a6_call *call, size_t size);

/* Formats into memory of the call; absent when there is none left. */
A6_PRINTF(2, 3) static inline a6_str a6_format(a6_call *call, const char *format, ...);

/* Leaves a value for later plugins of this call, under a key that the plugins
 * agree on ("auth.user"). What value points to must outlive the call: a6_alloc
 * gives such memory. -ENOMEM. */
static inline int a6_set(a6_call *call, a6_str key, void *value);

/* The value left under the key, or NULL. */
static inline void *a6_get(const a6_call *call, a6_str key);

/* Any variable of nginx or of the gateway, as text; name without '$'. *value is
 * absent for one that does not exist. Asked from the gateway at most once a call;
 * in between it waits, unless the variable was declared as needed. -ECANCELED
 * when the call is given up (gateway gone, deadline), -EINVAL, -ENOMEM. */
static inline int a6_var(a6_call *call, a6_str name, a6_str *value);

/* The request's body as the next one in line would get it; absent when there is
 * none or it is empty. -EMSGSIZE when it is larger than the plugin or a frame
 * takes; otherwise as a6_var. */
static inline int a6_request_body(a6_call *call, a6_str *body);

/* Writes a line to the runner's log, with the plugin's name and the call's id.
 * Long lines are cut at about 3 KiB; bytes that are not printable are escaped. */
A6_PRINTF(3, 4)
static inline void a6_log(const a6_call *call, a6_level level, const char *format, ...);

/* Says why, for the log, and gives A6_ERROR: `return a6_error(&req->call, "...");`. */
A6_PRINTF(2, 3) static inline a6_result a6_error(a6_call *call, const char *format, ...);

/*
 * Suspends the call: the filter then returns A6_PENDING, and whoever holds the
 * result finishes the call with a6_resume, from any thread, also before the filter
 * has returned. Until then the holder may use the call's functions. NULL: no
 * memory, or suspended already. A call that is not resumed by its deadline gets
 * SERVICE_UNAVAILABLE; its memory stays until a6_resume, which is always due.
 */
static inline a6_pending *a6_suspend(a6_call *call);

/* Finishes what a6_suspend began, with A6_OK or A6_ERROR; the pending and the call
 * are the host's again, whatever it returns. -ECANCELED when it was too late. */
static inline int a6_resume(a6_pending *pending, a6_result result);

/* Goes on with the next plugin after so many ms, and holds no thread meanwhile:
 * `return a6_delay(&req->call, 20);`. A6_ERROR when the deadline is nearer. */
static inline a6_result a6_delay(a6_call *call, uint32_t ms);

/* ---- the request phase ---- */

/* The client's address: 4 or 16 bytes in network order; absent if not sent. */
static inline a6_str a6_request_source(const a6_request *req);

/* The same as text; terminated. */
static inline a6_str a6_request_source_text(a6_request *req);
static inline a6_method a6_request_method(const a6_request *req);

/* Decoded, without args, with what earlier plugins changed (as all below). */
static inline a6_str a6_request_path(const a6_request *req);

/* Args and headers by place, in the order sent; changes move places. -ENOENT past
 * the end. */
static inline size_t a6_request_arg_count(const a6_request *req);
static inline int a6_request_arg_at(const a6_request *req, size_t index, a6_pair *arg);
static inline size_t a6_request_header_count(const a6_request *req);
static inline int a6_request_header_at(const a6_request *req, size_t index, a6_pair *header);

/* The first header of the name (in any case) at or behind *index; *index becomes
 * its place. Start with 0, go on with *index + 1. -ENOENT when there is none. */
static inline int a6_request_find_header(const a6_request *req, a6_str name, size_t *index);

/* The first value of the header; absent when there is none. */
static inline a6_str a6_request_header(const a6_request *req, const char *name);

/* The first arg of the name (case matters): 1 with its value, which is absent for
 * an arg without one; 0 when there is no such arg. */
static inline int a6_request_arg(const a6_request *req, const char *name, a6_str *value);

/*
 * Changes of what goes to the upstream. All: 0, -EINVAL, -ENOMEM, -EALREADY when
 * the request was answered.
 * set replaces every value of the name by one; add keeps them; delete removes all
 * and is no error when there is none. A header has one value on the way to the
 * upstream, so add joins with ", " (cookie: "; "). Setting `host` changes the
 * upstream's host. content-length and transfer-encoding are the gateway's own:
 * -ENOTSUP for them. The path is decoded: the gateway encodes it, '?' included. An
 * empty body cannot be sent to the gateway and is refused with -EINVAL.
 */
static inline int a6_request_set_path(a6_request *req, a6_str path);

/* An absent value makes an arg without '='... as far as the gateway can: it gets
 * an empty value there, because absent means delete on the wire. */
static inline int a6_request_set_arg(a6_request *req, a6_str name, a6_str value);
static inline int a6_request_add_arg(a6_request *req, a6_str name, a6_str value);
static inline int a6_request_delete_arg(a6_request *req, a6_str name);
static inline int a6_request_set_header(a6_request *req, a6_str name, a6_str value);
static inline int a6_request_add_header(a6_request *req, a6_str name, a6_str value);
static inline int a6_request_delete_header(a6_request *req, a6_str name);
static inline int a6_request_set_body(a6_request *req, a6_str body);

/* A header for the final response, beside what the upstream sends. The gateway
 * ignores ten names here (connection, content-length, transfer-encoding, location,
 * server, www-authenticate, content-encoding, content-type, content-location,
 * content-language): -ENOTSUP for them. */
static inline int a6_request_add_response_header(a6_request *req, a6_str name, a6_str value);

/*
 * Answers the request now: no later plugin runs and no upstream is asked. The
 * first a6_answer wins over every change; a second one replaces the status.
 * Headers are added, the body is appended in pieces, both only after a6_answer
 * (-EPROTO before). With status 300 or more and no body the gateway shows its own
 * error page. -EMSGSIZE when the answer no longer fits a frame.
 */
static inline int a6_answer(a6_request *req, unsigned status);
static inline int a6_answer_header(a6_request *req, a6_str name, a6_str value);
static inline int a6_answer_write(a6_request *req, a6_str data);

/* ---- the response phase ---- */

static inline unsigned a6_response_status(const a6_response *res);

/* As the functions of the same names for requests. */
static inline size_t a6_response_header_count(const a6_response *res);
static inline int a6_response_header_at(const a6_response *res, size_t index, a6_pair *header);
static inline int a6_response_find_header(const a6_response *res, a6_str name, size_t *index);
static inline a6_str a6_response_header(const a6_response *res, const char *name);

/* The upstream's body, or what an earlier plugin made of it; present and empty when
 * it is empty. Errors as a6_request_body. */
static inline int a6_response_body(a6_response *res, a6_str *body);
static inline int a6_response_set_status(a6_response *res, unsigned status);

/* Repeated headers (set-cookie) stay repeated. One changed header makes the host send
 * all of them, because the gateway would otherwise drop the rest; and once a response
 * filter has run, it sends them all even unchanged when one is among them that the
 * gateway does not copy by itself (content-type). */
static inline int a6_response_set_header(a6_response *res, a6_str name, a6_str value);
static inline int a6_response_add_header(a6_response *res, a6_str name, a6_str value);
static inline int a6_response_delete_header(a6_response *res, a6_str name);

/* Replaces the body; the old content-length goes. An empty one is refused with
 * -EINVAL: the gateway would keep the upstream's. */
static inline int a6_response_set_body(a6_response *res, a6_str body);

/* ---- setting up ---- */

A6_PRINTF(3, 4)
static inline void a6_env_log(const a6_env *env, a6_level level, const char *format, ...);

/* Says why init or parse_conf refuses, and gives -EINVAL: name the key and the
 * mend. The runner logs it once with plugin and route. */
A6_PRINTF(2, 3) static inline int a6_env_error(a6_env *env, const char *format, ...);

/* What init left in *state. */
static inline void *a6_env_state(const a6_env *env);

/* In parse_conf: calls with this conf need the variable, or the bodies
 * (A6_NEED_REQUEST_BODY, A6_NEED_RESPONSE_BODY), in advance. -ENOMEM. */
static inline int a6_env_need_var(a6_env *env, a6_str name);
static inline int a6_env_need(a6_env *env, uint32_t bodies);

/* ---- shared numbers ---- */

#define A6_CELL_SLOTS 6

/*
 * Six 64-bit numbers in memory that all workers share, zero at first. From init
 * the name is the plugin's own; from parse_conf it is the conf's own, so that two
 * routes do not share one, and one route keeps its cell over reloads. Valid as long
 * as the env's plugin or conf. Any thread. -ENOSPC when there is no room.
 */
static inline int a6_env_cell(a6_env *env, a6_str name, a6_cell **cell);

/* Adds and gives the new value. slot < A6_CELL_SLOTS. */
static inline int64_t a6_cell_add(a6_cell *cell, unsigned slot, int64_t delta);
static inline int64_t a6_cell_get(const a6_cell *cell, unsigned slot);

/* Makes it `desired` if it is `expected`: 1 done, 0 it was something else. */
static inline int a6_cell_swap(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired);

/*
 * One drop into a leaky bucket that lets `rate` out a second. Gives the time in ms
 * that the drop has to wait (0: none), or -1 when more than `burst` drops would be
 * waiting, and then counts nothing. Uses slots 0 and 1 of the cell.
 */
static inline int64_t a6_cell_take(a6_cell *cell, double rate, double burst);

#include <a6/host.h>

#ifdef __cplusplus
}
#endif

#endif
