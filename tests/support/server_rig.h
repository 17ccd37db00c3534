/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker with one loop, and the peers of its connections, in one process; for tests
 * and fuzz targets of src/server.
 *
 * Without threads (as it is opened): the loop is driven by the test's own thread, as far
 * as there is something to do. Calls that the crew's threads would run are run there too.
 * Where the worker would wait, in poll, its peers get their turn first. Time stands still
 * but for server_rig_pass.
 *
 *     server_rig_open(&rig);
 *     server_peer_open(&rig, &peer);
 *     message_write_prepare_conf(&peer.out, key, confs);
 *     assert_int_equal(server_peer_talk(&peer), SERVER_REPLIED);
 *     ...peer.frame...
 *     server_peer_close(&peer);
 *     server_rig_close(&rig);
 *
 * Plugins are those that the program has registered. Whatever cannot fail in a good test
 * aborts, and so does a frame that is not valid.
 */
#ifndef SUPPORT_SERVER_RIG_H
#define SUPPORT_SERVER_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/worker.h"
#include "server/worker_loop.h"
#include "wire/message.h"

#define SERVER_RIG_PEERS 8

struct server_peer;

struct server_rig {
    a6_runner_config config; /* may be changed at any time, with the worker's limits */
    struct heritage heritage;
    struct worker worker;
    struct loop *loop;
    bool threads;
    struct server_peer *peers[SERVER_RIG_PEERS]; /* that are open */
};

/* One at a time in a process. */
void server_rig_open(struct server_rig *rig);
void server_rig_close(struct server_rig *rig);

/* From now on a crew of real threads drives the loop, of which at most so many run calls
 * that block. server_rig_close ends them. */
void server_rig_thread(struct server_rig *rig, unsigned pool);

/* Drives the loop until there is nothing to do. */
void server_rig_pump(struct server_rig *rig);

/* Lets time pass, and drives the loop. */
void server_rig_pass(struct server_rig *rig, uint64_t ms);

/* ---- the gateway's side ---- */

enum server_outcome {
    SERVER_REPLIED, /* peer->frame is a reply to what was asked */
    SERVER_ERROR,   /* it is an Error frame with peer->code */
    SERVER_CLOSED,  /* the runner closed the connection */
    SERVER_SILENT,  /* nothing came */
};

struct server_peer {
    struct server_rig *rig;
    int fd;
    struct wire_out out; /* to be sent: message_write_...; large, does not grow */
    size_t sent;
    bool deaf;   /* reads nothing */
    bool mute;   /* answers no question */
    bool closed; /* the runner has closed */

    /* How it answers questions: */
    struct wire_str var;
    struct wire_str body;
    /* or by this; false: the default. The answer goes to peer->out. */
    bool (*answer)(struct server_peer *peer, const struct message_extra_info *question);
    unsigned questions;

    uint8_t *data; /* what came */
    size_t start;
    size_t looked; /* questions up to here are answered */
    size_t len;
    struct frame frame; /* valid until the loop is driven or the peer reads again */
    uint8_t code;
};

/* Connects; the worker may close it at once. */
void server_peer_open(struct server_rig *rig, struct server_peer *peer);
void server_peer_close(struct server_peer *peer);

/* Writes what is in out as far as the socket takes it. True: all. */
bool server_peer_send(struct server_peer *peer);

/* The next frame other than a question; questions are answered on the way. */
enum server_outcome server_peer_read(struct server_peer *peer);

/* Sends and pumps until a frame other than a question has come, or nothing moves. */
enum server_outcome server_peer_talk(struct server_peer *peer);

/* ---- usual messages ---- */

/* Names and conf texts in turn, ended by NULL. */
void server_write_conf(struct server_peer *peer, const char *key, ...);
void server_write_request(struct server_peer *peer, uint32_t token, const char *path);
void server_write_response(struct server_peer *peer, uint32_t token, uint16_t status);

/* Prepares the conf on a connection of its own. 0: it failed. */
uint32_t server_rig_prepare(struct server_rig *rig, const char *plugin, const char *conf);

#endif
