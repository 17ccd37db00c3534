/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "stop_payload.h"
#include "wire/message.h"

#define assert_text(str, text)                                                                     \
    do {                                                                                           \
        assert_non_null((str).data);                                                               \
        assert_int_equal((str).len, strlen(text));                                                 \
        assert_memory_equal((str).data, text, strlen(text));                                       \
    } while (0)

/* A table that has no fields: its vtable says nothing but its own size. */
static const uint32_t empty_message[] = {8, HALVES(4, 4), 4};

static void reads_what_is_there(void **state)
{
    struct message_http_req_reply_view reply;
    uint8_t payload[STOP_SIZE];

    (void)state;
    stop_put(payload);
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    assert_int_equal(reply.id, 7);
    assert_int_equal(reply.action, MESSAGE_ACTION_STOP);
    assert_int_equal(reply.status, 403);
    assert_int_equal(reply.headers.count, 1);
    assert_text(message_pair_at(reply.headers, 0).name, "xname");
    assert_text(message_pair_at(reply.headers, 0).value, "ok");
    assert_text(message_name_at(reply.headers, 0), "xname");
    assert_text(reply.body, "body");
    assert_null(reply.path.data);
    assert_null(reply.args.first);
    assert_null(reply.resp_headers.first);
}

static void reads_absent_fields_as_defaults(void **state)
{
    const uint8_t *payload = (const uint8_t *)empty_message;
    const uint32_t size = sizeof(empty_message);
    struct message_http_req_call req;
    struct message_http_resp_call resp;
    struct message_prepare_conf conf;
    struct message_extra_info_reply info;
    struct message_http_resp_reply_view resp_reply;
    uint8_t code = 9;
    uint32_t token = 9;

    (void)state;
    memset(&req, 0xff, sizeof(req));
    assert_int_equal(message_read_http_req_call(payload, size, &req), 0);
    assert_int_equal(req.id, 0);
    assert_int_equal(req.conf_token, 0);
    assert_int_equal(req.method, 0);
    assert_null(req.path.data);
    assert_null(req.source.data);
    assert_null(req.args.first);
    assert_int_equal(req.args.count, 0);
    assert_null(req.headers.first);
    memset(&resp, 0xff, sizeof(resp));
    assert_int_equal(message_read_http_resp_call(payload, size, &resp), 0);
    assert_int_equal(resp.status, 0);
    assert_null(resp.headers.first);
    memset(&conf, 0xff, sizeof(conf));
    assert_int_equal(message_read_prepare_conf(payload, size, &conf), 0);
    assert_null(conf.key.data);
    assert_null(conf.conf.first);
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(message_read_extra_info_reply(payload, size, &info), 0);
    assert_null(info.result.data);
    memset(&resp_reply, 0xff, sizeof(resp_reply));
    assert_int_equal(message_read_http_resp_reply(payload, size, &resp_reply), 0);
    assert_int_equal(resp_reply.status, 0);
    assert_null(resp_reply.body.data);
    assert_int_equal(message_read_error(payload, size, &code), 0);
    assert_int_equal(code, MESSAGE_BAD_REQUEST);
    assert_int_equal(message_read_prepare_conf_reply(payload, size, &token), 0);
    assert_int_equal(token, 0);
}

static void tells_empty_from_absent(void **state)
{
    struct message_http_req_reply_view reply;
    uint8_t payload[STOP_SIZE];
    struct wire_pair pair;

    (void)state;
    stop_put(payload);
    stop_patch(payload, 116, 4, 0); /* an empty body */
    stop_patch(payload, 64, 4, 0);  /* no headers, yet a vector */
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    assert_text(reply.body, "");
    assert_non_null(reply.headers.first);
    assert_int_equal(reply.headers.count, 0);

    stop_put(payload);
    stop_patch(payload, 76, 4, 0); /* neither name nor value */
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    pair = message_pair_at(reply.headers, 0);
    assert_text(pair.name, "");
    assert_null(pair.value.data);
    assert_text(message_name_at(reply.headers, 0), "");
}

/* APISIX leaves anything behind an empty string; a C string needs its zero. */
static void gives_an_empty_string_its_zero(void **state)
{
    struct message_http_req_reply_view reply;
    uint8_t payload[STOP_SIZE];

    (void)state;
    stop_put(payload);
    stop_patch(payload, 104, 4, 0);
    stop_patch(payload, 108, 4, 0xffffffff);
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    assert_string_equal(message_pair_at(reply.headers, 0).value.data, "");
}

static void ignores_later_fields(void **state)
{
    /* A PrepareConf reply: the token, and five fields that we do not know. */
    const uint32_t words[] = {
        24,
        HALVES(16, 20),
        HALVES(4, 8),
        HALVES(0xffff, 3),
        HALVES(1, 16),
        HALVES(12, 12),
        20,
        77,
        0,
        0xffffffff,
        0,
    };
    uint32_t token;

    (void)state;
    assert_int_equal(message_read_prepare_conf_reply((const uint8_t *)words, sizeof(words), &token),
                     0);
    assert_int_equal(token, 77);
}

static void gives_an_unknown_action_as_it_is(void **state)
{
    struct message_http_req_reply_view reply;
    uint8_t payload[STOP_SIZE];

    (void)state;
    stop_put(payload);
    stop_patch(payload, 32, 1, 200);
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    assert_int_equal(reply.id, 7);
    assert_int_equal(reply.action, 200);
    assert_int_equal(reply.status, 0);
    assert_null(reply.headers.first);
    assert_null(reply.body.data);

    stop_patch(payload, 32, 1, MESSAGE_ACTION_NONE);
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), 0);
    assert_int_equal(reply.action, MESSAGE_ACTION_NONE);
    assert_null(reply.body.data);
}

static void refuses_an_action_without_content(void **state)
{
    struct message_http_req_reply_view reply = {.id = 1234};
    struct message_extra_info question;
    uint8_t payload[STOP_SIZE];
    /* type 1 (Var), or another; no value */
    uint32_t words[] = {12, HALVES(6, 8), HALVES(4, 0), 8, MESSAGE_INFO_VAR};

    (void)state;
    stop_put(payload);
    stop_patch(payload, 12, 2, 0);
    assert_int_equal(message_read_http_req_reply(payload, STOP_SIZE, &reply), -EBADMSG);
    assert_int_equal(reply.id, 1234);

    assert_int_equal(message_read_extra_info((uint8_t *)words, sizeof(words), &question), -EBADMSG);
    words[4] = MESSAGE_INFO_REQ_BODY;
    assert_int_equal(message_read_extra_info((uint8_t *)words, sizeof(words), &question), 0);
    assert_int_equal(question.type, MESSAGE_INFO_REQ_BODY);
    assert_null(question.name.data);
    words[4] = 99;
    assert_int_equal(message_read_extra_info((uint8_t *)words, sizeof(words), &question), 0);
    assert_int_equal(question.type, 99);
}

static void refuses_garbage(void **state)
{
    const uint8_t garbage[16] = {255, 255, 255, 255, 255, 255, 255, 255};
    struct message_http_req_call req = {.id = 1234};
    struct message_prepare_conf conf;
    struct message_http_resp_call resp;
    struct message_extra_info_reply info;
    struct message_extra_info question;
    struct message_http_req_reply_view req_reply;
    struct message_http_resp_reply_view resp_reply;
    uint8_t code;
    uint32_t token;

    (void)state;
    for (uint32_t size = 0; size <= sizeof(garbage); size += 4) {
        assert_int_equal(message_read_http_req_call(garbage, size, &req), -EBADMSG);
        assert_int_equal(req.id, 1234);
        assert_int_equal(message_read_prepare_conf(garbage, size, &conf), -EBADMSG);
        assert_int_equal(message_read_http_resp_call(garbage, size, &resp), -EBADMSG);
        assert_int_equal(message_read_extra_info_reply(garbage, size, &info), -EBADMSG);
        assert_int_equal(message_read_extra_info(garbage, size, &question), -EBADMSG);
        assert_int_equal(message_read_http_req_reply(garbage, size, &req_reply), -EBADMSG);
        assert_int_equal(message_read_http_resp_reply(garbage, size, &resp_reply), -EBADMSG);
        assert_int_equal(message_read_error(garbage, size, &code), -EBADMSG);
        assert_int_equal(message_read_prepare_conf_reply(garbage, size, &token), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(reads_absent_fields_as_defaults),
        cmocka_unit_test(tells_empty_from_absent),
        cmocka_unit_test(gives_an_empty_string_its_zero),
        cmocka_unit_test(ignores_later_fields),
        cmocka_unit_test(gives_an_unknown_action_as_it_is),
        cmocka_unit_test(refuses_an_action_without_content),
        cmocka_unit_test(refuses_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
