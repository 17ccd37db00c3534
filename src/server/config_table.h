/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of the runner, once. Flags, the configuration file, the environment,
 * `c-runner help run`, the manual page and docs/configuration.md are made of this.
 *
 * OPTION(name, flag, type, field, choices, least, most, default, metavar, help)
 *
 *   name     the flag --name, the key of the file, and A6_RUNNER_NAME
 *   flag     its one-letter form, or 0
 *   type     see enum config_type; the field of a6_runner_config must suit it
 *   choices  for CONFIG_CHOICE: what it can be, with '|' between, first is 0
 *   least, most   of numbers, in the unit of the field
 *   default  as it would be written; NULL: none (0, NULL, or -1 for a choice)
 *   metavar  what stands for the value in the help
 *   help     a sentence or more, without the default and the range
 */
/* clang-format off */
OPTION("config", 0, CONFIG_FILE, size, NULL, 0, 0, NULL, "FILE",
       "Read options from this YAML file: a mapping of the names below to values, "
       "lists for what can be repeated.")
OPTION("listen-address", 0, CONFIG_ADDRESS, listen_address, NULL, 0, 0, NULL, "unix:PATH",
       "The socket to listen on. The gateway names it in APISIX_LISTEN_ADDRESS.")
OPTION("conf-expire-time", 0, CONFIG_SECONDS, conf_expire_time, NULL, 1, 31536000, "3600s", "TIME",
       "How long the gateway caches a conf token, as it says in APISIX_CONF_EXPIRE_TIME. "
       "Confs are kept for 1.2 times as long.")
OPTION("plugin-dir", 0, CONFIG_PATHS, plugin_dirs, NULL, 0, 0, NULL, "DIR",
       "Load every *.so of this folder. Can be repeated. Without it: the folder `plugins` "
       "beside the program, else the installed one; an empty value: none.")
OPTION("plugin", 0, CONFIG_PATHS, plugin_files, NULL, 0, 0, NULL, "FILE",
       "Load this plugin. Can be repeated.")
OPTION("unknown-plugin", 0, CONFIG_CHOICE, unknown_plugin_skip, "fail|skip", 0, 0, "fail", "WHAT",
       "What happens to a call whose conf names a plugin that is not loaded or that rejects "
       "its conf: an error, or the call goes on without that plugin.")
OPTION("mode", 'm', CONFIG_CHOICE, mode, "dev|prod|prof", 0, 0, "dev", "MODE",
       "dev: log to stdout from level info. prod: log to ./logs/runner.log from level warn. "
       "prof: as prod, and a CPU profile of each worker in ./logs.")
OPTION("log-level", 0, CONFIG_CHOICE, log_level, "debug|info|warn|error|fatal", 0, 0, NULL, "LEVEL",
       "Log what is at least this important. The default is the mode's.")
OPTION("log-file", 0, CONFIG_TEXT, log_file, NULL, 0, 0, NULL, "FILE",
       "Append the log to this file. SIGUSR1 opens it anew. The default is the mode's.")
OPTION("workers", 0, CONFIG_NUMBER, workers, NULL, 1, 31, "1", "N",
       "Worker processes. A crash costs the calls of one; a plugin's own static data is "
       "each worker's own.")
OPTION("threads", 0, CONFIG_NUMBER, threads, NULL, 0, 64, "0", "N",
       "Event loops in each worker. 0: half as many as the CPUs that the runner may use "
       "(affinity, cgroup's quota), at least 1 and at most 4.")
OPTION("pool-threads", 0, CONFIG_NUMBER, pool_threads, NULL, 1, 900, "128", "N",
       "At most so many calls of a worker run at the same time in plugins that block.")
OPTION("scheduling", 0, CONFIG_CHOICE, scheduling, "batch|normal", 0, 0, "batch", "POLICY",
       "batch: a thread of a worker that wakes up lets whoever runs on the CPU go on "
       "(SCHED_BATCH), and answers more calls at a time. normal: the system's ordinary policy. "
       "One that the runner was started with, by chrt, is kept.")
OPTION("socket-mode", 0, CONFIG_MODE, socket_mode, NULL, 0, 0777, "0666", "MODE",
       "Permissions of the socket file, octal. Whoever may write to it can call every plugin; "
       "the gateway's workers run as another user (nobody) and need that.")
OPTION("takeover", 0, CONFIG_SWITCH, takeover, NULL, 0, 0, "no", NULL,
       "Replace a living runner on the same socket, without a moment in which connecting "
       "fails. Always so when a gateway started the runner.")
OPTION("deadline", 0, CONFIG_MILLISECONDS, deadline_ms, NULL, 1, 3600000, "56s", "TIME",
       "How long the plugins of one call may take, when they do not say so themselves. The "
       "gateway gives up after 60s.")
OPTION("start-timeout", 0, CONFIG_MILLISECONDS, start_timeout_ms, NULL, 1, 3600000, "20s", "TIME",
       "How long a worker may take to load its plugins and run their init. One that takes "
       "longer is killed, and its stack shows where it was.")
OPTION("drain", 0, CONFIG_MILLISECONDS, drain_ms, NULL, 0, 3600000, "750ms", "TIME",
       "How long calls in flight are given to finish after SIGTERM. The gateway kills the "
       "runner after 1s.")
OPTION("max-connections", 0, CONFIG_NUMBER, max_connections, NULL, 1, 1000000, "16384", "N",
       "Connections of one worker; beyond that new ones wait.")
OPTION("max-confs", 0, CONFIG_NUMBER, max_confs, NULL, 1, 16777216, "262144", "N",
       "Confs to keep. When there are more, the oldest goes, and its next call prepares it "
       "again.")
OPTION("max-conf-memory", 0, CONFIG_SIZE, max_conf_bytes, NULL, 1048576,
       CONF_STORE_BYTES_MAX, "256m", "SIZE",
       "Shared memory for confs; taken only as it is used.")
OPTION("max-body", 0, CONFIG_SIZE, max_body_bytes, NULL, 1, 16777215, "16777215", "SIZE",
       "The largest body that a plugin is given. The protocol has no room for more than the "
       "default.")
OPTION("max-call-memory", 0, CONFIG_SIZE, max_call_bytes, NULL, 65536, 1073741824, "1m", "SIZE",
       "Memory that the plugins of one call may take for what they change and with a6_alloc; "
       "bodies not counted.")
OPTION("conf-store", 0, CONFIG_TEXT, conf_file, NULL, 0, 0, NULL, "FILE",
       "Keep the confs in this file while the runner is away, so that tokens stay valid over "
       "a restart. Mode 0600.")
OPTION("watch", 0, CONFIG_SWITCH, watch, NULL, 0, 0, "no", NULL,
       "Reload, as SIGHUP does, when a plugin file changes.")
OPTION("frame-timeout", 0, CONFIG_MILLISECONDS, frame_timeout_ms, NULL, 1, 3600000, "60s", "TIME",
       "Close a connection that stops in the middle of a frame, or that does not read its "
       "answer, for so long.")
OPTION("max-calls", 0, CONFIG_COUNT, max_calls, NULL, 0, 1000000000000, "0", "N",
       "Replace a worker after about so many calls, without losing one. 0: never.")
OPTION("max-rss", 0, CONFIG_SIZE, max_rss_bytes, NULL, 0, 1099511627776, "0", "SIZE",
       "Replace a worker whose resident memory has grown to this, without losing a call. "
       "0: never.")
OPTION("user", 0, CONFIG_TEXT, user, NULL, 0, 0, NULL, "NAME",
       "Run the workers, and so the plugins, as this user. Needs root.")
OPTION("group", 0, CONFIG_TEXT, group, NULL, 0, 0, NULL, "NAME",
       "Run the workers with this group. The default is the user's.")
OPTION("allow-uid", 0, CONFIG_TEXT, allow_uids, NULL, 0, 0, NULL, "UIDS",
       "Serve only peers with these numeric user ids, separated by commas. The default is "
       "whoever may write to the socket file.")
OPTION("sandbox", 0, CONFIG_SWITCH, sandbox, NULL, 0, 0, "no", NULL,
       "Once the plugins are loaded, let the workers open no file, no socket and no process "
       "(seccomp): for plugins that only compute. SIGUSR1 then also replaces the workers.")
OPTION("core-dumps", 0, CONFIG_SWITCH, core_dumps, NULL, 0, 0, "no", NULL,
       "Let workers be dumped and debugged. Without it neither other processes of the same "
       "user nor core files can read requests and confs out of them.")
/* clang-format on */
