/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PrepareConf. It belongs to no request: whoever asked first may go away while
 * others still wait for the token.
 */

#include "ngx_http_ext_plugin.h"


typedef struct {
    ngx_http_ext_plugin_talk_t   talk;
    ngx_http_ext_plugin_conf_t  *conf;
    ngx_uint_t                   lost;
} ngx_http_ext_plugin_prepare_t;


static ngx_int_t ngx_http_ext_plugin_prepare_send(
    ngx_http_ext_plugin_prepare_t *prepare);
static ngx_int_t ngx_http_ext_plugin_prepare_again(
    ngx_http_ext_plugin_prepare_t *prepare);
static void ngx_http_ext_plugin_prepare_opened(
    ngx_http_ext_plugin_talk_t *talk, ngx_int_t rc);
static ngx_int_t ngx_http_ext_plugin_prepare_received(
    ngx_http_ext_plugin_talk_t *talk, ngx_int_t rc);
static void ngx_http_ext_plugin_prepare_free(
    ngx_http_ext_plugin_prepare_t *prepare);
static void ngx_http_ext_plugin_prepare_done(
    ngx_http_ext_plugin_prepare_t *prepare, ngx_int_t rc);


ngx_int_t
ngx_http_ext_plugin_prepare(ngx_http_ext_plugin_conf_t *conf,
    size_t buffer_size, char **error, ngx_err_t *err)
{
    ngx_int_t                       rc;
    ngx_pool_t                     *pool;
    ngx_http_ext_plugin_prepare_t  *prepare;

    *error = "no memory";
    *err = 0;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        ngx_http_ext_plugin_conf_unlock(conf);
        return NGX_ERROR;
    }

    prepare = ngx_pcalloc(pool, sizeof(ngx_http_ext_plugin_prepare_t));
    if (prepare == NULL) {
        ngx_destroy_pool(pool);
        ngx_http_ext_plugin_conf_unlock(conf);
        return NGX_ERROR;
    }

    prepare->conf = conf;
    prepare->talk.runner = conf->runner;
    prepare->talk.pool = pool;
    prepare->talk.log = ngx_cycle->log;
    prepare->talk.buffer_size = buffer_size;
    prepare->talk.deadline = ngx_current_msec + conf->runner->call_timeout;
    prepare->talk.opened = ngx_http_ext_plugin_prepare_opened;
    prepare->talk.received = ngx_http_ext_plugin_prepare_received;

    conf->prepare = prepare;

    rc = ngx_http_ext_plugin_prepare_again(prepare);

    if (rc != NGX_AGAIN) {
        *error = prepare->talk.error;
        *err = prepare->talk.err;
        ngx_http_ext_plugin_prepare_free(prepare);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* Opens and sends until it is under way or there is no hope. */

static ngx_int_t
ngx_http_ext_plugin_prepare_again(ngx_http_ext_plugin_prepare_t *prepare)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_ext_plugin_talk_open(&prepare->talk);

        if (rc == NGX_OK) {
            rc = ngx_http_ext_plugin_prepare_send(prepare);
        }

        if (rc == NGX_ERROR
            && prepare->talk.lost
            && ++prepare->lost < NGX_HTTP_EXT_PLUGIN_TRIES)
        {
            ngx_http_ext_plugin_close_idle(prepare->talk.runner);
            continue;
        }

        return rc;
    }
}


static ngx_int_t
ngx_http_ext_plugin_prepare_send(ngx_http_ext_plugin_prepare_t *prepare)
{
    int                           rc;
    struct wire_str               key;
    struct wire_pairs             plugins;
    ngx_http_ext_plugin_chain_t  *chain;

    chain = prepare->conf->chain;

    key.data = (char *) chain->key.data;
    key.len = (uint32_t) chain->key.len;

    plugins.first = chain->plugins.elts;
    plugins.count = (uint32_t) chain->plugins.nelts;

    rc = message_write_prepare_conf(&prepare->talk.out, key, plugins);

    if (rc != 0) {
        ngx_http_ext_plugin_talk_close(&prepare->talk);
        prepare->talk.error = (rc == -EMSGSIZE) ? "the conf is too large"
                                                : "no memory";
        return NGX_ERROR;
    }

    return ngx_http_ext_plugin_talk_send(&prepare->talk);
}


static void
ngx_http_ext_plugin_prepare_opened(ngx_http_ext_plugin_talk_t *talk,
    ngx_int_t rc)
{
    ngx_http_ext_plugin_prepare_t  *prepare;

    prepare = (ngx_http_ext_plugin_prepare_t *) talk;

    if (rc == NGX_OK) {
        rc = ngx_http_ext_plugin_prepare_send(prepare);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_ext_plugin_prepare_done(prepare, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_ext_plugin_prepare_received(ngx_http_ext_plugin_talk_t *talk,
    ngx_int_t rc)
{
    uint8_t                         code;
    uint32_t                        token;
    struct frame                   *frame;
    ngx_http_ext_plugin_prepare_t  *prepare;

    prepare = (ngx_http_ext_plugin_prepare_t *) talk;
    frame = &talk->frame;

    if (rc != NGX_OK) {
        if (talk->lost && ++prepare->lost < NGX_HTTP_EXT_PLUGIN_TRIES) {
            ngx_http_ext_plugin_close_idle(talk->runner);

            if (ngx_http_ext_plugin_prepare_again(prepare) == NGX_AGAIN) {
                return NGX_DONE;
            }
        }

        ngx_http_ext_plugin_prepare_done(prepare, NGX_ERROR);
        return NGX_DONE;
    }

    if (frame->type == FRAME_PREPARE_CONF
        && message_read_prepare_conf_reply(frame->payload, frame->size, &token)
           == 0)
    {
        ngx_http_ext_plugin_conf_store(prepare->conf, token,
                                       talk->peer->identity);
        ngx_http_ext_plugin_talk_keep(talk);
        ngx_http_ext_plugin_prepare_done(prepare, NGX_OK);
        return NGX_DONE;
    }

    if (frame->type == FRAME_ERROR
        && message_read_error(frame->payload, frame->size, &code) == 0)
    {
        talk->error = "refused the conf";

    } else {
        talk->error = "answered PrepareConf with garbage";
    }

    talk->err = 0;

    ngx_http_ext_plugin_talk_close(talk);
    ngx_http_ext_plugin_prepare_done(prepare, NGX_ERROR);

    return NGX_DONE;
}


static void
ngx_http_ext_plugin_prepare_free(ngx_http_ext_plugin_prepare_t *prepare)
{
    prepare->conf->prepare = NULL;
    ngx_http_ext_plugin_conf_unlock(prepare->conf);
    ngx_destroy_pool(prepare->talk.pool);
}


static void
ngx_http_ext_plugin_prepare_done(ngx_http_ext_plugin_prepare_t *prepare,
    ngx_int_t rc)
{
    char                        *error;
    ngx_err_t                    err;
    ngx_http_ext_plugin_conf_t  *conf;

    conf = prepare->conf;
    error = prepare->talk.error;
    err = prepare->talk.err;

    ngx_http_ext_plugin_prepare_free(prepare);
    ngx_http_ext_plugin_conf_wake(conf, rc, error, err);
}
