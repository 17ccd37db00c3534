/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/runner_log.h"

#include <stdio.h>
#include <string.h>

#include "dev/console.h"
#include "dev/site.h"

#define LEVEL_MAX 8

/* "plugin say 1.0.0 (/path/say.so) is ready" */
static void note_plugin(struct site *site, const char *text)
{
    char name[128], version[64], file[1024];
    json_t *item, *plugin;
    size_t i;

    if (sscanf(text, "plugin %127s %63s (%1023[^)]) is ready", name, version, file) != 3)
        return;
    plugin = json_pack("{ss ss ss}", "name", name, "version", version, "file", file);
    json_array_foreach(site->plugins, i, item)
    {
        const char *other = json_string_value(json_object_get(item, "name"));
        if (other && strcmp(other, name) == 0) {
            (void)json_array_set_new(site->plugins, i, plugin);
            return;
        }
    }
    (void)json_array_append_new(site->plugins, plugin);
}

/* Where the text begins; 0 for a line of another form. */
static int read_level(const char *line, char level[LEVEL_MAX])
{
    int text = 0;

    return sscanf(line, "%*4d-%*2d-%*2dT%*s %7[A-Z] [%*d] %n", level, &text) == 1 ? text : 0;
}

const char *runner_log_text(const char *line)
{
    char level[LEVEL_MAX];

    return line + read_level(line, level);
}

void runner_log_line(void *user, const char *line)
{
    static const struct {
        const char *name;
        enum console_tone tone;
    } levels[] = {{"DEBUG", CONSOLE_DIM},
                  {"INFO", CONSOLE_PLAIN},
                  {"WARN", CONSOLE_WARN},
                  {"ERROR", CONSOLE_BAD},
                  {"FATAL", CONSOLE_BAD}};
    enum console_tone tone = CONSOLE_PLAIN;
    struct site *site = user;
    char level[LEVEL_MAX] = "";
    int text = read_level(line, level);

    for (size_t i = 0; text > 0 && i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(level, levels[i].name) == 0)
            tone = levels[i].tone;
    }
    if (text > 0)
        note_plugin(site, line + text);
    if (tone == CONSOLE_BAD)
        calls_problem(&site->calls, "runner", "%s", line + text);
    else
        console_line(tone, "runner", "%s", line + text);
}
