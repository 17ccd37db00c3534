/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/call_rig.h"
#include "support/fail_alloc.h"

#define FIXTURES A6_BUILD_DIR "/tests/fixtures/"

static struct registry registry;
static char error[LOADER_ERROR_SIZE];

static int setup(void **state)
{
    (void)state;
    registry_init(&registry);
    error[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_free(&registry);
    return 0;
}

static int load(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s%s.so", FIXTURES, name);
    return loader_file(&registry, path, error, sizeof(error));
}

static void assert_said(const char *text)
{
    if (!strstr(error, text))
        fail_msg("\"%s\" does not say \"%s\"", error, text);
}

/* Refused, with nothing left behind. */
static void assert_refused(const char *name, int failed)
{
    unsigned plugins = registry.count;
    unsigned modules = registry.module_count;

    assert_int_equal(load(name), failed);
    assert_said(name);
    assert_int_equal(registry.count, plugins);
    assert_int_equal(registry.module_count, modules);
}

static void finds_every_plugin_of_a_file(void **state)
{
    const struct plugin *good;
    (void)state;

    assert_int_equal(load("good"), 0);
    assert_int_equal(registry.count, 2);
    good = registry_find(&registry, "good", 4);
    assert_non_null(good);
    assert_string_equal(good->about.version, "1.2.3");
    assert_string_equal(good->about.summary, "does nothing, well");
    assert_non_null(strstr(good->file, "good.so"));
    assert_non_null(registry_find(&registry, "better", 6));
    assert_null(registry_find(&registry, "goo", 3));
    assert_null(registry_find(&registry, "goods", 5));
    assert_null(registry_find(&registry, "", 0));
    assert_int_equal(registry.plugins[0]->number, 0);
    assert_int_equal(registry.plugins[1]->number, 1);
}

static void loads_a_file_once(void **state)
{
    char link[] = "/tmp/a6-loader-XXXXXX";
    char path[64];
    (void)state;

    assert_int_equal(load("good"), 0);
    assert_int_equal(load("good"), 0);
    assert_non_null(mkdtemp(link));
    snprintf(path, sizeof(path), "%s/other.so", link);
    assert_int_equal(symlink(FIXTURES "good.so", path), 0);
    assert_int_equal(loader_file(&registry, path, error, sizeof(error)), 0);
    assert_int_equal(loader_folder(&registry, link, error, sizeof(error)), 0);
    assert_int_equal(registry.count, 2);
    assert_int_equal(registry.module_count, 1);
    unlink(path);
    rmdir(link);
}

static void names_both_files_of_two_plugins_of_one_name(void **state)
{
    (void)state;
    assert_int_equal(load("good"), 0);
    assert_refused("same_name", -EEXIST);
    assert_said("\"good\"");
    assert_said("/good.so");
    assert_said("/same_name.so");
    assert_null(registry_find(&registry, "free-name", 9));
    assert_refused("twins", -EEXIST);
    assert_said("\"twin\"");
}

static void tells_both_versions(void **state)
{
    char wanted[64];
    (void)state;

    assert_refused("other_major", -EPROTO);
    snprintf(wanted, sizeof(wanted), "ABI %d.%d", A6_ABI_MAJOR + 1, A6_ABI_MINOR);
    assert_said(wanted);
    snprintf(wanted, sizeof(wanted), "has %d.%d", A6_ABI_MAJOR, A6_ABI_MINOR);
    assert_said(wanted);
    assert_refused("newer_minor", -EPROTO);
    snprintf(wanted, sizeof(wanted), "ABI %d.%d", A6_ABI_MAJOR, A6_ABI_MINOR + 1);
    assert_said(wanted);
}

static void zeroes_what_a_shorter_plugin_lacks(void **state)
{
    const struct plugin *plugin;
    (void)state;

    assert_int_equal(load("shorter"), 0);
    plugin = registry_find(&registry, "shorter", 7);
    assert_non_null(plugin);
    assert_null(plugin->about.version);
    assert_int_equal(plugin->about.flags, 0);
    assert_int_equal(plugin->about.max_body, 0);
}

static void refuses_what_is_no_plugin(void **state)
{
    (void)state;
    assert_refused("library", -ENOEXEC);
    assert_said("A6_REGISTER");
    assert_refused("borrowed", -ENOEXEC);
    assert_said("does not export");
    assert_refused("empty", -ENOEXEC);
    assert_said("A6_REGISTER");
    assert_refused("null_module", -ENOEXEC);
    assert_refused("bad_name", -EINVAL);
    assert_said("\"bad name\"");
    assert_int_equal(loader_file(&registry, A6_SOURCE_DIR "/LICENSE", error, sizeof(error)),
                     -ENOEXEC);
    assert_said("LICENSE");
    assert_refused("missing", -ENOENT);
}

static void loads_a_folder_in_order(void **state)
{
    char folder[] = "/tmp/a6-folder-XXXXXX";
    char a[64], b[64], other[64], hidden[64];
    (void)state;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(loader_folder(&registry, folder, error, sizeof(error)), 0);
    snprintf(a, sizeof(a), "%s/a.so", folder);
    snprintf(b, sizeof(b), "%s/b.so", folder);
    snprintf(other, sizeof(other), "%s/readme.txt", folder);
    snprintf(hidden, sizeof(hidden), "%s/.c.so", folder);
    assert_int_equal(symlink(FIXTURES "shorter.so", a), 0);
    assert_int_equal(symlink(FIXTURES "good.so", b), 0);
    assert_int_equal(symlink(A6_SOURCE_DIR "/LICENSE", other), 0);
    assert_int_equal(symlink(A6_SOURCE_DIR "/LICENSE", hidden), 0);
    assert_int_equal(loader_folder(&registry, folder, error, sizeof(error)), 0);
    assert_int_equal(registry.count, 3);
    assert_string_equal(registry.plugins[0]->about.name, "shorter");
    unlink(a), unlink(b), unlink(other), unlink(hidden);
    rmdir(folder);
    assert_int_equal(loader_folder(&registry, folder, error, sizeof(error)), -ENOENT);
    assert_said(folder);
}

static void gives_everything_back_without_memory(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        int failed;

        registry_free(&registry);
        fail_alloc_after(n);
        failed = load("good");
        fail_alloc_off();
        if (!fail_alloc_hit()) {
            assert_int_equal(failed, 0);
            return;
        }
        assert_int_equal(failed, -ENOMEM);
        assert_int_equal(registry.count, 0);
        assert_int_equal(registry.module_count, 0);
    }
    fail_msg("it never ends");
}

/* ---- plugins in this program ---- */

static int inits, shutdowns, number;
static int init_result;

static int init(a6_env *env, void **state)
{
    assert_null(a6_env_state(env));
    assert_int_equal(a6_env_need(env, A6_NEED_REQUEST_BODY), -EINVAL);
    assert_int_equal(a6_env_need_var(env, A6_STR("uri")), -EINVAL);
    if (init_result < 0 && init_result != -EIO)
        return a6_env_error(env, "number %d is not there", 7);
    *state = &number;
    inits++;
    return init_result;
}

static void shutdown_counted(void *state)
{
    assert_ptr_equal(state, &number);
    shutdowns++;
}

static const a6_plugin linked_one = {A6_PLUGIN_HEADER, .name = "linked-one", .init = init,
                                     .shutdown = shutdown_counted};
A6_REGISTER(linked_one)

static const a6_plugin linked_two = {A6_PLUGIN_HEADER, .name = "linked-two"};
A6_REGISTER(linked_two)

static void finds_linked_plugins(void **state)
{
    (void)state;
    init_result = inits = shutdowns = 0;
    assert_int_equal(loader_linked(&registry, error, sizeof(error)), 0);
    assert_int_equal(registry.count, 2);
    assert_null(registry_find(&registry, "linked-one", 10)->file);
    assert_int_equal(loader_start(&registry, NULL, error, sizeof(error)), 0);
    assert_int_equal(inits, 1);
    assert_ptr_equal(registry_find(&registry, "linked-one", 10)->state, &number);
    assert_int_equal(loader_linked(&registry, error, sizeof(error)), -EEXIST);
    assert_said("\"linked-");
    assert_said("this program");
    assert_int_equal(registry.count, 2);
    registry_free(&registry);
    assert_int_equal(shutdowns, 1);
}

static void says_why_a_plugin_does_not_start(void **state)
{
    (void)state;
    inits = shutdowns = 0;
    init_result = -EINVAL;
    assert_int_equal(loader_linked(&registry, error, sizeof(error)), 0);
    assert_int_equal(loader_start(&registry, NULL, error, sizeof(error)), -EINVAL);
    assert_said("linked-one");
    assert_said("number 7 is not there");
    init_result = -EIO;
    assert_int_equal(loader_start(&registry, NULL, error, sizeof(error)), -EIO);
    assert_said("Input/output error");
    registry_free(&registry);
    assert_int_equal(shutdowns, 0);
}

static void checks_a_description(void **state)
{
    const char *const dollar[] = {"$uri", NULL};
    const char *const nothing[] = {"", NULL};
    char longest[PLUGIN_NAME_MAX + 2];
    a6_plugin about = {A6_PLUGIN_HEADER, .name = "fine"};
    (void)state;

    memset(longest, 'a', sizeof(longest));
    longest[PLUGIN_NAME_MAX] = '\0';
    about.name = longest;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), 0);
    longest[PLUGIN_NAME_MAX] = 'a';
    longest[PLUGIN_NAME_MAX + 1] = '\0';
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    about.name = "";
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    about.name = NULL;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    about.name = "fine";
    about.flags = A6_BLOCKING | A6_NONBLOCKING;
    assert_int_equal(registry_add(&registry, &about, "x.so", error, sizeof(error)), -EINVAL);
    assert_said("x.so");
    about.flags = 0;
    about.need_vars = dollar;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    assert_said("$uri");
    about.need_vars = nothing;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    about.need_vars = NULL;
    about.abi_minor = A6_ABI_MINOR + 1;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EPROTO);
    about.abi_minor = A6_ABI_MINOR;
    about.size = 16;
    assert_int_equal(registry_add(&registry, &about, NULL, error, sizeof(error)), -EINVAL);
    assert_int_equal(registry.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_every_plugin_of_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(loads_a_file_once, setup, teardown),
        cmocka_unit_test_setup_teardown(names_both_files_of_two_plugins_of_one_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tells_both_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(zeroes_what_a_shorter_plugin_lacks, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(loads_a_folder_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_everything_back_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_linked_plugins, setup, teardown),
        cmocka_unit_test_setup_teardown(says_why_a_plugin_does_not_start, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_a_description, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
