/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_complain.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#define TEXT_SIZE 2048

static void write_line(struct call *call, const char *text)
{
    bool first = chain_complain_once(call->chain, text);

    if (first || log_enabled(LOG_DEBUG))
        log_write(first ? LOG_ERROR : LOG_DEBUG, "%s; call %u, conf %s", text, call->id,
                  call->chain->key);
}

void call_complain(struct call *call, const char *format, ...)
{
    const struct plugin *plugin = call->current;
    char text[TEXT_SIZE];
    va_list args;
    int len = snprintf(text, sizeof(text), "plugin %s (%s): %s ", plugin->about.name,
                       plugin->file ? plugin->file : "linked in",
                       call->phase == CALL_REQUEST ? "request_filter" : "response_filter");

    if (len >= 0 && (size_t)len < sizeof(text)) {
        va_start(args, format);
        vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
        va_end(args);
    }
    write_line(call, text);
}

void call_complain_result(struct call *call, a6_result result)
{
    if (result == A6_ERROR)
        call_complain(call, "failed: %s",
                      call->reason ? call->reason : "it did not say why with a6_error");
    else if (result == A6_PENDING)
        call_complain(call, "failed: A6_PENDING comes only after a6_suspend (and is no result for "
                            "a6_resume) or from a6_delay");
    else
        call_complain(call, "failed: its result %d is no a6_result", (int)result);
}

void call_complain_idle(const struct call *call, struct chain_step *step)
{
    bool request = call->phase == CALL_REQUEST;

    if (atomic_load_explicit(&step->told_idle, memory_order_relaxed) ||
        atomic_exchange_explicit(&step->told_idle, true, memory_order_relaxed))
        return;
    log_warn("plugin %s (%s) does nothing in conf %s: it has no %s filter, so it does not belong "
             "into %s",
             step->plugin->about.name, step->plugin->file ? step->plugin->file : "linked in",
             call->chain->key, request ? "request" : "response",
             request ? "ext-plugin-pre-req or ext-plugin-post-req" : "ext-plugin-post-resp");
}

void call_complain_reply(struct call *call, const char *text)
{
    const struct plugin *speaker = call->speaker;
    char line[TEXT_SIZE] = "";
    size_t len = 0;

    if (speaker)
        len = (size_t)snprintf(line, sizeof(line), "plugin %s (%s)", speaker->about.name,
                               speaker->file ? speaker->file : "linked in");
    for (uint32_t i = 0; !speaker && i < call->chain->count && len < sizeof(line); i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", i ? ", " : "plugin ",
                                call->chain->steps[i].plugin->about.name);
    if (len < sizeof(line))
        snprintf(line + len, sizeof(line) - len, ": %s", text);
    write_line(call, line);
}
