/* SPDX-License-Identifier: Apache-2.0 */
/* c-runner new: the folder of a new plugin that builds and passes its test. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/new_templates.h"
#include "plugin/registry.h"

#define FILE_MAX_SIZE ((size_t)1 << 20)

struct new_options {
    const char *name;
    char identifier[PLUGIN_NAME_MAX + 3];
    const char *language;
    const char *folder; /* where the plugin's own folder is made */
};

static const struct option long_options[] = {
    {"lang", required_argument, NULL, 'l'},
    {"dir", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char help_text[] =
    "usage: c-runner new NAME [--lang c|cpp|rust] [--dir FOLDER]\n"
    "\n"
    "Makes the folder NAME with a plugin of that name that works, its unit tests, a Makefile\n"
    "and a README. It builds against the installed runner, through pkg-config.\n"
    "\n"
    "      --lang c|cpp|rust              the language (default: c)\n"
    "      --dir FOLDER                   make it in there (default: here)\n"
    "  -h, --help                         print this\n"
    "\n"
    "Exit status: 0 done, 1 it cannot be written, 2 usage.\n";

/* As the runner takes names, and fit for files too. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (len < 1 || len > PLUGIN_NAME_MAX || *name == '-' || *name == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
            return false;
    return true;
}

/* Names of which a project's other files and identifiers are made (a6.rs, tests.rs). */
static bool is_taken(const char *name)
{
    return strcmp(name, "a6") == 0 || strcmp(name, "a6_abi") == 0 || strcmp(name, "tests") == 0;
}

static bool is_language(const char *language)
{
    for (const struct new_template *at = new_templates; at->language; at++)
        if (strcmp(at->language, language) == 0)
            return true;
    return false;
}

static void make_identifier(struct new_options *options)
{
    snprintf(options->identifier, sizeof(options->identifier), "%s%s",
             isdigit((unsigned char)*options->name) ? "p_" : "", options->name);
    for (char *at = options->identifier; *at; at++)
        if (!isalnum((unsigned char)*at))
            *at = '_';
}

static int take_option(void *user, int option, const char *value)
{
    struct new_options *options = user;

    if (option == 'l')
        options->language = value;
    else
        options->folder = value;
    return EXIT_OK;
}

static int take_options(struct new_options *options, int argc, char **argv)
{
    const struct command_line line = {.help = help_text,
                                      .letters = "h",
                                      .options = long_options,
                                      .take = take_option,
                                      .user = options};
    int status = command_line_read(&line, argc, argv);

    if (status != EXIT_OK)
        return status;
    if (argc - optind != 1)
        return commands_usage("want one name of a plugin");
    options->name = argv[optind];
    if (!is_name(options->name))
        return commands_usage("a plugin's name has 1 to 64 letters, digits, '-', '_' and '.', and "
                              "does not begin with '-' or '.'");
    if (is_taken(options->name))
        return commands_usage("the project has a file of this name itself; choose another name");
    if (!is_language(options->language))
        return commands_usage("--lang: want c, cpp or rust");
    make_identifier(options);
    return EXIT_OK;
}

/* ---- writing ---- */

/* The text with what stands for the name replaced. */
static int fill_in(const struct new_options *options, const struct new_template *template,
                   struct buffer *buffer)
{
    const char *at = template->text;
    int status = 0;

    while (status == 0 && *at) {
        const char *next = strchr(at, '@');

        if (strncmp(at, "@NAME@", 6) == 0) {
            status = buffer_append(buffer, options->name, strlen(options->name));
            at += 6;
        } else if (strncmp(at, "@IDENT@", 7) == 0) {
            status = buffer_append(buffer, options->identifier, strlen(options->identifier));
            at += 7;
        } else {
            size_t len = next == at ? 1 : next ? (size_t)(next - at) : strlen(at);

            status = buffer_append(buffer, at, len);
            at += len;
        }
    }
    return status;
}

/* -ENAMETOOLONG. */
static int make_path(const struct new_options *options, const struct new_template *template,
                     char *path, size_t size)
{
    const char *name = strstr(template->name, "NAME");
    int len;

    if (strcmp(template->name, "gitignore") == 0)
        len = snprintf(path, size, "%s/%s/.gitignore", options->folder, options->name);
    else if (name)
        len = snprintf(path, size, "%s/%s/%.*s%s%s", options->folder, options->name,
                       (int)(name - template->name), template->name, options->name, name + 4);
    else
        len = snprintf(path, size, "%s/%s/%s", options->folder, options->name, template->name);
    return (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* Never overwrites. */
static int write_file(const char *path, const struct buffer *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    size_t done = 0;
    int status = 0;

    if (fd < 0)
        return -errno;
    while (status == 0 && done < text->len) {
        ssize_t written = write(fd, text->data + done, text->len - done);

        if (written < 0 && errno != EINTR)
            status = -errno;
        else if (written > 0)
            done += (size_t)written;
    }
    if (close(fd) < 0 && status == 0)
        status = -errno;
    return status;
}

static int write_template(const struct new_options *options, const struct new_template *template)
{
    struct buffer text;
    char path[PATH_MAX];
    int status = make_path(options, template, path, sizeof(path));

    buffer_init(&text, FILE_MAX_SIZE);
    if (status == 0)
        status = fill_in(options, template, &text);
    if (status == 0)
        status = write_file(path, &text);
    buffer_free(&text);
    if (status < 0)
        fprintf(stderr, "c-runner new: cannot write %s: %s\n", path, strerror(-status));
    return status;
}

static int write_project(const struct new_options *options)
{
    char path[PATH_MAX];
    const char *path_shown;
    int status = 0;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", options->folder, options->name) >=
        sizeof(path))
        return commands_usage("the folder's name is too long");
    if (mkdir(path, 0777) < 0) {
        fprintf(stderr, "c-runner new: cannot make the folder %s: %s\n", path, strerror(errno));
        return EXIT_FAILED;
    }
    for (const struct new_template *at = new_templates; status == 0 && at->language; at++)
        if (strcmp(at->language, options->language) == 0)
            status = write_template(options, at);
    if (status < 0)
        return EXIT_FAILED;
    path_shown = strncmp(path, "./", 2) == 0 ? path + 2 : path;
    printf("%s is made. Next:\n\n    cd %s\n    make test try\n", path_shown, path_shown);
    return EXIT_OK;
}

int cmd_new(int argc, char **argv)
{
    struct new_options options = {.language = "c", .folder = "."};
    int status = take_options(&options, argc, argv);

    return status == EXIT_OK ? write_project(&options) : status;
}
