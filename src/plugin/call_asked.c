/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/call_asked.h"

#include <errno.h>

#include "plugin/call_edits.h"
#include "plugin/call_memory.h"
#include "plugin/call_request.h"
#include "plugin/call_response.h"
#include "plugin/call_suspend.h"

struct call_asked {
    struct call_asked *next;
    struct call_question question; /* its name is borrowed from the chain, or ours */
    struct wire_str value;         /* when error is 0 */
    int error;                     /* NOT_HERE until it is answered */
    struct habit *habit;           /* that had it fetched in advance, or NULL */
    bool used;
};

/* No errno value. */
#define NOT_HERE 1

/* The variable that tells the length of the request's body when its headers are not at
 * hand. */
static const struct wire_str content_length = {"content_length", 14};

/* ---- what is here already ---- */

static struct call_asked **body_place(struct call *call, enum message_info type)
{
    return type == MESSAGE_INFO_REQ_BODY ? &call->request_body : &call->response_body;
}

static struct call_asked *find_var(const struct call *call, struct wire_str name)
{
    struct call_asked *asked = call->asked;

    while (asked && (asked->question.name.len != name.len ||
                     memcmp(asked->question.name.data, name.data, name.len) != 0))
        asked = asked->next;
    return asked;
}

static struct call_asked *asked_new(struct call *call, enum message_info type, struct wire_str name)
{
    struct call_asked *asked = arena_alloc(&call->arena, sizeof(*asked));

    if (!asked)
        return NULL;
    *asked = (struct call_asked){.question = {type, name}, .error = NOT_HERE};
    if (type == MESSAGE_INFO_VAR) {
        asked->next = call->asked;
        call->asked = asked;
    } else {
        *body_place(call, type) = asked;
    }
    return asked;
}

/* ---- answers ---- */

static void keep(struct call *call, struct call_asked *asked, struct wire_str result, bool stays)
{
    size_t max = asked->question.type == MESSAGE_INFO_VAR ? call->limits->max_memory
                                                          : call->limits->max_body;

    asked->value = result;
    asked->error = 0;
    if (!result.data)
        return;
    if (max > 0 && result.len > max)
        asked->error = asked->question.type == MESSAGE_INFO_VAR ? -ENOMEM : -EMSGSIZE;
    else if (!stays) {
        asked->value = call_memory_copy(call, result.data, result.len);
        if (!asked->value.data)
            asked->error = -ENOMEM;
    }
}

int call_answer(struct call *call, const struct call_question *question, const uint8_t *payload,
                uint32_t size, bool stays)
{
    struct call_asked *asked = call->asking;
    struct message_extra_info_reply reply;
    int failed = message_read_extra_info_reply(payload, size, &reply);

    if (failed)
        return failed;
    if (asked && asked->question.type == question->type) {
        call->asking = NULL;
        keep(call, asked, reply.result, stays);
    }
    return 0;
}

void call_asked_settle(struct call *call)
{
    if (call->asking)
        call->asking->error = -ECANCELED;
    call->asking = NULL;
}

/* Asks within a filter. */
static int ask(struct call *call, struct call_asked *asked)
{
    int failed = -ECANCELED;

    call->asking = asked;
    if (call->around->ask && !call_abandoned(call))
        failed = call->around->ask(call, &asked->question);
    call->asking = NULL;
    if (asked->error == NOT_HERE)
        asked->error = failed ? failed : -ECANCELED;
    return asked->error;
}

/* ---- bodies ---- */

static uint64_t body_limit(const struct call *call, const struct plugin *plugin)
{
    uint64_t limit = CALL_BODY_MAX;

    if (call->limits->max_body > 0 && call->limits->max_body < limit)
        limit = call->limits->max_body;
    if (plugin->about.max_body > 0 && plugin->about.max_body < limit)
        limit = plugin->about.max_body;
    return limit;
}

int call_asked_check_size(const struct call *call, const struct plugin *plugin, uint64_t len)
{
    return len > body_limit(call, plugin) ? -EMSGSIZE : 0;
}

/* A content-length's number; absent or odd: -1. What is too large to count stays large. */
static int64_t parse_length(struct wire_str text)
{
    int64_t length = 0;

    if (!text.data || text.len == 0)
        return -1;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        if (length < INT64_MAX / 16)
            length = length * 10 + (text.data[i] - '0');
    }
    return length;
}

/* What the message that the body belongs to says of its length. -1: nothing. As it was
 * sent: what plugins made of the header changes nothing at the gateway. */
static int64_t announced(struct call *call, enum message_info type)
{
    struct edit_list sent;

    if (type == MESSAGE_INFO_REQ_BODY && call->phase == CALL_RESPONSE) {
        const struct call_asked *asked = find_var(call, content_length);
        return asked && !asked->error ? parse_length(asked->value) : -1;
    }
    edits_begin(&sent,
                call->phase == CALL_REQUEST ? call->message.as_request->headers.sent
                                            : call->message.as_response->headers.sent,
                true);
    return parse_length(edits_value(&sent, "content-length"));
}

/* No question is needed for a body that is said to be empty. */
static int take_empty(struct call *call, enum message_info type)
{
    struct call_asked *asked = asked_new(call, type, (struct wire_str){NULL, 0});

    if (!asked)
        return -ENOMEM;
    asked->error = 0;
    if (type == MESSAGE_INFO_RESP_BODY)
        asked->value.data = "";
    return 0;
}

/* Outcomes of body_state, besides 0 (it is here) and errors. */
enum { BODY_ASK = 1, BODY_ASK_LENGTH = 2 };

static int body_state(struct call *call, const struct plugin *plugin, enum message_info type)
{
    const struct call_asked *asked = *body_place(call, type);
    int64_t length;

    if (asked)
        return asked->error ? asked->error : call_asked_check_size(call, plugin, asked->value.len);
    if (type == MESSAGE_INFO_REQ_BODY && call->phase == CALL_RESPONSE &&
        !find_var(call, content_length))
        return BODY_ASK_LENGTH;
    length = announced(call, type);
    if (length == 0)
        return take_empty(call, type);
    if (length > 0 && call_asked_check_size(call, plugin, (uint64_t)length))
        return -EMSGSIZE;
    return BODY_ASK;
}

int call_asked_body(struct call *call, enum message_info type, struct wire_str *body)
{
    struct call_asked *asked;
    struct wire_str length;
    int state = body_state(call, call->current, type);

    if (state == BODY_ASK_LENGTH) {
        state = call_asked_var(call, call_str(content_length), &length);
        if (!state)
            state = body_state(call, call->current, type);
    }
    if (state == BODY_ASK) {
        asked = asked_new(call, type, (struct wire_str){NULL, 0});
        state = asked ? ask(call, asked) : -ENOMEM;
        if (!state)
            state = call_asked_check_size(call, call->current, asked->value.len);
    }
    if (state)
        return state;
    *body = (*body_place(call, type))->value;
    return 0;
}

/* ---- variables ---- */

int call_asked_var(struct call *call, a6_str name, struct wire_str *value)
{
    struct wire_str wanted = {name.data, (uint32_t)name.len};
    struct call_asked *asked;
    int failed;

    if (!name.data || name.len < 1 || name.len > PLUGIN_VAR_NAME_MAX ||
        memchr(name.data, '\0', name.len))
        return -EINVAL;
    asked = find_var(call, wanted);
    if (!asked) {
        wanted.data = arena_copy(&call->arena, name.data, name.len);
        asked = wanted.data ? asked_new(call, MESSAGE_INFO_VAR, wanted) : NULL;
        failed = asked ? ask(call, asked) : -ENOMEM;
        if (!failed && call->step < call->chain->count)
            habit_note(&call->chain->steps[call->step].habits, wanted);
    } else {
        failed = asked->error;
        asked->used = true;
    }
    if (!failed)
        *value = asked->value;
    return failed;
}

/* ---- in advance ---- */

static bool question(struct call *call, enum message_info type, struct wire_str name)
{
    call->asking = asked_new(call, type, name);
    if (!call->asking)
        return false; /* the filter learns it when it asks */
    call->question = call->asking->question;
    return true;
}

static bool next_body(struct call *call, const struct chain_step *step, enum message_info type)
{
    switch (body_state(call, step->plugin, type)) {
    case BODY_ASK:
        return question(call, type, (struct wire_str){NULL, 0});
    case BODY_ASK_LENGTH:
        return question(call, MESSAGE_INFO_VAR, content_length);
    default:
        return false;
    }
}

static bool next_habit(struct call *call, struct chain_step *step)
{
    unsigned index = 0;
    struct habit *habit;

    while ((habit = habit_next(&step->habits, &index))) {
        if (find_var(call, habit_name(habit)))
            continue;
        if (!question(call, MESSAGE_INFO_VAR, habit_name(habit)))
            return false;
        call->asking->habit = habit;
        return true;
    }
    return false;
}

void call_asked_judge(struct call *call)
{
    for (struct call_asked *asked = call->asked; asked; asked = asked->next) {
        if (asked->habit)
            habit_judge(asked->habit, asked->used);
        asked->habit = NULL; /* what later steps do with it is not this one's habit */
    }
}

bool call_asked_next(struct call *call, struct chain_step *step)
{
    if (next_habit(call, step))
        return true;
    for (uint32_t i = 0; i < step->need_var_count; i++) {
        if (!find_var(call, step->need_vars[i]))
            return question(call, MESSAGE_INFO_VAR, step->need_vars[i]);
    }
    if ((step->need & A6_NEED_REQUEST_BODY) &&
        !(call->phase == CALL_REQUEST && call->message.as_request->body.data) &&
        next_body(call, step, MESSAGE_INFO_REQ_BODY))
        return true;
    return (step->need & A6_NEED_RESPONSE_BODY) && call->phase == CALL_RESPONSE &&
           !call->message.as_response->body.data && next_body(call, step, MESSAGE_INFO_RESP_BODY);
}
