/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "server/config.h"

#define OPTIONS_MAX 64

struct reader {
    yaml_parser_t parser;
    a6_runner_config *config;
    const char *file;
    char *error;
    size_t size;
    bool seen[OPTIONS_MAX]; /* by the option's place in the table */
};

__attribute__((format(printf, 3, 4))) static int complain(struct reader *reader, size_t line,
                                                          const char *format, ...)
{
    int len = snprintf(reader->error, reader->size, "%s:%zu: ", reader->file, line + 1);
    va_list args;

    va_start(args, format);
    if (len >= 0 && (size_t)len < reader->size)
        vsnprintf(reader->error + len, reader->size - (size_t)len, format, args);
    va_end(args);
    return -EINVAL;
}

/* The next event, to be deleted; -EINVAL for what is not YAML. */
static int next(struct reader *reader, yaml_event_t *event)
{
    const yaml_parser_t *parser = &reader->parser;

    if (yaml_parser_parse(&reader->parser, event))
        return 0;
    if (parser->error == YAML_MEMORY_ERROR) {
        complain(reader, parser->mark.line, "no memory");
        return -ENOMEM;
    }
    return complain(reader, parser->problem_mark.line, "not YAML: %s",
                    parser->problem ? parser->problem : "unreadable");
}

/* Reads over the next event, which must be of the type. */
static int expect(struct reader *reader, yaml_event_type_t type)
{
    yaml_event_t event;
    int result = next(reader, &event);

    if (result < 0)
        return result;
    if (event.type != type)
        result = complain(reader, event.start_mark.line,
                          "expected a mapping of options, as in `log-level: info`");
    yaml_event_delete(&event);
    return result;
}

static int set_scalar(struct reader *reader, const struct config_option *option,
                      const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t line = event->start_mark.line;
    char why[512];
    int result;

    if (strlen(text) != event->data.scalar.length)
        return complain(reader, line, "%s: the value has a zero byte", option->name);
    result = config_set(reader->config, option, text, why, sizeof(why));
    if (result < 0)
        complain(reader, line, "%s", why);
    return result;
}

/* The items of a list, whose start was read. */
static int read_list(struct reader *reader, const struct config_option *option)
{
    yaml_event_t event;
    bool end = false;
    int result = 0;

    while (result == 0 && !end) {
        result = next(reader, &event);
        if (result < 0)
            break;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            end = true;
        else if (event.type == YAML_SCALAR_EVENT)
            result = set_scalar(reader, option, &event);
        else
            result = complain(reader, event.start_mark.line,
                              "%s: expected a list of values without structure", option->name);
        yaml_event_delete(&event);
    }
    return result;
}

static int read_value(struct reader *reader, const struct config_option *option)
{
    yaml_event_t event;
    int result = next(reader, &event);

    if (result < 0)
        return result;
    config_clear(reader->config, option);
    if (event.type == YAML_SCALAR_EVENT)
        result = set_scalar(reader, option, &event);
    else if (event.type == YAML_SEQUENCE_START_EVENT && option->type == CONFIG_PATHS)
        result = read_list(reader, option);
    else if (event.type == YAML_SEQUENCE_START_EVENT)
        result = complain(reader, event.start_mark.line, "%s: takes one value, not a list",
                          option->name);
    else
        result = complain(reader, event.start_mark.line, "%s: expected a value", option->name);
    yaml_event_delete(&event);
    return result;
}

static int find_key(struct reader *reader, const yaml_event_t *event,
                    const struct config_option **option)
{
    const char *name = (const char *)event->data.scalar.value;
    size_t line = event->start_mark.line;
    const char *nearest;

    for (size_t i = 0; (*option = config_option_at(i)) && i < OPTIONS_MAX; i++) {
        if (strcmp((*option)->name, name) != 0)
            continue;
        if (reader->seen[i])
            return complain(reader, line, "%s: is there twice", name);
        reader->seen[i] = true;
        return 0;
    }
    nearest = config_nearest(name);
    if (nearest)
        return complain(reader, line, "there is no option '%s'; did you mean '%s'?", name, nearest);
    return complain(reader, line, "there is no option '%s'", name);
}

/* The keys and values up to the mapping's end. */
static int read_mapping(struct reader *reader)
{
    const struct config_option *option = NULL;
    yaml_event_t event;
    bool end = false;
    int result = 0;

    while (result == 0 && !end) {
        result = next(reader, &event);
        if (result < 0)
            break;
        if (event.type == YAML_MAPPING_END_EVENT)
            end = true;
        else if (event.type != YAML_SCALAR_EVENT)
            result = complain(reader, event.start_mark.line, "expected the name of an option");
        else
            result = find_key(reader, &event, &option);
        yaml_event_delete(&event);
        if (result == 0 && !end && option)
            result = read_value(reader, option);
    }
    return result;
}

static int read_document(struct reader *reader)
{
    yaml_event_t event;
    int result = expect(reader, YAML_STREAM_START_EVENT);

    if (result < 0)
        return result;
    result = next(reader, &event);
    if (result < 0)
        return result;
    /* An empty file, or one of comments, says nothing. */
    if (event.type == YAML_STREAM_END_EVENT) {
        yaml_event_delete(&event);
        return 0;
    }
    yaml_event_delete(&event);
    result = expect(reader, YAML_MAPPING_START_EVENT);
    if (result == 0)
        result = read_mapping(reader);
    if (result == 0)
        result = expect(reader, YAML_DOCUMENT_END_EVENT);
    if (result == 0) {
        result = next(reader, &event);
        if (result < 0)
            return result;
        if (event.type != YAML_STREAM_END_EVENT)
            result = complain(reader, event.start_mark.line, "a second document begins here");
        yaml_event_delete(&event);
    }
    return result;
}

int config_file_parse(a6_runner_config *config, const char *file, const char *text, size_t len,
                      char *error, size_t size)
{
    struct reader reader = {.config = config, .file = file, .error = error, .size = size};
    int result;

    if (!yaml_parser_initialize(&reader.parser)) {
        snprintf(error, size, "%s: no memory", file);
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    result = read_document(&reader);
    yaml_parser_delete(&reader.parser);
    return result;
}

int config_file_load(a6_runner_config *config, const char *file, char *error, size_t size)
{
    FILE *stream = fopen(file, "re");
    char *text = NULL;
    size_t len;
    int result;

    if (!stream) {
        result = -errno;
        snprintf(error, size, "%s: %s", file, strerror(-result));
        return result;
    }
    text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    if (!text) {
        snprintf(error, size, "%s: no memory", file);
        result = -ENOMEM;
        goto end;
    }
    errno = 0;
    len = fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, stream);
    if (ferror(stream)) {
        result = errno ? -errno : -EIO;
        snprintf(error, size, "%s: %s", file, strerror(-result));
    } else if (len > CONFIG_FILE_BYTES_MAX) {
        result = -EINVAL;
        snprintf(error, size, "%s: is larger than 1 MiB", file);
    } else {
        result = config_file_parse(config, file, text, len, error, size);
    }
end:
    free(text);
    fclose(stream);
    return result;
}
