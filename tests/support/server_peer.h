/* SPDX-License-Identifier: Apache-2.0 */
/* What server_rig.c and server_peer.c have of each other; tests include server_rig.h. */
#ifndef SUPPORT_SERVER_PEER_H
#define SUPPORT_SERVER_PEER_H

#include <stdbool.h>

struct server_peer;

/* Reads what came, answers the questions in it, sends what is to be sent. */
void server_peer_turn(struct server_peer *peer);

/* Aborts when it does not hold. */
void server_rig_require(bool holds, const char *what);

#endif
