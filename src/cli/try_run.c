/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/try_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/conf_args.h"
#include "client/heap_out.h"
#include "testkit/stage.h"
#include "wire/frame.h"

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

void try_run_init(struct try_run *run)
{
    *run = (struct try_run){0};
    registry_init(&run->registry);
}

void try_run_free(struct try_run *run)
{
    registry_free(&run->registry);
    cells_close(run->cells);
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
    if (status < 0)
        return fail(run, status, "out of memory");
    if ((*chain)->refused) {
        chain_drop(*chain);
        return fail(run, -EINVAL, "a conf was refused; the line above says why");
    }
    return 0;
}

static int write_call(struct http_args *http, struct wire_out *frame)
{
    if (http->has_response) {
        const struct message_http_resp_call_write message = {.status = http->response.status,
                                                             .headers = http->response.headers};
        return message_write_http_resp_call(frame, &message);
    }
    const struct message_http_req_call_write message = {.method = http->request.method,
                                                        .source = http->source,
                                                        .path = http->request.path,
                                                        .args = http->request.args,
                                                        .headers = http->request.headers};
    return message_write_http_req_call(frame, &message);
}

/* The reply as the gateway takes it. */
static int apply(struct try_run *run, struct http_args *http, const struct stage *stage,
                 struct apply_outcome *outcome)
{
    struct message_http_req_reply_view request;
    struct message_http_resp_reply_view response;
    struct frame frame;
    int status = frame_parse(stage->reply.data, stage->reply.len, &frame) == 0 ? 0 : -EBADMSG;

    if (status == 0 && frame.type == FRAME_ERROR)
        return fail(run, -ECANCELED,
                    "the call failed, as the line above says; the gateway would answer 503");
    if (http->has_response) {
        status =
            status ? status : message_read_http_resp_reply(frame.payload, frame.size, &response);
        status =
            status ? status : apply_resp_reply(&http->arena, &http->response, &response, outcome);
    } else {
        status = status ? status : message_read_http_req_reply(frame.payload, frame.size, &request);
        status = status ? status : apply_req_reply(&http->arena, &http->request, &request, outcome);
    }
    return status < 0 ? fail(run, status, "the reply cannot be applied: %s", strerror(-status)) : 0;
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
    struct stage stage;
    struct wire_out frame;
    int status;

    heap_out_init(&frame);
    status = stage_init(&stage, &http->answers);
    if (status == 0)
        status = write_call(http, &frame);
    if (status == 0)
        status = stage_play(&stage, chain, frame.data, frame.len);
    if (status < 0)
        status = fail(run, status, "the call cannot be made: %s", strerror(-status));
    else
        status = apply(run, http, &stage, outcome);
    if (status == 0)
        add_notes(chain, http, &stage, outcome);
    stage_free(&stage);
    heap_out_free(&frame);
    return status;
}

int try_run_play(struct try_run *run, struct wire_pairs plugins, struct http_args *http,
                 struct apply_outcome *outcome)
{
    struct chain *chain;
    int status = try_run_parse(run, plugins, &chain);

    if (status < 0)
        return status;
    *outcome = (struct apply_outcome){0};
    status = play(run, chain, http, outcome);
    chain_drop(chain);
    return status;
}
