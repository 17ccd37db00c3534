/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner as a library: a program of your own with plugins linked in.
 *
 *     #include <a6/runner.h>
 *
 *     int main(void)
 *     {
 *         a6_runner_config config;
 *
 *         a6_runner_config_init(&config);
 *         a6_runner_config_environment(&config);
 *         return a6_runner_run(&config);
 *     }
 *
 * Plugins registered with A6_REGISTER anywhere in the program are found; plugin
 * files and folders named in the config are loaded beside them. Nothing here is
 * thread-safe: configure and run from one thread, before other threads exist
 * (a6_runner_run forks).
 */
#ifndef A6_RUNNER_H
#define A6_RUNNER_H

#include <stddef.h>
#include <stdint.h>

#include <a6/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum a6_mode {
    A6_MODE_DEV,  /* info and above to stdout */
    A6_MODE_PROD, /* warnings and above to ./logs/runner.log */
    A6_MODE_PROF, /* as prod, and a CPU profile of each worker in ./logs */
} a6_mode;

/* Gets each finished line, without its newline, instead of a file. Called in any
 * thread and process of the runner, never by two threads of one process at a time. */
typedef void (*a6_log_function)(void *user, a6_level level, const char *line, size_t len);

/*
 * What the runner can be told; docs/configuration.md describes each. Every field
 * but those said not to be has a command-line flag, a key of the configuration file and a
 * variable of the environment with the same name. Strings are borrowed until
 * a6_runner_run returns, except those that a6_runner_set copied into the config.
 * Fields are only ever appended, and the library heeds `size`: a program that was built when
 * there were fewer runs with a newer library, which has the defaults for the rest.
 */
typedef struct a6_runner_config {
    size_t size; /* set by a6_runner_config_init */

    const char *listen_address; /* "unix:/path" */
    uint32_t conf_expire_time;  /* seconds */

    const char *plugin_dirs;  /* folders of plugins, separated by ':'; every *.so in them */
    const char *plugin_files; /* single plugins, separated by ':' */

    a6_mode mode;
    int log_level; /* an a6_level, or -1: what the mode says */
    const char *log_file;

    uint32_t workers;
    uint32_t threads;      /* event loops in each worker; 0: by the number of CPUs */
    uint32_t pool_threads; /* at most so many threads in each worker for what blocks */

    uint32_t socket_mode; /* permissions of the socket file */
    int takeover;         /* replace a living runner on the same path */

    int unknown_plugin_skip; /* run a route without a plugin that is unknown or rejects its conf */
    uint32_t deadline_ms;    /* of a filter that names none */
    uint32_t drain_ms;       /* time for calls in flight after SIGTERM */
    uint32_t max_connections;
    uint32_t max_confs;
    uint64_t max_conf_bytes;
    uint64_t max_body_bytes;
    uint64_t max_call_bytes; /* memory that one call's changes and a6_alloc may take */
    const char *conf_file;   /* keeps the conf store over restarts */

    int watch;                 /* reload when a plugin file changes */
    uint32_t frame_timeout_ms; /* half a frame, or an answer that nobody reads */
    uint64_t max_calls;        /* of one worker, which is then replaced; 0: no limit */
    uint64_t max_rss_bytes;    /* the same */
    const char *user;          /* of the workers; NULL: the supervisor's */
    const char *group;
    const char *allow_uids;    /* who may connect, separated by ','; NULL: the socket's mode says */
    int sandbox;               /* workers open no files, sockets or processes once they serve */
    int core_dumps;            /* a worker that crashes may leave one, and be looked into */
    uint32_t start_timeout_ms; /* for the init of all plugins of a worker */

    /* not on the command line */
    int log_fd; /* -1, or where lines go instead of stdout or the file */
    a6_log_function log_function;
    void *log_user;
    void *allocated; /* the strings that a6_runner_set copied */

    /* on it again */
    int scheduling; /* of the workers' threads. 0: SCHED_BATCH; 1: as the runner was started */
} a6_runner_config;

/* Fills in the defaults of a config that the program knows to have `size` bytes. */
void a6_runner_config_init_sized(a6_runner_config *config, size_t size);

/* The same for one of this header's size. */
static inline void a6_runner_config_init(a6_runner_config *config)
{
    a6_runner_config_init_sized(config, sizeof(*config));
}

/* Frees what a6_runner_set and a6_runner_config_environment copied. */
void a6_runner_config_free(a6_runner_config *config);

/*
 * Sets one option by its name ("log-level") from text, as flags and files do.
 * Repeatable ones are added to. -EINVAL for an unknown name or a bad value, -ENOMEM;
 * then error, of size bytes, says what is wrong and what is right.
 */
int a6_runner_set(a6_runner_config *config, const char *name, const char *value, char *error,
                  size_t size);

/*
 * Takes APISIX_LISTEN_ADDRESS, APISIX_CONF_EXPIRE_TIME and the A6_RUNNER_...
 * variables. A bad one: -EINVAL, and a line about it on stderr.
 */
int a6_runner_config_environment(a6_runner_config *config);

/*
 * Listens, serves, and returns when told to stop (SIGTERM, SIGINT, or stdin at its
 * end when it is a pipe). The exit status for main: 0, or 1 when it could not start,
 * which a line in the log or on stderr explains.
 */
int a6_runner_run(const a6_runner_config *config);

#ifdef __cplusplus
}
#endif

#endif
