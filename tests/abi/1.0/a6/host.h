/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the functions of <a6/plugin.h> are made of: the host's table, and the inline
 * bodies that reach it through the object they are given. Included by plugin.h;
 * a plugin's author need not read it.
 */
#ifndef A6_HOST_H
#define A6_HOST_H

#ifndef A6_PLUGIN_H
#error "include <a6/plugin.h>"
#endif

/* ---- the host's functions ---- */

/*
 * The table behind the functions of the next sections: call those. It only grows
 * at its end; `size` tells what this host has.
 */
struct a6_host {
    uint32_t abi_major;
    uint32_t abi_minor;
    size_t size;

    /* both phases */
    int (*log_enabled)(const a6_host *host, a6_level level);
    void (*call_log)(const a6_call *call, a6_level level, const char *text, size_t len);
    uint32_t (*call_id)(const a6_call *call);
    void *(*call_state)(const a6_call *call);
    int64_t (*call_time_left)(const a6_call *call);
    void *(*call_alloc)(a6_call *call, size_t size);
    int (*call_set)(a6_call *call, a6_str key, void *value);
    void *(*call_get)(const a6_call *call, a6_str key);
    int (*call_var)(a6_call *call, a6_str name, a6_str *value);
    int (*call_request_body)(a6_call *call, a6_str *body);
    void (*call_error)(a6_call *call, const char *text, size_t len);
    a6_pending *(*call_suspend)(a6_call *call);
    a6_result (*call_delay)(a6_call *call, uint32_t ms);
    int (*pending_resume)(a6_pending *pending, a6_result result);

    /* the request phase */
    a6_str (*request_source)(const a6_request *req);
    a6_str (*request_source_text)(a6_request *req);
    a6_method (*request_method)(const a6_request *req);
    a6_str (*request_path)(const a6_request *req);
    size_t (*request_arg_count)(const a6_request *req);
    int (*request_arg_at)(const a6_request *req, size_t index, a6_pair *arg);
    size_t (*request_header_count)(const a6_request *req);
    int (*request_header_at)(const a6_request *req, size_t index, a6_pair *header);
    int (*request_find_header)(const a6_request *req, a6_str name, size_t *index);
    int (*request_set_path)(a6_request *req, a6_str path);
    int (*request_set_arg)(a6_request *req, a6_str name, a6_str value);
    int (*request_add_arg)(a6_request *req, a6_str name, a6_str value);
    int (*request_delete_arg)(a6_request *req, a6_str name);
    int (*request_set_header)(a6_request *req, a6_str name, a6_str value);
    int (*request_add_header)(a6_request *req, a6_str name, a6_str value);
    int (*request_delete_header)(a6_request *req, a6_str name);
    int (*request_set_body)(a6_request *req, a6_str body);
    int (*request_add_response_header)(a6_request *req, a6_str name, a6_str value);
    int (*answer)(a6_request *req, unsigned status);
    int (*answer_header)(a6_request *req, a6_str name, a6_str value);
    int (*answer_write)(a6_request *req, a6_str data);

    /* the response phase */
    unsigned (*response_status)(const a6_response *res);
    size_t (*response_header_count)(const a6_response *res);
    int (*response_header_at)(const a6_response *res, size_t index, a6_pair *header);
    int (*response_find_header)(const a6_response *res, a6_str name, size_t *index);
    int (*response_body)(a6_response *res, a6_str *body);
    int (*response_set_status)(a6_response *res, unsigned status);
    int (*response_set_header)(a6_response *res, a6_str name, a6_str value);
    int (*response_add_header)(a6_response *res, a6_str name, a6_str value);
    int (*response_delete_header)(a6_response *res, a6_str name);
    int (*response_set_body)(a6_response *res, a6_str body);

    /* setting up */
    void (*env_log)(const a6_env *env, a6_level level, const char *text, size_t len);
    void (*env_error)(a6_env *env, const char *text, size_t len);
    void *(*env_state)(const a6_env *env);
    int (*env_need_var)(a6_env *env, a6_str name);
    int (*env_need)(a6_env *env, uint32_t bodies);
    int (*env_cell)(a6_env *env, a6_str name, a6_cell **cell);

    /* shared numbers */
    int64_t (*cell_add)(a6_cell *cell, unsigned slot, int64_t delta);
    int64_t (*cell_get)(const a6_cell *cell, unsigned slot);
    int (*cell_swap)(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired);
    int64_t (*cell_take)(a6_cell *cell, double rate, double burst);
};

/* What A6_REGISTER collected: the linker names the ends of the section. */
extern const a6_plugin *const a6_section_first[] __asm__("__start_a6_plugins")
    __attribute__((weak, visibility("hidden")));
extern const a6_plugin *const a6_section_end[] __asm__("__stop_a6_plugins")
    __attribute__((weak, visibility("hidden")));

/* One for the whole shared object or program, however many files include this. */
__attribute__((weak, visibility("default"))) const a6_module *a6_module_get(void);

const a6_module *a6_module_get(void)
{
    static const a6_module module = {A6_ABI_MAJOR, A6_ABI_MINOR, sizeof(a6_module),
                                     a6_section_first, a6_section_end};
    return &module;
}

/* Formats, cut to the size; gives the length. */
A6_PRINTF(3, 0)
static inline size_t a6_format_into(char *text, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(text, size, format, args);

    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

static inline uint32_t a6_call_id(const a6_call *call)
{
    return call->host->call_id(call);
}

static inline void *a6_state(const a6_call *call)
{
    return call->host->call_state(call);
}

static inline int64_t a6_time_left(const a6_call *call)
{
    return call->host->call_time_left(call);
}

static inline void *a6_alloc(a6_call *call, size_t size)
{
    return call->host->call_alloc(call, size);
}

static inline a6_str a6_format(a6_call *call, const char *format, ...)
{
    va_list args;
    int len;
    char *text;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    text = len < 0 ? NULL : (char *)a6_alloc(call, (size_t)len + 1);
    if (!text)
        return a6_str_make(NULL, 0);
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return a6_str_make(text, (size_t)len);
}

static inline int a6_set(a6_call *call, a6_str key, void *value)
{
    return call->host->call_set(call, key, value);
}

static inline void *a6_get(const a6_call *call, a6_str key)
{
    return call->host->call_get(call, key);
}

static inline int a6_var(a6_call *call, a6_str name, a6_str *value)
{
    return call->host->call_var(call, name, value);
}

static inline int a6_request_body(a6_call *call, a6_str *body)
{
    return call->host->call_request_body(call, body);
}

static inline void a6_log(const a6_call *call, a6_level level, const char *format, ...)
{
    char text[1024];
    va_list args;
    size_t len;

    if (!call->host->log_enabled(call->host, level))
        return;
    va_start(args, format);
    len = a6_format_into(text, sizeof(text), format, args);
    va_end(args);
    call->host->call_log(call, level, text, len);
}

static inline a6_result a6_error(a6_call *call, const char *format, ...)
{
    char text[1024];
    va_list args;
    size_t len;

    va_start(args, format);
    len = a6_format_into(text, sizeof(text), format, args);
    va_end(args);
    call->host->call_error(call, text, len);
    return A6_ERROR;
}

static inline a6_pending *a6_suspend(a6_call *call)
{
    return call->host->call_suspend(call);
}

static inline int a6_resume(a6_pending *pending, a6_result result)
{
    return pending->host->pending_resume(pending, result);
}

static inline a6_result a6_delay(a6_call *call, uint32_t ms)
{
    return call->host->call_delay(call, ms);
}

static inline a6_str a6_request_source(const a6_request *req)
{
    return req->call.host->request_source(req);
}

static inline a6_str a6_request_source_text(a6_request *req)
{
    return req->call.host->request_source_text(req);
}

static inline a6_method a6_request_method(const a6_request *req)
{
    return req->call.host->request_method(req);
}

static inline a6_str a6_request_path(const a6_request *req)
{
    return req->call.host->request_path(req);
}

static inline size_t a6_request_arg_count(const a6_request *req)
{
    return req->call.host->request_arg_count(req);
}

static inline int a6_request_arg_at(const a6_request *req, size_t index, a6_pair *arg)
{
    return req->call.host->request_arg_at(req, index, arg);
}

static inline size_t a6_request_header_count(const a6_request *req)
{
    return req->call.host->request_header_count(req);
}

static inline int a6_request_header_at(const a6_request *req, size_t index, a6_pair *header)
{
    return req->call.host->request_header_at(req, index, header);
}

static inline int a6_request_find_header(const a6_request *req, a6_str name, size_t *index)
{
    return req->call.host->request_find_header(req, name, index);
}

static inline a6_str a6_request_header(const a6_request *req, const char *name)
{
    a6_pair pair;
    size_t index = 0;

    if (a6_request_find_header(req, a6_str_from(name), &index) < 0 ||
        a6_request_header_at(req, index, &pair) < 0)
        return a6_str_make(NULL, 0);
    return pair.value;
}

static inline int a6_request_arg(const a6_request *req, const char *name, a6_str *value)
{
    a6_str wanted = a6_str_from(name);
    a6_pair pair;
    size_t i;

    for (i = 0; a6_request_arg_at(req, i, &pair) == 0; i++) {
        if (a6_str_equal(pair.name, wanted)) {
            *value = pair.value;
            return 1;
        }
    }
    *value = a6_str_make(NULL, 0);
    return 0;
}

static inline int a6_request_set_path(a6_request *req, a6_str path)
{
    return req->call.host->request_set_path(req, path);
}

static inline int a6_request_set_arg(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->request_set_arg(req, name, value);
}

static inline int a6_request_add_arg(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->request_add_arg(req, name, value);
}

static inline int a6_request_delete_arg(a6_request *req, a6_str name)
{
    return req->call.host->request_delete_arg(req, name);
}

static inline int a6_request_set_header(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->request_set_header(req, name, value);
}

static inline int a6_request_add_header(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->request_add_header(req, name, value);
}

static inline int a6_request_delete_header(a6_request *req, a6_str name)
{
    return req->call.host->request_delete_header(req, name);
}

static inline int a6_request_set_body(a6_request *req, a6_str body)
{
    return req->call.host->request_set_body(req, body);
}

static inline int a6_request_add_response_header(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->request_add_response_header(req, name, value);
}

static inline int a6_answer(a6_request *req, unsigned status)
{
    return req->call.host->answer(req, status);
}

static inline int a6_answer_header(a6_request *req, a6_str name, a6_str value)
{
    return req->call.host->answer_header(req, name, value);
}

static inline int a6_answer_write(a6_request *req, a6_str data)
{
    return req->call.host->answer_write(req, data);
}

static inline unsigned a6_response_status(const a6_response *res)
{
    return res->call.host->response_status(res);
}

static inline size_t a6_response_header_count(const a6_response *res)
{
    return res->call.host->response_header_count(res);
}

static inline int a6_response_header_at(const a6_response *res, size_t index, a6_pair *header)
{
    return res->call.host->response_header_at(res, index, header);
}

static inline int a6_response_find_header(const a6_response *res, a6_str name, size_t *index)
{
    return res->call.host->response_find_header(res, name, index);
}

static inline a6_str a6_response_header(const a6_response *res, const char *name)
{
    a6_pair pair;
    size_t index = 0;

    if (a6_response_find_header(res, a6_str_from(name), &index) < 0 ||
        a6_response_header_at(res, index, &pair) < 0)
        return a6_str_make(NULL, 0);
    return pair.value;
}

static inline int a6_response_body(a6_response *res, a6_str *body)
{
    return res->call.host->response_body(res, body);
}

static inline int a6_response_set_status(a6_response *res, unsigned status)
{
    return res->call.host->response_set_status(res, status);
}

static inline int a6_response_set_header(a6_response *res, a6_str name, a6_str value)
{
    return res->call.host->response_set_header(res, name, value);
}

static inline int a6_response_add_header(a6_response *res, a6_str name, a6_str value)
{
    return res->call.host->response_add_header(res, name, value);
}

static inline int a6_response_delete_header(a6_response *res, a6_str name)
{
    return res->call.host->response_delete_header(res, name);
}

static inline int a6_response_set_body(a6_response *res, a6_str body)
{
    return res->call.host->response_set_body(res, body);
}

static inline void a6_env_log(const a6_env *env, a6_level level, const char *format, ...)
{
    char text[1024];
    va_list args;
    size_t len;

    if (!env->host->log_enabled(env->host, level))
        return;
    va_start(args, format);
    len = a6_format_into(text, sizeof(text), format, args);
    va_end(args);
    env->host->env_log(env, level, text, len);
}

static inline int a6_env_error(a6_env *env, const char *format, ...)
{
    char text[1024];
    va_list args;
    size_t len;

    va_start(args, format);
    len = a6_format_into(text, sizeof(text), format, args);
    va_end(args);
    env->host->env_error(env, text, len);
    return -EINVAL;
}

static inline void *a6_env_state(const a6_env *env)
{
    return env->host->env_state(env);
}

static inline int a6_env_need_var(a6_env *env, a6_str name)
{
    return env->host->env_need_var(env, name);
}

static inline int a6_env_need(a6_env *env, uint32_t bodies)
{
    return env->host->env_need(env, bodies);
}

static inline int a6_env_cell(a6_env *env, a6_str name, a6_cell **cell)
{
    return env->host->env_cell(env, name, cell);
}

static inline int64_t a6_cell_add(a6_cell *cell, unsigned slot, int64_t delta)
{
    return cell->host->cell_add(cell, slot, delta);
}

static inline int64_t a6_cell_get(const a6_cell *cell, unsigned slot)
{
    return cell->host->cell_get(cell, slot);
}

static inline int a6_cell_swap(a6_cell *cell, unsigned slot, int64_t expected, int64_t desired)
{
    return cell->host->cell_swap(cell, slot, expected, desired);
}

static inline int64_t a6_cell_take(a6_cell *cell, double rate, double burst)
{
    return cell->host->cell_take(cell, rate, burst);
}

#endif
