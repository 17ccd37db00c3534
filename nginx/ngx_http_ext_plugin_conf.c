/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conf tokens. A worker keeps its own; behind that is a table in shared
 * memory, so that one worker's PrepareConf serves all, and only one at a time
 * prepares a conf. A token is good only at the runner that gave it (its
 * identity).
 */

#include "ngx_http_ext_plugin.h"


#define NGX_HTTP_EXT_PLUGIN_POLL    5


static ngx_int_t ngx_http_ext_plugin_shared(ngx_http_ext_plugin_conf_t *conf,
    ngx_uint_t waited);
static void ngx_http_ext_plugin_poll_handler(ngx_event_t *ev);


/*
 * NGX_OK: got a token. NGX_BUSY: another worker prepares one. NGX_ABORT: so it
 * did, in vain. NGX_DECLINED: this worker is to prepare one, and must call
 * _conf_unlock() in the end.
 */

static ngx_int_t
ngx_http_ext_plugin_shared(ngx_http_ext_plugin_conf_t *conf, ngx_uint_t waited)
{
    ngx_int_t                    rc;
    ngx_http_ext_plugin_slot_t  *slot;

    rc = NGX_DECLINED;

    ngx_http_ext_plugin_zone_lock();

    slot = ngx_http_ext_plugin_slot(conf->digest, 1);

    if (slot) {
        if (slot->expires > ngx_time()) {
            conf->token = slot->token;
            conf->identity = slot->identity;
            conf->expires = slot->expires;
            rc = NGX_OK;

        } else if (slot->locker != ngx_pid
                   && ngx_http_ext_plugin_worker_alive(slot->locker))
        {
            rc = NGX_BUSY;

            if (!waited) {
                conf->failures = slot->failures;
            }

        } else if (waited && slot->failures != conf->failures) {
            rc = NGX_ABORT;

        } else {
            slot->locker = ngx_pid;
        }
    }

    ngx_http_ext_plugin_zone_unlock();

    return rc;
}


void
ngx_http_ext_plugin_conf_unlock(ngx_http_ext_plugin_conf_t *conf)
{
    ngx_http_ext_plugin_slot_t  *slot;

    ngx_http_ext_plugin_zone_lock();

    slot = ngx_http_ext_plugin_slot(conf->digest, 0);

    if (slot && slot->locker == ngx_pid) {
        slot->locker = 0;

        if (slot->expires <= ngx_time()) {
            slot->failures++;
        }
    }

    ngx_http_ext_plugin_zone_unlock();
}


void
ngx_http_ext_plugin_conf_store(ngx_http_ext_plugin_conf_t *conf,
    uint32_t token, uint64_t identity)
{
    ngx_http_ext_plugin_slot_t  *slot;

    conf->token = token;
    conf->identity = identity;
    conf->expires = ngx_time() + conf->runner->conf_expire;

    ngx_http_ext_plugin_zone_lock();

    slot = ngx_http_ext_plugin_slot(conf->digest, 1);

    if (slot) {
        slot->token = conf->token;
        slot->identity = conf->identity;
        slot->expires = conf->expires;
    }

    ngx_http_ext_plugin_zone_unlock();
}


void
ngx_http_ext_plugin_conf_forget(ngx_http_ext_plugin_conf_t *conf,
    uint32_t token, uint64_t identity)
{
    ngx_http_ext_plugin_slot_t  *slot;

    if (conf->token == token && conf->identity == identity) {
        conf->expires = 0;
    }

    ngx_http_ext_plugin_zone_lock();

    slot = ngx_http_ext_plugin_slot(conf->digest, 0);

    if (slot && slot->token == token && slot->identity == identity) {
        slot->expires = 0;
    }

    ngx_http_ext_plugin_zone_unlock();
}


ngx_int_t
ngx_http_ext_plugin_conf_token(ngx_http_ext_plugin_conf_t *conf,
    ngx_http_ext_plugin_call_t *call)
{
    ngx_int_t  rc;

    if (conf->expires > ngx_time()) {
        return NGX_OK;
    }

    if (conf->prepare == NULL && !conf->poll.timer_set) {

        rc = ngx_http_ext_plugin_shared(conf, 0);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        if (rc == NGX_BUSY) {
            conf->poll.handler = ngx_http_ext_plugin_poll_handler;
            conf->poll.data = conf;
            conf->poll.log = ngx_cycle->log;

            ngx_add_timer(&conf->poll, NGX_HTTP_EXT_PLUGIN_POLL);

        } else if (ngx_http_ext_plugin_prepare(conf, call->talk.buffer_size,
                                               &call->talk.error,
                                               &call->talk.err)
                   != NGX_AGAIN)
        {
            return NGX_ERROR;
        }
    }

    ngx_queue_insert_tail(&conf->waiting, &call->queue);
    call->waiting = 1;

    return NGX_AGAIN;
}


static void
ngx_http_ext_plugin_poll_handler(ngx_event_t *ev)
{
    char                        *error;
    ngx_err_t                    err;
    ngx_int_t                    rc;
    ngx_queue_t                 *q;
    ngx_http_ext_plugin_call_t  *call;
    ngx_http_ext_plugin_conf_t  *conf;

    conf = ev->data;

    if (ngx_queue_empty(&conf->waiting)) {
        return;
    }

    rc = ngx_http_ext_plugin_shared(conf, 1);

    if (rc == NGX_OK) {
        ngx_http_ext_plugin_conf_wake(conf, NGX_OK, NULL, 0);
        return;
    }

    if (rc == NGX_ABORT) {
        /* or every worker in turn would make its clients wait for as long */
        ngx_http_ext_plugin_conf_wake(conf, NGX_ERROR,
                                 "did not take the conf from another worker",
                                      0);
        return;
    }

    if (rc == NGX_BUSY) {
        ngx_add_timer(ev, NGX_HTTP_EXT_PLUGIN_POLL);
        return;
    }

    q = ngx_queue_head(&conf->waiting);
    call = ngx_queue_data(q, ngx_http_ext_plugin_call_t, queue);

    if (ngx_http_ext_plugin_prepare(conf, call->talk.buffer_size, &error, &err)
        != NGX_AGAIN)
    {
        ngx_http_ext_plugin_conf_wake(conf, NGX_ERROR, error, err);
    }
}


void
ngx_http_ext_plugin_conf_wake(ngx_http_ext_plugin_conf_t *conf, ngx_int_t rc,
    char *error, ngx_err_t err)
{
    ngx_queue_t                 *q, calls;
    ngx_http_ext_plugin_call_t  *call;

    /* those who come while these go on wait for the next token */

    ngx_queue_init(&calls);

    if (!ngx_queue_empty(&conf->waiting)) {
        ngx_queue_add(&calls, &conf->waiting);
        ngx_queue_init(&conf->waiting);
    }

    while (!ngx_queue_empty(&calls)) {
        q = ngx_queue_head(&calls);
        call = ngx_queue_data(q, ngx_http_ext_plugin_call_t, queue);

        ngx_queue_remove(q);
        call->waiting = 0;

        call->talk.error = error;
        call->talk.err = err;

        ngx_http_ext_plugin_call_token(call, rc);
    }
}
