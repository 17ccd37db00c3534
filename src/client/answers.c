/* SPDX-License-Identifier: Apache-2.0 */
#include "client/answers.h"

#include <stdlib.h>
#include <string.h>

#include "client/heap_out.h"

struct answers_variable {
    char *name;
    uint32_t name_len;
    struct answers_frame frame;
};

static int make_frame(struct answers_frame *frame, struct wire_str result)
{
    struct wire_out out;
    int status;

    heap_out_init(&out);
    status = message_write_extra_info_reply(&out, result);
    if (status < 0) {
        heap_out_free(&out);
        return status;
    }
    free(frame->data);
    frame->data = out.data;
    frame->len = out.len;
    return 0;
}

int answers_init(struct answers *answers)
{
    *answers = (struct answers){0};
    return make_frame(&answers->nothing, (struct wire_str){0});
}

void answers_free(struct answers *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        free(answers->variables[i].name);
        free(answers->variables[i].frame.data);
    }
    free(answers->variables);
    free(answers->nothing.data);
    free(answers->request_body.data);
    free(answers->response_body.data);
    *answers = (struct answers){0};
}

static const struct answers_variable *find_variable(const struct answers *answers,
                                                    struct wire_str name)
{
    for (size_t i = 0; i < answers->count; i++) {
        const struct answers_variable *variable = &answers->variables[i];

        if (variable->name_len == name.len &&
            (name.len == 0 || memcmp(variable->name, name.data, name.len) == 0))
            return variable;
    }
    return NULL;
}

int answers_add_variable(struct answers *answers, struct wire_str name, struct wire_str value)
{
    struct answers_variable *grown, *variable;
    int status;

    if (find_variable(answers, name))
        return 0;
    grown = realloc(answers->variables, (answers->count + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    answers->variables = grown;
    variable = &grown[answers->count];
    *variable = (struct answers_variable){.name = malloc(name.len + 1u), .name_len = name.len};
    if (!variable->name)
        return -ENOMEM;
    if (name.len)
        memcpy(variable->name, name.data, name.len);
    variable->name[name.len] = '\0';
    status = make_frame(&variable->frame, value);
    if (status < 0) {
        free(variable->name);
        return status;
    }
    answers->count++;
    return 0;
}

int answers_set_request_body(struct answers *answers, struct wire_str body)
{
    return make_frame(&answers->request_body, body.len ? body : (struct wire_str){0});
}

int answers_set_response_body(struct answers *answers, struct wire_str body)
{
    return make_frame(&answers->response_body, body);
}

static struct answers_frame or_nothing(const struct answers *answers, struct answers_frame frame)
{
    return frame.data ? frame : answers->nothing;
}

struct answers_frame answers_find(const struct answers *answers, struct answers_turn *turn,
                                  const struct message_extra_info *question)
{
    const struct answers_variable *variable;

    turn->asked++;
    switch (question->type) {
    case MESSAGE_INFO_VAR:
        variable = find_variable(answers, question->name);
        return variable ? variable->frame : answers->nothing;
    case MESSAGE_INFO_REQ_BODY:
        return or_nothing(answers, answers->request_body);
    case MESSAGE_INFO_RESP_BODY:
        if (!turn->response_phase || turn->response_body_given)
            return answers->nothing;
        turn->response_body_given = true;
        return or_nothing(answers, answers->response_body);
    }
    return answers->nothing;
}
