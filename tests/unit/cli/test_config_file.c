/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/config_file.h"
#include "support/fail_alloc.h"

static a6_runner_config config;
static char error[512];

static int begin(void **state)
{
    (void)state;
    a6_runner_config_init(&config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    a6_runner_config_free(&config);
    return 0;
}

static int parse(const char *text)
{
    error[0] = '\0';
    return config_file_parse(&config, "r.yaml", text, strlen(text), error, sizeof(error));
}

static void assert_refused(const char *text, const char *expected)
{
    assert_int_equal(parse(text), -EINVAL);
    if (strncmp(error, expected, strlen(expected)) != 0)
        fail_msg("expected \"%s\", got \"%s\"", expected, error);
}

static void takes_a_mapping(void **state)
{
    (void)state;
    assert_int_equal(parse("# as in the docs\n"
                           "listen-address: unix:/tmp/a.sock\n"
                           "plugin-dir: [/a, \"/b c\"]\n"
                           "plugin:\n  - /d/e.so\n  - /f.so\n"
                           "log-level: warn\n"
                           "socket-mode: 0660\n"
                           "takeover: yes\n"
                           "deadline: 20s\n"
                           "max-conf-memory: '64m'\n"),
                     0);
    assert_string_equal(config.listen_address, "unix:/tmp/a.sock");
    assert_string_equal(config.plugin_dirs, "/a:/b c");
    assert_string_equal(config.plugin_files, "/d/e.so:/f.so");
    assert_int_equal(config.log_level, A6_LOG_WARN);
    assert_int_equal(config.socket_mode, 0660);
    assert_int_equal(config.takeover, 1);
    assert_int_equal(config.deadline_ms, 20000);
    assert_int_equal(config.max_conf_bytes, 64 << 20);
}

static void nothing_is_enough(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(parse("# only a comment\n"), 0);
    assert_int_equal(parse("{}\n"), 0);
    assert_int_equal(parse("---\nworkers: 2\n...\n"), 0);
    assert_int_equal(config.workers, 2);
    assert_int_equal(parse("plugin-dir: []\n"), 0);
    assert_null(config.plugin_dirs);
}

static void one_value_is_a_list_too(void **state)
{
    (void)state;
    assert_int_equal(parse("plugin-dir: /a\n"), 0);
    assert_string_equal(config.plugin_dirs, "/a");
}

static void names_the_line(void **state)
{
    (void)state;
    assert_refused("workers: 2\n\nlog_levle: info\n",
                   "r.yaml:3: there is no option 'log_levle'; did you mean 'log-level'?");
    assert_refused("colour: red\n", "r.yaml:1: there is no option 'colour'");
    assert_refused(
        "workers: 2\nlog-level: warm\n",
        "r.yaml:2: log-level: 'warm' is none of debug, info, warn, error, fatal; did you "
        "mean 'warn'?");
    assert_refused("threads: 1\nworkers:\n", "r.yaml:2: workers: '' is not a number");
    assert_refused("workers: 2\nworkers: 3\n", "r.yaml:2: workers: is there twice");
    assert_refused("workers: [2]\n", "r.yaml:1: workers: takes one value, not a list");
    assert_refused("workers: {a: 1}\n", "r.yaml:1: workers: expected a value");
    assert_refused("plugin: [[a]]\n", "r.yaml:1: plugin: expected a list of values without");
    assert_refused("[a]: 1\n", "r.yaml:1: expected the name of an option");
    assert_refused("config: more.yaml\n", "r.yaml:1: config: can only be a flag");
    assert_refused("log-file: \"a\\0b\"\n", "r.yaml:1: log-file: the value has a zero byte");
}

static void refuses_other_yaml(void **state)
{
    (void)state;
    assert_refused("- a\n- b\n", "r.yaml:1: expected a mapping of options");
    assert_refused("hello\n", "r.yaml:1: expected a mapping of options");
    assert_refused("workers: 2\n---\nworkers: 3\n", "r.yaml:2: a second document begins here");
    assert_refused("workers: 2\nthreads: [1\n", "r.yaml:");
    assert_non_null(strstr(error, "threads: takes one value"));
    assert_refused("log-file: b: c\n", "r.yaml:1: not YAML: ");
    assert_refused("workers: *one\n", "r.yaml:1: workers: expected a value");
    assert_refused("workers: 2\n\tthreads: 1\n", "r.yaml:2: not YAML: ");
    assert_int_equal(config_file_parse(&config, "r.yaml", "a: \xff\xfe\n", 6, error, sizeof(error)),
                     -EINVAL);
}

static void reads_a_file(void **state)
{
    (void)state;
    assert_int_equal(config_file_load(&config, "/nowhere/r.yaml", error, sizeof(error)), -ENOENT);
    assert_string_equal(error, "/nowhere/r.yaml: No such file or directory");
    assert_int_equal(config_file_load(&config, "/", error, sizeof(error)), -EISDIR);
    assert_int_equal(config_file_load(&config, "/dev/zero", error, sizeof(error)), -EINVAL);
    assert_string_equal(error, "/dev/zero: is larger than 1 MiB");
    assert_int_equal(config_file_load(&config, "/dev/null", error, sizeof(error)), 0);
}

static void survives_want_of_memory(void **state)
{
    int result = 0;

    (void)state;
    for (unsigned n = 0;; n++) {
        fail_alloc_after(n);
        result = parse("plugin: [/a.so, /b.so]\nlog-file: /tmp/l\n");
        fail_alloc_off();
        if (fail_alloc_count() <= n)
            break;
        assert_int_equal(result, -ENOMEM);
    }
    assert_int_equal(result, 0);
    fail_alloc_after(0);
    result = config_file_load(&config, "/dev/null", error, sizeof(error));
    fail_alloc_off();
    assert_int_equal(result, -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_a_mapping, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_enough, begin, end),
        cmocka_unit_test_setup_teardown(one_value_is_a_list_too, begin, end),
        cmocka_unit_test_setup_teardown(names_the_line, begin, end),
        cmocka_unit_test_setup_teardown(refuses_other_yaml, begin, end),
        cmocka_unit_test_setup_teardown(reads_a_file, begin, end),
        cmocka_unit_test_setup_teardown(survives_want_of_memory, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
