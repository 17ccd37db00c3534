/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/config.h"

static a6_runner_config config;
static char error[256];

static int begin(void **state)
{
    (void)state;
    clearenv();
    a6_runner_config_init(&config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    a6_runner_config_free(&config);
    return 0;
}

static int take(void)
{
    error[0] = '\0';
    return config_environment(&config, error, sizeof(error));
}

static void takes_what_the_gateway_sets(void **state)
{
    (void)state;
    setenv("APISIX_LISTEN_ADDRESS", "unix:/tmp/a.sock", 1);
    setenv("APISIX_CONF_EXPIRE_TIME", "120", 1);
    setenv("PATH", "/bin", 1);
    assert_int_equal(take(), 0);
    assert_string_equal(config.listen_address, "unix:/tmp/a.sock");
    assert_int_equal(config.conf_expire_time, 120);
}

static void refuses_what_the_gateway_would_not(void **state)
{
    (void)state;
    setenv("APISIX_LISTEN_ADDRESS", "/tmp/a.sock", 1);
    assert_int_equal(take(), -EINVAL);
    assert_string_equal(error, "environment: APISIX_LISTEN_ADDRESS: '/tmp/a.sock' is not an "
                               "address of the form unix:/path");
    setenv("APISIX_LISTEN_ADDRESS", "unix:/tmp/a.sock", 1);
    for (size_t i = 0; i < 6; i++) {
        static const char *const bad[] = {"", "0", "-1", "x", "3600 ", "99999999999999999999"};

        setenv("APISIX_CONF_EXPIRE_TIME", bad[i], 1);
        assert_int_equal(take(), -EINVAL);
        assert_non_null(strstr(error, "environment: APISIX_CONF_EXPIRE_TIME: conf-expire-time: "));
    }
    assert_int_equal(config.conf_expire_time, 3600);
}

static void takes_ours(void **state)
{
    (void)state;
    setenv("A6_RUNNER_LOG_LEVEL", "debug", 1);
    setenv("A6_RUNNER_PLUGIN_DIR", "/a:/b", 1);
    setenv("A6_RUNNER_TAKEOVER", "true", 1);
    setenv("A6_RUNNER_CONFIG", "/etc/runner.yaml", 1); /* read by the command line */
    assert_int_equal(a6_runner_set(&config, "plugin-dir", "/weaker", error, sizeof(error)), 0);
    assert_int_equal(take(), 0);
    assert_int_equal(config.log_level, A6_LOG_DEBUG);
    assert_string_equal(config.plugin_dirs, "/a:/b");
    assert_int_equal(config.takeover, 1);
}

static void ours_are_stronger_than_the_gateways(void **state)
{
    (void)state;
    setenv("A6_RUNNER_CONF_EXPIRE_TIME", "60s", 1);
    setenv("APISIX_CONF_EXPIRE_TIME", "120", 1);
    assert_int_equal(take(), 0);
    assert_int_equal(config.conf_expire_time, 60);
}

static void refuses_bad_ones(void **state)
{
    (void)state;
    setenv("A6_RUNNER_WORKERS", "many", 1);
    assert_int_equal(take(), -EINVAL);
    assert_string_equal(error, "environment: A6_RUNNER_WORKERS: workers: 'many' is not a number");
    assert_int_equal(a6_runner_config_environment(&config), -EINVAL);
}

static void unknown_ones_suggest(void **state)
{
    (void)state;
    setenv("A6_RUNNER_LOGLEVEL", "info", 1);
    assert_int_equal(take(), -EINVAL);
    assert_string_equal(error, "environment: there is no option A6_RUNNER_LOGLEVEL; did you mean "
                               "A6_RUNNER_LOG_LEVEL?");
}

static void passes_over_a_platforms(void **state)
{
    (void)state;
    setenv("A6_RUNNER_SERVICE_HOST", "10.0.0.1", 1);
    setenv("A6_RUNNER_PORT", "tcp://10.0.0.1:80", 1);
    setenv("A6_RUNNER_PORT_80_TCP_ADDR", "10.0.0.1", 1);
    setenv("A6_RUNNERS", "3", 1);
    assert_int_equal(take(), 0);
    setenv("A6_RUNNER_PORTS", "3", 1);
    assert_int_equal(take(), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_what_the_gateway_sets, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_the_gateway_would_not, begin, end),
        cmocka_unit_test_setup_teardown(takes_ours, begin, end),
        cmocka_unit_test_setup_teardown(ours_are_stronger_than_the_gateways, begin, end),
        cmocka_unit_test_setup_teardown(refuses_bad_ones, begin, end),
        cmocka_unit_test_setup_teardown(unknown_ones_suggest, begin, end),
        cmocka_unit_test_setup_teardown(passes_over_a_platforms, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
