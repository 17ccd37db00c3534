/* SPDX-License-Identifier: Apache-2.0 */
/* Where connections go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/worker_accept.h"
#include "server/worker_conn.h"
#include "support/server_rig.h"

#define BURST 9

static void a_burst_is_spread_over_loops_that_have_not_looked_yet(void **state)
{
    struct server_rig rig;
    struct loop *other;
    int peers[BURST];

    (void)state;
    server_rig_open(&rig);
    assert_int_equal(loop_create(&other, &rig.worker, 1), 0);
    rig.worker.loops[1] = other;
    rig.worker.loop_count = 2;
    for (unsigned i = 0; i < BURST; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        peers[i] = pair[0];
        /* The last three are accepted by a loop, which takes its own at once. */
        accept_place(&rig.worker, i < BURST - 3 ? NULL : other, pair[1]);
    }
    assert_int_equal(rig.loop->conn_count + other->conn_count, BURST);
    assert_in_range(other->conn_count, BURST / 2, BURST / 2 + 1);
    assert_int_equal(rig.worker.connections, BURST);
    server_rig_pump(&rig);
    while (rig.loop->conns)
        conn_close(rig.loop->conns);
    assert_int_equal(rig.loop->conn_count, 0);
    assert_int_equal(rig.worker.connections, other->conn_count);
    rig.worker.loop_count = 1;
    loop_free(other);
    server_rig_close(&rig);
    for (unsigned i = 0; i < BURST; i++)
        close(peers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_spread_over_loops_that_have_not_looked_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
