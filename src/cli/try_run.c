/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/try_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/conf_args.h"
#include "server/scoreboard.h"
#include "server/worker_crash.h"

#define CELLS 256u

__attribute__((format(printf, 3, 4))) static int fail(struct try_run *run, int status,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(run->error, sizeof(run->error), format, args);
    va_end(args);
    return status;
}

/* From try_run_init to try_run_free: who calls exit() then is a plugin. */
static bool plugins_may_run;

/* Else its status, 0 perhaps, would be taken for ours. */
static void exit_handler(void)
{
    if (!plugins_may_run)
        return;
    fputs("c-runner: a plugin has ended the process, with exit()\n", stderr);
    _exit(EXIT_FAILED);
}

int try_run_init(struct try_run *run)
{
    static struct scoreboard_worker board; /* nobody reads it */

    plugins_may_run = atexit(exit_handler) == 0;
    crash_init(&board); /* a plugin that crashes leaves its stack on stderr, as in a worker */
    (void)crash_stack_enter();
    *run = (struct try_run){0};
    registry_init(&run->registry);
    return stage_init(&run->stage, NULL);
}

void try_run_free(struct try_run *run)
{
    stage_free(&run->stage);
    registry_free(&run->registry);
    cells_close(run->cells);
    plugins_may_run = false;
}

int try_run_load(struct try_run *run, char *const *files)
{
    int status = cells_create(&run->cells, CELLS);

    if (status < 0)
        return fail(run, status, "out of memory");
    for (; status == 0 && *files; files++)
        status = loader_file(&run->registry, *files, run->error, sizeof(run->error));
    if (status == 0)
        status = loader_start(&run->registry, run->cells, run->error, sizeof(run->error));
    return status;
}

static int find_all(struct try_run *run, struct wire_pairs plugins)
{
    for (uint32_t i = 0; i < plugins.count; i++) {
        struct wire_str name = plugins.first[i].name;

        if (!registry_find(&run->registry, name.data, name.len))
            return fail(run, -EINVAL, "no plugin is named \"%.*s\" in what was loaded",
                        (int)name.len, name.data);
    }
    return 0;
}

int try_run_parse(struct try_run *run, struct wire_pairs plugins, struct chain **chain)
{
    static const struct wire_str key = {.data = "command-line", .len = 12};
    struct chain_options options = {.registry = &run->registry, .cells = run->cells};
    struct chain_conf confs[CONF_ARGS_MAX];
    int status = find_all(run, plugins);

    if (status < 0)
        return status;
    for (uint32_t i = 0; i < plugins.count; i++) {
        confs[i].name = plugins.first[i].name;
        confs[i].value = plugins.first[i].value;
    }
    status = chain_parse(&options, 1, key, confs, plugins.count, chain);
    if (status == 0 && (*chain)->refused) {
        chain_drop(*chain);
        status = -EINVAL;
    }
    return status < 0 ? fail(run, status, "a conf was refused; the line above says why") : 0;
}

__attribute__((format(printf, 3, 4))) static void
note(struct http_args *http, struct apply_outcome *outcome, const char *format, ...)
{
    char text[256];
    const char *copy;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = arena_copy(&http->arena, text, strlen(text));
    if (copy && outcome->note_count < APPLY_NOTES_MAX)
        outcome->notes[outcome->note_count++] = copy;
}

/* What the reply does not show, and a plugin's author should know. */
static void add_notes(const struct chain *chain, struct http_args *http, const struct stage *stage,
                      struct apply_outcome *outcome)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        const a6_plugin *about = &chain->steps[i].plugin->about;

        if (http->has_response && !about->response_filter)
            note(http, outcome, "%s has no response filter", about->name);
        if (!http->has_response && !about->request_filter)
            note(http, outcome, "%s has no request filter: give it a response, with --response",
                 about->name);
    }
    if (stage->delayed_ms)
        note(http, outcome, "the call would be delayed by %llu ms",
             (unsigned long long)stage->delayed_ms);
    if (stage->asked)
        note(http, outcome, "the gateway would be asked %u time%s, for variables and bodies",
             stage->asked, stage->asked == 1 ? "" : "s");
}

static int play(struct try_run *run, struct chain *chain, struct http_args *http,
                struct apply_outcome *outcome)
{
    int status;

    run->stage.answers = &http->answers;
    status = stage_http_play(&run->stage, chain, http, &http->arena, outcome);
    if (status == STAGE_ERROR)
        return fail(run, -ECANCELED,
                    "the call failed, as the line above says; the gateway would answer 503");
    if (status != 0)
        return fail(run, -EIO, "the call cannot be made: %s", stage_why(status));
    add_notes(chain, http, &run->stage, outcome);
    return 0;
}

int try_run_play(struct try_run *run, struct wire_pairs plugins, struct http_args *http,
                 struct apply_outcome *outcome)
{
    struct chain *chain;
    int status = try_run_parse(run, plugins, &chain);

    if (status < 0)
        return status;
    status = play(run, chain, http, outcome);
    chain_drop(chain);
    return status;
}
