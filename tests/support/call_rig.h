/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs plugins on calls without a runner: makes frames, plays the gateway that answers
 * questions, decodes the reply, and keeps what was logged. For tests of src/plugin.
 *
 *     struct rig rig;
 *     rig_open(&rig);
 *     rig_plugin(&rig, "one", filter, NULL);
 *     rig_chain(&rig, "one", "conf text", NULL);
 *     rig_request(&rig, &(struct rig_message){.path = "/"});
 *     assert_int_equal(rig_run(&rig), CALL_DONE);
 *     rig_reply_request(&rig, &view);
 *     rig_close(&rig);
 *
 * What cannot fail in a good test asserts by itself.
 */
#ifndef SUPPORT_CALL_RIG_H
#define SUPPORT_CALL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/call.h"
#include "plugin/loader.h"

#define RIG_MAX 16

struct rig_message {
    uint32_t id;
    uint8_t method;
    uint16_t status;
    const char *source; /* 4 or 16 bytes */
    size_t source_len;
    const char *path;
    struct wire_pairs args;
    struct wire_pairs headers;
};

struct rig_answer {
    const char *name; /* a variable; NULL: end of the list */
    const char *value;
};

struct rig {
    struct call call;
    struct call_limits limits;
    struct registry registry;
    struct cells *cells;
    struct chain *chain;
    bool skip_unknown;
    a6_plugin plugins[RIG_MAX];
    unsigned plugin_count;

    /* the gateway */
    struct rig_answer vars[RIG_MAX];
    struct wire_str request_body;
    struct wire_str response_body;
    bool gone;    /* it answers nothing any more */
    bool garbage; /* it answers nonsense */
    bool stays;   /* answers stay in place */
    char asked[RIG_MAX][64];
    unsigned ask_count;   /* all questions */
    unsigned inside;      /* those from within a filter */
    unsigned blocking;    /* times that call_run wanted a thread that may block */
    unsigned enter_count; /* and leave */
    unsigned leave_count;
    _Atomic unsigned resumed;
    uint8_t *answers[RIG_MAX * 2]; /* frames that stay */
    unsigned answer_count;

    uint8_t *frame;
    uint32_t frame_size; /* of the payload */
    struct wire_out out;
    struct frame reply;

    char log[65536];
    size_t log_len;
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* Adds a plugin; what it gives may be changed until rig_chain. */
a6_plugin *rig_plugin(struct rig *rig, const char *name,
                      a6_result (*request_filter)(a6_request *req, void *conf),
                      a6_result (*response_filter)(a6_response *res, void *conf));

/* Names and conf texts in turn, ended by NULL. The plugins are registered first. */
void rig_chain(struct rig *rig, ...);

/* Makes a frame, and begins and starts the call with it. */
void rig_request(struct rig *rig, const struct rig_message *message);
void rig_response(struct rig *rig, const struct rig_message *message);

/* Runs the call, answering questions, until it is done or waits. */
enum call_next rig_run(struct rig *rig);

/* Writes the reply and reads it as the gateway does. The call has ended then. */
void rig_reply_request(struct rig *rig, struct message_http_req_reply_view *view);
void rig_reply_response(struct rig *rig, struct message_http_resp_reply_view *view);
/* The reply is an Error frame with SERVICE_UNAVAILABLE. */
void rig_reply_error(struct rig *rig);
/* Only writes; the frame is in rig->reply. Gives what call_write_reply gave. */
int rig_reply(struct rig *rig);

/* A pair of terminated strings; NULL is absent. */
struct wire_pair rig_pair(const char *name, const char *value);
#define RIG_PAIRS(...)                                                                             \
    ((struct wire_pairs){(struct wire_pair[]){__VA_ARGS__},                                        \
                         sizeof((struct wire_pair[]){__VA_ARGS__}) / sizeof(struct wire_pair)})

/* Whether entry `index` is this; value NULL: it has none. */
void rig_assert_pair(struct wire_vector vector, uint32_t index, const char *name,
                     const char *value);
void rig_assert_str(struct wire_str str, const char *text);
void rig_assert_a6_str(a6_str str, const char *text);

/* How many log lines have the text in them. */
unsigned rig_logged(const struct rig *rig, const char *text);

#endif
