/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <yaml.h>

#include <a6/version.h>

#include "base/places.h"
#include "cli/commands.h"

static const char usage[] = "usage: c-runner version [--long]\n\n"
                            "  --long   also: plugin ABI, compiler, libraries, system, folders\n";

/* gcc has macros for its sanitizers, clang has features. */
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif

static const char *build_kind(void)
{
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    return ", AddressSanitizer";
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
    return ", ThreadSanitizer";
#elif defined(NDEBUG)
    return ", optimised";
#else
    return ", with assertions";
#endif
}

static void print_long(void)
{
    char plugins[PATH_MAX];
    struct utsname system;

    printf("plugin ABI   %d.%d\n", A6_ABI_MAJOR, A6_ABI_MINOR);
#if defined(__clang__)
    printf("compiler     clang %d.%d.%d%s\n", __clang_major__, __clang_minor__,
           __clang_patchlevel__, build_kind());
#else
    printf("compiler     gcc %d.%d.%d%s\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__,
           build_kind());
#endif
    printf("libraries    libyaml %s, jansson %s\n", yaml_get_version_string(),
           jansson_version_str());
    if (uname(&system) == 0)
        printf("system       %s %s %s\n", system.sysname, system.release, system.machine);
    if (places_plugin_dir(plugins, sizeof(plugins)) == 0)
        printf("plugins      %s\n", plugins);
}

int cmd_version(int argc, char **argv)
{
    int is_long = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0) {
            is_long = 1;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_HELPED;
        } else {
            return commands_usage("there is no option '%s'", argv[i]);
        }
    }
    printf("c-runner %s\n", A6_VERSION);
    if (is_long)
        print_long();
    return EXIT_OK;
}
