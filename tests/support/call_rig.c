/* SPDX-License-Identifier: Apache-2.0 */
#include "support/call_rig.h"

#include <errno.h>

#include "base/log.h"

/* Not malloc of ours: allocation failures are for the code under test. */
void *__real_realloc(void *memory, size_t size);

static int grow(struct wire_out *out, size_t more)
{
    size_t capacity = (out->len + more) * 2;
    void *data = __real_realloc(out->data, capacity);

    assert_non_null(data);
    out->data = data;
    out->capacity = capacity;
    return 0;
}

static struct wire_out new_out(void)
{
    return (struct wire_out){.grow = grow, .tail_from = SIZE_MAX};
}

static void remember(void *user, int level, const char *line, size_t len)
{
    struct rig *rig = user;

    (void)level;
    if (len + 1 > sizeof(rig->log) - rig->log_len)
        return;
    memcpy(rig->log + rig->log_len, line, len);
    rig->log_len += len;
    rig->log[rig->log_len++] = '\n';
}

unsigned rig_logged(const struct rig *rig, const char *text)
{
    const char *at = rig->log;
    const char *end = rig->log + rig->log_len;
    unsigned count = 0;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        count += memmem(at, (size_t)(stop - at), text, strlen(text)) != NULL;
        at = stop + 1;
    }
    return count;
}

/* ---- the gateway ---- */

static struct wire_str answer_to(struct rig *rig, const struct call_question *question)
{
    if (question->type == MESSAGE_INFO_REQ_BODY)
        return rig->request_body;
    if (question->type == MESSAGE_INFO_RESP_BODY)
        return rig->response_body;
    for (unsigned i = 0; i < RIG_MAX && rig->vars[i].name; i++) {
        struct wire_pair pair = rig_pair(rig->vars[i].name, rig->vars[i].value);
        if (pair.name.len == question->name.len &&
            memcmp(pair.name.data, question->name.data, pair.name.len) == 0)
            return pair.value;
    }
    return (struct wire_str){NULL, 0};
}

static void note(struct rig *rig, const struct call_question *question)
{
    char *text = rig->asked[rig->ask_count % RIG_MAX];

    if (question->type == MESSAGE_INFO_VAR)
        snprintf(text, sizeof(rig->asked[0]), "%.*s", (int)question->name.len, question->name.data);
    else
        snprintf(text, sizeof(rig->asked[0]), "%s",
                 question->type == MESSAGE_INFO_REQ_BODY ? "<request>" : "<response>");
    rig->ask_count++;
}

static int answer(struct rig *rig, const struct call_question *question)
{
    struct wire_out out = new_out();
    int failed;

    note(rig, question);
    assert_int_equal(message_write_extra_info_reply(&out, answer_to(rig, question)), 0);
    if (rig->garbage)
        memset(out.data + 4, 0xff, out.len - 4);
    failed = call_answer(&rig->call, question, out.data + 4, (uint32_t)out.len - 4, rig->stays);
    if (rig->stays) {
        assert_true(rig->answer_count < RIG_MAX * 2);
        rig->answers[rig->answer_count++] = out.data;
    } else {
        memset(out.data, 0xee, out.len); /* whoever still looks at it sees that */
        free(out.data);
    }
    return failed;
}

static int ask(struct call *call, const struct call_question *question)
{
    struct rig *rig = call->owner;

    rig->inside++;
    if (rig->gone)
        return -ECANCELED;
    return answer(rig, question) ? -ECANCELED : 0;
}

static void resume(struct call *call)
{
    struct rig *rig = call->owner;

    atomic_fetch_add(&rig->resumed, 1);
}

static void enter(struct call *call, const struct plugin *plugin)
{
    struct rig *rig = call->owner;

    assert_ptr_equal(call->current, plugin);
    rig->enter_count++;
}

static void leave(struct call *call)
{
    struct rig *rig = call->owner;

    rig->leave_count++;
}

static const struct call_surroundings surroundings = {ask, resume, enter, leave};

/* ---- the call ---- */

void rig_open(struct rig *rig)
{
    struct log_config config = {.level = LOG_INFO, .fd = 1, .function = remember, .user = rig};

    memset(rig, 0, sizeof(*rig));
    assert_int_equal(log_open(&config), 0);
    rig->limits = (struct call_limits){1u << 20, 16u << 20, 56000};
    registry_init(&rig->registry);
    assert_int_equal(cells_create(&rig->cells, 64), 0);
    call_init(&rig->call, &surroundings, &rig->limits, rig);
    rig->out = new_out();
}

void rig_close(struct rig *rig)
{
    call_end(&rig->call);
    call_free(&rig->call);
    chain_drop(rig->chain);
    registry_free(&rig->registry);
    cells_close(rig->cells);
    for (unsigned i = 0; i < rig->answer_count; i++)
        free(rig->answers[i]);
    free(rig->frame);
    free(rig->out.data);
    log_close();
}

a6_plugin *rig_plugin(struct rig *rig, const char *name,
                      a6_result (*request_filter)(a6_request *req, void *conf),
                      a6_result (*response_filter)(a6_response *res, void *conf))
{
    a6_plugin *plugin = &rig->plugins[rig->plugin_count++];

    assert_true(rig->plugin_count <= RIG_MAX);
    *plugin = (a6_plugin){A6_PLUGIN_HEADER, .name = name, .request_filter = request_filter,
                          .response_filter = response_filter};
    return plugin;
}

static void start_plugins(struct rig *rig)
{
    char error[LOADER_ERROR_SIZE] = "";

    for (unsigned i = rig->registry.count; i < rig->plugin_count; i++)
        assert_int_equal(registry_add(&rig->registry, &rig->plugins[i], NULL, error, sizeof(error)),
                         0);
    assert_int_equal(loader_start(&rig->registry, rig->cells, error, sizeof(error)), 0);
}

void rig_chain(struct rig *rig, ...)
{
    struct chain_options options = {
        .registry = &rig->registry, .cells = rig->cells, .skip_unknown = rig->skip_unknown};
    struct chain_conf confs[RIG_MAX];
    struct wire_str key = rig_pair("route#1#ext-plugin-pre-req#42", NULL).name;
    uint32_t count = 0;
    const char *name;
    va_list args;

    if (rig->registry.count == 0)
        start_plugins(rig);
    va_start(args, rig);
    while ((name = va_arg(args, const char *))) {
        struct wire_pair pair = rig_pair(name, va_arg(args, const char *));
        assert_true(count < RIG_MAX);
        confs[count++] = (struct chain_conf){pair.name, pair.value};
    }
    va_end(args);
    chain_drop(rig->chain);
    rig->chain = NULL;
    assert_int_equal(chain_parse(&options, 77, key, confs, count, &rig->chain), 0);
}

static void begin(struct rig *rig, struct wire_out *out)
{
    /* Alone in memory of this size, so that a sanitizer sees what is read behind it. */
    call_end(&rig->call);
    free(rig->frame);
    rig->frame_size = (uint32_t)out->len - 4;
    rig->frame = __real_realloc(NULL, rig->frame_size);
    assert_non_null(rig->frame);
    memcpy(rig->frame, out->data + 4, rig->frame_size);
    assert_int_equal(
        call_begin(&rig->call, (enum frame_type)out->data[0], rig->frame, rig->frame_size), 0);
    assert_int_equal(rig->call.token, 77);
    free(out->data);
    if (rig->chain)
        call_start(&rig->call, rig->chain);
}

void rig_request(struct rig *rig, const struct rig_message *message)
{
    struct wire_out out = new_out();
    struct message_http_req_call_write call = {
        .id = message->id,
        .conf_token = 77,
        .method = message->method,
        .source = {message->source, (uint32_t)message->source_len},
        .path = rig_pair(message->path, NULL).name,
        .args = message->args,
        .headers = message->headers,
    };

    assert_int_equal(message_write_http_req_call(&out, &call), 0);
    begin(rig, &out);
}

void rig_response(struct rig *rig, const struct rig_message *message)
{
    struct wire_out out = new_out();
    struct message_http_resp_call_write call = {.id = message->id,
                                                .conf_token = 77,
                                                .status = message->status,
                                                .headers = message->headers};

    assert_int_equal(message_write_http_resp_call(&out, &call), 0);
    begin(rig, &out);
}

enum call_next rig_run(struct rig *rig)
{
    bool may_block = false;

    for (;;) {
        enum call_next next = call_run(&rig->call, may_block);

        if (next == CALL_BLOCKING) {
            assert_false(may_block);
            rig->blocking++;
            may_block = true;
        } else if (next == CALL_ASK) {
            assert_int_equal(answer(rig, &rig->call.question), 0);
        } else {
            return next;
        }
    }
}

int rig_reply(struct rig *rig)
{
    int failed;

    rig->out.len = 0;
    failed = call_write_reply(&rig->call, &rig->out);
    if (!failed) {
        assert_int_equal(frame_parse(rig->out.data, rig->out.len, &rig->reply), 0);
        assert_int_equal(rig->reply.size, rig->out.len - 4);
    }
    call_end(&rig->call);
    return failed;
}

void rig_reply_request(struct rig *rig, struct message_http_req_reply_view *view)
{
    uint32_t id = rig->call.id;

    assert_int_equal(rig_reply(rig), 0);
    assert_int_equal(rig->reply.type, FRAME_HTTP_REQ_CALL);
    assert_int_equal(message_read_http_req_reply(rig->reply.payload, rig->reply.size, view), 0);
    assert_int_equal(view->id, id);
}

void rig_reply_response(struct rig *rig, struct message_http_resp_reply_view *view)
{
    uint32_t id = rig->call.id;

    assert_int_equal(rig_reply(rig), 0);
    assert_int_equal(rig->reply.type, FRAME_HTTP_RESP_CALL);
    assert_int_equal(message_read_http_resp_reply(rig->reply.payload, rig->reply.size, view), 0);
    assert_int_equal(view->id, id);
}

void rig_reply_error(struct rig *rig)
{
    uint8_t code = 0xff;

    assert_int_equal(rig_reply(rig), 0);
    assert_int_equal(rig->reply.type, FRAME_ERROR);
    assert_int_equal(message_read_error(rig->reply.payload, rig->reply.size, &code), 0);
    assert_int_equal(code, MESSAGE_SERVICE_UNAVAILABLE);
}

/* ---- strings ---- */

struct wire_pair rig_pair(const char *name, const char *value)
{
    return (struct wire_pair){{name, name ? (uint32_t)strlen(name) : 0},
                              {value, value ? (uint32_t)strlen(value) : 0}};
}

void rig_assert_str(struct wire_str str, const char *text)
{
    if (!text) {
        assert_null(str.data);
        return;
    }
    assert_non_null(str.data);
    if (str.len != strlen(text) || memcmp(str.data, text, str.len) != 0)
        fail_msg("it is \"%.*s\", not \"%s\"", (int)str.len, str.data, text);
}

void rig_assert_a6_str(a6_str str, const char *text)
{
    rig_assert_str((struct wire_str){str.data, (uint32_t)str.len}, text);
}

void rig_assert_pair(struct wire_vector vector, uint32_t index, const char *name, const char *value)
{
    assert_true(index < vector.count);
    rig_assert_str(message_pair_at(vector, index).name, name);
    rig_assert_str(message_pair_at(vector, index).value, value);
}
