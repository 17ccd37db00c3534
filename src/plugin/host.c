/* SPDX-License-Identifier: Apache-2.0 */
/* The host's table, and those of its functions that serve both phases. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/call.h"
#include "plugin/call_asked.h"
#include "plugin/call_check.h"
#include "plugin/call_memory.h"
#include "plugin/call_request.h"
#include "plugin/call_response.h"
#include "plugin/call_suspend.h"
#include "plugin/cells.h"
#include "plugin/env.h"

/* What a6_error says is kept up to this length. */
#define REASON_MAX 1024u

static const struct call *call_of(const a6_call *handle)
{
    return (const struct call *)(const void *)handle;
}

static struct call *call_of_mutable(a6_call *handle)
{
    return (struct call *)(void *)handle;
}

static int host_log_enabled(const a6_host *host, a6_level level)
{
    (void)host;
    return log_enabled((enum log_level)level);
}

static void host_call_log(const a6_call *handle, a6_level level, const char *text, size_t len)
{
    const struct call *call = call_of(handle);
    enum log_level known =
        level < A6_LOG_DEBUG || level > A6_LOG_FATAL ? LOG_ERROR : (enum log_level)level;

    log_write(known, "plugin %s, call %u: %.*s", call->current ? call->current->about.name : "?",
              call->id, (int)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX), text);
}

static uint32_t host_call_id(const a6_call *handle)
{
    return call_of(handle)->id;
}

static void *host_call_state(const a6_call *handle)
{
    const struct plugin *plugin = call_of(handle)->current;

    return plugin ? plugin->state : NULL;
}

static int64_t host_call_time_left(const a6_call *handle)
{
    return (int64_t)(call_of(handle)->deadline_ms - clock_ms());
}

static void *host_call_alloc(a6_call *handle, size_t size)
{
    void *memory = arena_alloc(&call_of_mutable(handle)->arena, size);

    return memory ? memset(memory, 0, size) : NULL;
}

/* ---- values left for later plugins ---- */

struct call_value {
    struct call_value *next;
    void *value;
    size_t len;
    char key[];
};

static struct call_value *find_value(const struct call *call, a6_str key)
{
    struct call_value *value = call->values;

    while (value && (value->len != key.len || memcmp(value->key, key.data, key.len) != 0))
        value = value->next;
    return value;
}

static int host_call_set(a6_call *handle, a6_str key, void *data)
{
    struct call *call = call_of_mutable(handle);
    struct call_value *value;

    if (call_check_text(key))
        return -EINVAL;
    value = find_value(call, key);
    if (!value) {
        value = arena_alloc(&call->arena, sizeof(*value) + key.len);
        if (!value)
            return -ENOMEM;
        value->len = key.len;
        memcpy(value->key, key.data, key.len);
        value->next = call->values;
        call->values = value;
    }
    value->value = data;
    return 0;
}

static void *host_call_get(const a6_call *handle, a6_str key)
{
    const struct call_value *value = key.data ? find_value(call_of(handle), key) : NULL;

    return value ? value->value : NULL;
}

/* ---- what the gateway is asked for ---- */

static int host_call_var(a6_call *handle, a6_str name, a6_str *value)
{
    struct wire_str answer;
    int failed = call_asked_var(call_of_mutable(handle), name, &answer);

    *value = failed ? a6_str_make(NULL, 0) : call_str(answer);
    return failed;
}

static int host_call_request_body(a6_call *handle, a6_str *body)
{
    struct call *call = call_of_mutable(handle);
    struct wire_str value = {NULL, 0};
    int failed;

    *body = a6_str_make(NULL, 0);
    if (call->phase == CALL_REQUEST)
        value = call->message.as_request->body;
    failed = value.data ? call_asked_check_size(call, call->current, value.len)
                        : call_asked_body(call, MESSAGE_INFO_REQ_BODY, &value);
    if (!failed && value.len > 0)
        *body = call_str(value);
    return failed;
}

/* ---- the call's end ---- */

static void host_call_error(a6_call *handle, const char *text, size_t len)
{
    struct call *call = call_of_mutable(handle);
    const char *copy = arena_copy(&call->arena, text, len < REASON_MAX ? len : REASON_MAX);

    if (!copy) { /* which is what it complains of, most likely */
        len = len < sizeof(call->spare_reason) ? len : sizeof(call->spare_reason) - 1;
        memcpy(call->spare_reason, text, len);
        call->spare_reason[len] = '\0';
        copy = call->spare_reason;
    }
    call->reason = copy;
}

static a6_result host_call_delay(a6_call *handle, uint32_t ms)
{
    struct call *call = call_of_mutable(handle);

    if (call->suspension) {
        call->reason = "a6_delay was called after a6_suspend: use one of them";
        return A6_ERROR;
    }
    if ((int64_t)ms >= host_call_time_left(handle)) {
        call->reason = "a6_delay would pass the call's deadline";
        return A6_ERROR;
    }
    call->delayed = true;
    call->delay_ms = ms;
    return ms > 0 ? A6_PENDING : A6_OK;
}

const a6_host call_host = {
    .abi_major = A6_ABI_MAJOR,
    .abi_minor = A6_ABI_MINOR,
    .size = sizeof(a6_host),

    .log_enabled = host_log_enabled,
    .call_log = host_call_log,
    .call_id = host_call_id,
    .call_state = host_call_state,
    .call_time_left = host_call_time_left,
    .call_alloc = host_call_alloc,
    .call_set = host_call_set,
    .call_get = host_call_get,
    .call_var = host_call_var,
    .call_request_body = host_call_request_body,
    .call_error = host_call_error,
    .call_suspend = call_suspend,
    .call_delay = host_call_delay,
    .pending_resume = call_suspend_resume,

    .request_source = call_request_source,
    .request_source_text = call_request_source_text,
    .request_method = call_request_method,
    .request_path = call_request_path,
    .request_arg_count = call_request_arg_count,
    .request_arg_at = call_request_arg_at,
    .request_header_count = call_request_header_count,
    .request_header_at = call_request_header_at,
    .request_find_header = call_request_find_header,
    .request_set_path = call_request_set_path,
    .request_set_arg = call_request_set_arg,
    .request_add_arg = call_request_add_arg,
    .request_delete_arg = call_request_delete_arg,
    .request_set_header = call_request_set_header,
    .request_add_header = call_request_add_header,
    .request_delete_header = call_request_delete_header,
    .request_set_body = call_request_set_body,
    .request_add_response_header = call_request_add_response_header,
    .answer = call_answer_begin,
    .answer_header = call_answer_header,
    .answer_write = call_answer_write,

    .response_status = call_response_status,
    .response_header_count = call_response_header_count,
    .response_header_at = call_response_header_at,
    .response_find_header = call_response_find_header,
    .response_body = call_response_body,
    .response_set_status = call_response_set_status,
    .response_set_header = call_response_set_header,
    .response_add_header = call_response_add_header,
    .response_delete_header = call_response_delete_header,
    .response_set_body = call_response_set_body,

    .env_log = env_log,
    .env_error = env_error,
    .env_state = env_state,
    .env_need_var = env_need_var,
    .env_need = env_need,
    .env_cell = env_cell,

    .cell_add = cells_add,
    .cell_get = cells_get,
    .cell_swap = cells_swap,
    .cell_take = cells_take,
};
