/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/store.h"
#include "server/config.h"
#include "support/fail_alloc.h"

static a6_runner_config config;
static char error[256];

static int begin(void **state)
{
    (void)state;
    a6_runner_config_init(&config);
    error[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    a6_runner_config_free(&config);
    return 0;
}

static int set(const char *name, const char *value)
{
    error[0] = '\0';
    return a6_runner_set(&config, name, value, error, sizeof(error));
}

/* A row of the test's own, so that it does not depend on the limits of today. */
static int set_number(const char *value)
{
    static const struct config_option option = {.name = "number",
                                                .type = CONFIG_NUMBER,
                                                .offset = offsetof(a6_runner_config, workers),
                                                .least = 1,
                                                .most = 64};

    error[0] = '\0';
    return config_set(&config, &option, value, error, sizeof(error));
}

static void assert_no_number(const char *value)
{
    char expected[128];

    snprintf(expected, sizeof(expected), "number: '%s' is not a number", value);
    assert_int_equal(set_number(value), -EINVAL);
    assert_string_equal(error, expected);
}

static void assert_refused(const char *name, const char *value, const char *text)
{
    assert_int_equal(set(name, value), -EINVAL);
    if (!strstr(error, text))
        fail_msg("the error is not about \"%s\": %s", text, error);
}

static void has_defaults(void **state)
{
    (void)state;
    assert_int_equal(config.size, sizeof(config));
    assert_int_equal(config.log_fd, -1);
    assert_int_equal(config.log_level, -1);
    assert_int_equal(config.mode, A6_MODE_DEV);
    assert_int_equal(config.conf_expire_time, 3600);
    assert_int_equal(config.workers, 1);
    assert_int_equal(config.socket_mode, 0666);
    assert_int_equal(config.deadline_ms, 56000);
    assert_int_equal(config.drain_ms, 750);
    assert_int_equal(config.max_call_bytes, 1 << 20);
    assert_int_equal(config.max_conf_bytes, 256 << 20);
    assert_int_equal(config.max_body_bytes, 16777215);
    assert_int_equal(config.unknown_plugin_skip, 0);
    assert_null(config.listen_address);
    assert_null(config.plugin_dirs);
    assert_null(config.allocated);
}

/* A program that was built when there was no `scheduling` yet. */
static void knows_no_more_than_the_program(void **state)
{
    size_t known = offsetof(a6_runner_config, scheduling);
    a6_runner_config whole;
    char text[8];

    (void)state;
    memset(&config, 0x55, sizeof(config));
    a6_runner_config_init_sized(&config, known);
    assert_int_equal(config.size, known);
    assert_int_equal(config.workers, 1);
    assert_int_equal(set("workers", "3"), 0);
    assert_int_equal(set("plugin", "x.so"), 0);
    assert_refused("scheduling", "normal", "is older than the option");
    memset(&whole, 0x55, sizeof(whole));
    config_complete(&whole, &config);
    snprintf(text, sizeof(text), "%s", whole.plugin_files);
    a6_runner_config_free(&config);
    for (size_t i = known; i < sizeof(config); i++)
        assert_int_equal(((const unsigned char *)&config)[i], 0x55);
    assert_int_equal(whole.size, sizeof(whole));
    assert_int_equal(whole.workers, 3);
    assert_string_equal(text, "x.so");
    assert_int_equal(whole.scheduling, 0);
}

/* And one that is newer than the library. */
static void clears_what_only_the_program_knows(void **state)
{
    struct {
        a6_runner_config known;
        uint64_t newer;
    } larger = {.newer = 1};

    (void)state;
    a6_runner_config_init_sized(&larger.known, sizeof(larger));
    assert_int_equal(larger.known.workers, 1);
    assert_int_equal(larger.newer, 0);
}

/* What the table says of an option must make sense, or nobody could set it. */
static void table_is_sound(void **state)
{
    const struct config_option *option;

    (void)state;
    for (size_t i = 0; (option = config_option_at(i)); i++) {
        assert_ptr_equal(config_find(option->name), option);
        assert_true(strlen(option->help) > 10);
        assert_int_equal(option->help[strlen(option->help) - 1], '.');
        assert_true((option->type == CONFIG_SWITCH) == !option->metavar);
        assert_true((option->type == CONFIG_CHOICE) == !!option->choices);
        assert_true(option->least <= option->most);
        if (option->preset && set(option->name, option->preset) != 0)
            fail_msg("%s", error);
    }
}

/* Memory that is not used yet costs nothing. */
static void the_most_that_an_option_takes_can_be_had(void **state)
{
    const struct conf_store_limits most = {
        .max_bytes = config_find("max-conf-memory")->most,
        .max_count = (uint32_t)config_find("max-confs")->most,
        .ttl_ms = config_find("conf-expire-time")->most * 1200,
    };
    struct conf_store *store;

    (void)state;
    assert_int_equal(conf_store_create(&store, &most), 0);
    conf_store_close(store);
}

static void numbers_have_limits(void **state)
{
    (void)state;
    assert_int_equal(set_number("64"), 0);
    assert_int_equal(config.workers, 64);
    assert_int_equal(set_number("0"), -EINVAL);
    assert_string_equal(error, "number: '0' is not between 1 and 64");
    assert_int_equal(set_number("65"), -EINVAL);
    assert_string_equal(error, "number: '65' is not between 1 and 64");
    assert_no_number("");
    assert_no_number("-1");
    assert_no_number("+1");
    assert_no_number(" 1");
    assert_no_number("1 ");
    assert_no_number("0x10");
    assert_no_number("1k");
    assert_no_number("18446744073709551617");
    assert_int_equal(config.workers, 64);
}

/* One that 32 bits cannot hold. */
static void counts_are_wide(void **state)
{
    static const struct config_option option = {.name = "count",
                                                .type = CONFIG_COUNT,
                                                .offset = offsetof(a6_runner_config, max_calls),
                                                .most = UINT64_MAX};

    (void)state;
    assert_int_equal(config_set(&config, &option, "5000000000", error, sizeof(error)), 0);
    assert_int_equal(config.max_calls, 5000000000);
    assert_int_equal(config_set(&config, &option, "18446744073709551615", error, sizeof(error)), 0);
    assert_true(config.max_calls == UINT64_MAX);
    assert_int_equal(config_set(&config, &option, "1k", error, sizeof(error)), -EINVAL);
}

static void times_have_units(void **state)
{
    (void)state;
    assert_int_equal(set("deadline", "20"), 0);
    assert_int_equal(config.deadline_ms, 20000);
    assert_int_equal(set("deadline", "20ms"), 0);
    assert_int_equal(config.deadline_ms, 20);
    assert_int_equal(set("deadline", "2m"), 0);
    assert_int_equal(config.deadline_ms, 120000);
    assert_int_equal(set("conf-expire-time", "2h"), 0);
    assert_int_equal(config.conf_expire_time, 7200);
    assert_int_equal(set("drain", "0"), 0);
    assert_int_equal(config.drain_ms, 0);
    assert_refused("conf-expire-time", "0", "not between 1s and 8760h");
    assert_refused("conf-expire-time", "1ms", "not a time like 90s");
    assert_refused("deadline", "2h", "not between 1ms and 1h");
    assert_refused("deadline", "1.5s", "not a time like 800ms");
    assert_refused("deadline", "18446744073709551615s", "not a time");
}

static void sizes_have_units(void **state)
{
    (void)state;
    assert_int_equal(set("max-conf-memory", "1g"), 0);
    assert_int_equal(config.max_conf_bytes, 1 << 30);
    assert_int_equal(set("max-conf-memory", "64M"), 0);
    assert_int_equal(config.max_conf_bytes, 64 << 20);
    assert_int_equal(set("max-conf-memory", "1048577"), 0);
    assert_int_equal(config.max_conf_bytes, 1048577);
    assert_refused("max-conf-memory", "1k", "not between 1m and 16g");
    assert_refused("max-conf-memory", "64 m", "not a size");
    assert_refused("max-conf-memory", "18446744073709551615g", "not a size");
}

static void modes_are_octal(void **state)
{
    (void)state;
    assert_int_equal(set("socket-mode", "600"), 0);
    assert_int_equal(config.socket_mode, 0600);
    assert_int_equal(set("socket-mode", "0770"), 0);
    assert_int_equal(config.socket_mode, 0770);
    assert_refused("socket-mode", "0888", "not octal permissions");
    assert_refused("socket-mode", "01777", "not between 0000 and 0777");
    assert_refused("socket-mode", "rw", "not octal permissions");
}

static void choices_suggest(void **state)
{
    (void)state;
    assert_int_equal(set("log-level", "error"), 0);
    assert_int_equal(config.log_level, A6_LOG_ERROR);
    assert_int_equal(set("mode", "prof"), 0);
    assert_int_equal(config.mode, A6_MODE_PROF);
    assert_int_equal(set("unknown-plugin", "skip"), 0);
    assert_int_equal(config.unknown_plugin_skip, 1);
    assert_int_equal(set("log-level", "warm"), -EINVAL);
    assert_string_equal(error, "log-level: 'warm' is none of debug, info, warn, error, fatal; "
                               "did you mean 'warn'?");
    assert_int_equal(set("mode", "production"), -EINVAL);
    assert_string_equal(error,
                        "mode: 'production' is none of dev, prod, prof; did you mean 'prod'?");
    assert_int_equal(set("log-level", "loud"), -EINVAL);
    assert_string_equal(error, "log-level: 'loud' is none of debug, info, warn, error, fatal");
    assert_refused("mode", "", "none of");
    assert_refused("mode", "dev|prod", "none of");
}

static void switches_take_words(void **state)
{
    (void)state;
    assert_int_equal(set("takeover", "yes"), 0);
    assert_int_equal(config.takeover, 1);
    assert_int_equal(set("takeover", "Off"), 0);
    assert_int_equal(config.takeover, 0);
    assert_int_equal(set("takeover", "1"), 0);
    assert_int_equal(config.takeover, 1);
    assert_refused("takeover", "maybe", "neither yes nor no");
    assert_refused("takeover", "", "neither yes nor no");
}

static void lists_grow(void **state)
{
    char path[] = "/a";

    (void)state;
    assert_int_equal(set("plugin-dir", path), 0);
    path[1] = 'x'; /* the config has its own copy */
    assert_string_equal(config.plugin_dirs, "/a");
    assert_int_equal(set("plugin-dir", "/b:/c"), 0);
    assert_string_equal(config.plugin_dirs, "/a:/b:/c");
    assert_null(config.plugin_files);
    config_clear(&config, config_find("plugin-dir"));
    assert_null(config.plugin_dirs);
    assert_int_equal(set("plugin-dir", ""), 0);
    assert_string_equal(config.plugin_dirs, "");
    assert_int_equal(set("log-file", "/tmp/one"), 0);
    assert_int_equal(set("log-file", "/tmp/two"), 0);
    assert_string_equal(config.log_file, "/tmp/two");
    assert_refused("log-file", "", "empty");
}

static void unknown_names_suggest(void **state)
{
    (void)state;
    assert_refused("log_levle", "info",
                   "there is no option 'log_levle'; did you mean 'log-level'?");
    assert_refused("m", "prod", "there is no option 'm'; did you mean 'mode'?");
    assert_int_equal(set("colour", "red"), -EINVAL);
    assert_string_equal(error, "there is no option 'colour'");
    assert_refused("config", "file.yaml", "can only be a flag");
}

/* Shorter and longer addresses than a unix socket takes. */
static void addresses_are_checked(void **state)
{
    char address[128] = "unix:/";

    (void)state;
    assert_int_equal(set("listen-address", "unix:/tmp/a.sock"), 0);
    assert_string_equal(config_socket_path(config.listen_address), "/tmp/a.sock");
    assert_refused("listen-address", "/tmp/a.sock", "not an address of the form unix:/path");
    assert_refused("listen-address", "unix:", "not an address");
    assert_refused("listen-address", "", "not an address");
    assert_refused("listen-address", "tcp:127.0.0.1:80", "not an address");
    memset(address + 5, 'p', 107);
    assert_int_equal(set("listen-address", address), 0);
    memset(address + 5, 'p', 108);
    assert_refused("listen-address", address, "has 108 bytes");
    assert_refused("listen-address", address, "no more than 107");
}

static void check_wants_an_address(void **state)
{
    (void)state;
    assert_int_equal(config_check(&config, error, sizeof(error)), -EINVAL);
    assert_non_null(strstr(error, "APISIX_LISTEN_ADDRESS is not set"));
    config.listen_address = "nonsense"; /* as a program of its own could put there */
    assert_int_equal(config_check(&config, error, sizeof(error)), -EINVAL);
    config.listen_address = "unix:/tmp/a.sock";
    assert_int_equal(config_check(&config, error, sizeof(error)), 0);
}

static void survives_want_of_memory(void **state)
{
    (void)state;
    assert_int_equal(set("plugin", "/one.so"), 0);
    fail_alloc_after(0);
    assert_int_equal(set("plugin", "/two.so"), -ENOMEM);
    fail_alloc_off();
    assert_true(fail_alloc_hit());
    assert_string_equal(error, "plugin: no memory");
    assert_string_equal(config.plugin_files, "/one.so");
}

static void free_forgets(void **state)
{
    (void)state;
    assert_int_equal(set("plugin", "/one.so"), 0);
    assert_int_equal(set("listen-address", "unix:/a"), 0);
    a6_runner_config_free(&config);
    assert_null(config.plugin_files);
    assert_null(config.listen_address);
    assert_null(config.allocated);
    a6_runner_config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_defaults, begin, end),
        cmocka_unit_test_setup_teardown(knows_no_more_than_the_program, begin, end),
        cmocka_unit_test(clears_what_only_the_program_knows),
        cmocka_unit_test_setup_teardown(table_is_sound, begin, end),
        cmocka_unit_test(the_most_that_an_option_takes_can_be_had),
        cmocka_unit_test_setup_teardown(numbers_have_limits, begin, end),
        cmocka_unit_test_setup_teardown(counts_are_wide, begin, end),
        cmocka_unit_test_setup_teardown(times_have_units, begin, end),
        cmocka_unit_test_setup_teardown(sizes_have_units, begin, end),
        cmocka_unit_test_setup_teardown(modes_are_octal, begin, end),
        cmocka_unit_test_setup_teardown(choices_suggest, begin, end),
        cmocka_unit_test_setup_teardown(switches_take_words, begin, end),
        cmocka_unit_test_setup_teardown(lists_grow, begin, end),
        cmocka_unit_test_setup_teardown(unknown_names_suggest, begin, end),
        cmocka_unit_test_setup_teardown(addresses_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(check_wants_an_address, begin, end),
        cmocka_unit_test_setup_teardown(survives_want_of_memory, begin, end),
        cmocka_unit_test_setup_teardown(free_forgets, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
