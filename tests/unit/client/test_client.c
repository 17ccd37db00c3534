/* SPDX-License-Identifier: Apache-2.0 */
/* Calls against a scripted runner at the other end of a socket. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/client.h"
#include "client/heap_out.h"

#define TEXT(literal) ((struct wire_str){.data = "" literal, .len = sizeof(literal) - 1})

/* What the runner does: waits for a frame, sends the next bytes, and so on. */
struct script {
    int fd;
    struct wire_out steps[4];
    unsigned count;
    size_t piece; /* sends so many bytes at a time; 0: all */
    uint8_t types[4];
    unsigned seen;
};

static int listener = -1;
static char address[sizeof(((struct sockaddr_un *)0)->sun_path)];

static void send_pieces(const struct script *script, const struct wire_out *step)
{
    size_t piece = script->piece ? script->piece : step->len;

    for (size_t at = 0; at < step->len; at += piece) {
        size_t len = step->len - at < piece ? step->len - at : piece;

        if (send(script->fd, step->data + at, len, MSG_NOSIGNAL) != (ssize_t)len)
            return;
    }
}

static void *play(void *data)
{
    struct script *script = data;
    struct stream stream;
    struct frame frame;

    script->fd = accept(listener, NULL, NULL);
    stream_init(&stream);
    while (script->seen < 4) {
        while (stream_next(&stream, &frame) != 0)
            if (stream_receive(&stream, script->fd, NULL) != 0)
                goto out;
        script->types[script->seen] = frame.type;
        if (script->seen >= script->count)
            break; /* the script is over: hang up */
        send_pieces(script, &script->steps[script->seen++]);
    }
out:
    stream_free(&stream);
    close(script->fd);
    return NULL;
}

static struct wire_out *next_step(struct script *script)
{
    struct wire_out *out = &script->steps[script->count++];

    heap_out_init(out);
    return out;
}

static void end_script(struct script *script, pthread_t thread)
{
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < script->count; i++)
        heap_out_free(&script->steps[i]);
}

static int setup(void **state)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};

    (void)state;
    snprintf(where.sun_path, sizeof(where.sun_path), "/tmp/a6-test-client-%d", (int)getpid());
    snprintf(address, sizeof(address), "%s", where.sun_path);
    unlink(where.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&where, sizeof(where)) < 0)
        return -1;
    return listen(listener, 1);
}

static int teardown(void **state)
{
    (void)state;
    close(listener);
    return unlink(address);
}

static void prepares_a_conf(void **state)
{
    struct script script = {0};
    struct client client;
    pthread_t thread;
    uint32_t token = 0;

    (void)state;
    assert_int_equal(message_write_prepare_conf_reply(next_step(&script), 77), 0);
    pthread_create(&thread, NULL, play, &script);
    assert_int_equal(client_connect(&client, address, 5000, NULL), 0);
    assert_int_equal(client_prepare_conf(&client, TEXT("k"), (struct wire_pairs){0}, &token), 0);
    assert_int_equal(token, 77);
    client_close(&client);
    end_script(&script, thread);
    assert_int_equal(script.types[0], FRAME_PREPARE_CONF);
}

/* A question for a variable and one for a body, then the reply, a byte at a time. */
static void answers_what_is_asked(void **state)
{
    struct script script = {.piece = 1};
    struct message_http_req_reply reply = {.id = 5, .action = MESSAGE_ACTION_STOP, .status = 201};
    struct message_http_req_reply_view view;
    struct answers answers;
    struct client client;
    pthread_t thread;

    (void)state;
    assert_int_equal(answers_init(&answers), 0);
    assert_int_equal(message_write_extra_info(next_step(&script), MESSAGE_INFO_VAR, TEXT("uri")),
                     0);
    assert_int_equal(message_write_extra_info(next_step(&script), MESSAGE_INFO_REQ_BODY, TEXT("")),
                     0);
    assert_int_equal(message_write_http_req_reply(next_step(&script), &reply), 0);
    pthread_create(&thread, NULL, play, &script);
    assert_int_equal(client_connect(&client, address, 5000, &answers), 0);
    assert_int_equal(
        client_http_req_call(&client, &(struct message_http_req_call_write){.id = 5}, &view), 0);
    assert_int_equal(view.status, 201);
    assert_int_equal(client.asked, 2);
    client_close(&client);
    end_script(&script, thread);
    assert_int_equal(script.types[0], FRAME_HTTP_REQ_CALL);
    assert_int_equal(script.types[1], FRAME_EXTRA_INFO);
    assert_int_equal(script.types[2], FRAME_EXTRA_INFO);
    answers_free(&answers);
}

static void tells_an_error_frame(void **state)
{
    struct script script = {0};
    struct message_http_resp_reply_view view;
    struct client client;
    pthread_t thread;

    (void)state;
    assert_int_equal(message_write_error(next_step(&script), MESSAGE_CONF_TOKEN_NOT_FOUND), 0);
    pthread_create(&thread, NULL, play, &script);
    assert_int_equal(client_connect(&client, address, 5000, NULL), 0);
    assert_int_equal(
        client_http_resp_call(&client, &(struct message_http_resp_call_write){0}, &view),
        CLIENT_ERROR_FRAME);
    assert_int_equal(client.error_code, MESSAGE_CONF_TOKEN_NOT_FOUND);
    assert_non_null(strstr(client.error, "CONF_TOKEN_NOT_FOUND"));
    client_close(&client);
    end_script(&script, thread);
}

/* bytes: what the runner sends. Gives what the call gave. */
static int call_with(const void *bytes, size_t len, char error[CLIENT_ERROR_SIZE])
{
    struct script script = {0};
    struct message_http_req_reply_view view;
    struct client client;
    pthread_t thread;
    int status;

    if (len) {
        struct wire_out *out = next_step(&script);

        assert_int_equal(wire_out_reserve(out, len), 0);
        memcpy(out->data, bytes, len);
        out->len = len;
    }
    pthread_create(&thread, NULL, play, &script);
    assert_int_equal(client_connect(&client, address, 5000, NULL), 0);
    status = client_http_req_call(&client, &(struct message_http_req_call_write){0}, &view);
    memcpy(error, client.error, CLIENT_ERROR_SIZE);
    client_close(&client);
    end_script(&script, thread);
    return status;
}

static void survives_bad_runners(void **state)
{
    char error[CLIENT_ERROR_SIZE];

    (void)state;
    assert_int_equal(call_with("", 0, error), -ECONNRESET);
    assert_non_null(strstr(error, "closed"));
    assert_int_equal(call_with("\2\0\0\0", 4, error), -EBADMSG); /* an empty reply */
    assert_int_equal(call_with("\2\0\0\4\377\377\377\377", 8, error), -EBADMSG);
    assert_int_equal(call_with("\1\0\0\0", 4, error), -EBADMSG); /* another type */
    assert_non_null(strstr(error, "type 1"));
    assert_int_equal(call_with("\0\0\0\0", 4, error), -EBADMSG); /* an empty Error frame */
    assert_int_equal(call_with("\3\0\0\0", 4, error), -EBADMSG); /* an empty question */
}

static void gives_up_in_time(void **state)
{
    struct client client;
    uint32_t token;

    (void)state; /* nobody accepts, and so nobody answers */
    assert_int_equal(client_connect(&client, address, 30, NULL), 0);
    assert_int_equal(client_prepare_conf(&client, TEXT(""), (struct wire_pairs){0}, &token),
                     -ETIMEDOUT);
    assert_non_null(strstr(client.error, "30 ms"));
    client_close(&client);
    close(accept(listener, NULL, NULL));
}

static void says_why_it_cannot_connect(void **state)
{
    char path[200] = "unix:/";
    struct client client;

    (void)state;
    assert_int_equal(client_connect(&client, "unix:/tmp/a6-test-nobody", 100, NULL), -ENOENT);
    assert_non_null(strstr(client.error, "is a runner running?"));
    client_close(&client);
    assert_int_equal(client_connect(&client, "unix:", 100, NULL), -EINVAL);
    client_close(&client);
    memset(path + 6, 'x', sizeof(path) - 7);
    assert_int_equal(client_connect(&client, path, 100, NULL), -ENAMETOOLONG);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares_a_conf),      cmocka_unit_test(answers_what_is_asked),
        cmocka_unit_test(tells_an_error_frame), cmocka_unit_test(survives_bad_runners),
        cmocka_unit_test(gives_up_in_time),     cmocka_unit_test(says_why_it_cannot_connect),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
