# SPDX-License-Identifier: Apache-2.0
"""The machine fails: full disk, no descriptors, no memory, peers that are slow."""
import os
import resource
import time

import pytest

import a6wire as wire
from faults import nothing_lost
from harness import Conn, sanitized


def test_a_full_disk_drops_lines_and_no_call(start, load):
    runner = start("--log-file", "/dev/full", "--log-level", "debug")
    running = load(runner)
    running.wait_answered(300)
    nothing_lost(running)


def test_the_descriptor_limit(start, load):
    """Connections beyond it wait; those that are there go on."""
    runner = start(limits={resource.RLIMIT_NOFILE: 64})
    running = load(runner, connections=4)
    crowd = []
    for _ in range(80):
        crowd.append(Conn(runner.socket_path))
    runner.wait_output("no connection can be accepted for now")
    running.wait_answered(100)
    for conn in crowd:
        conn.close()
    with Conn(runner.socket_path) as conn:  # there is room again
        assert conn.req_call(conn.prepare_conf([("innocent", "ok")])).body == b"one"
    nothing_lost(running)


def test_the_memory_limit(start, load):
    """Peers that announce much and send some of it get less than they want; the rest live."""
    if sanitized():
        pytest.skip("a sanitizer needs more address space than any limit")
    runner = start()
    running = load(runner)
    for pid in runner.pids():
        used = int(open("/proc/%d/statm" % pid).read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.prlimit(pid, resource.RLIMIT_AS, (used + (24 << 20), used + (24 << 20)))
    peers = [Conn(runner.socket_path) for _ in range(8)]
    for peer in peers:
        peer.sock.setblocking(False)
        try:
            peer.sock.send(b"\x02\xff\xff\xff" + b"\0" * (1 << 20))
        except OSError:
            pass
    end = time.monotonic() + 1
    while time.monotonic() < end:
        for peer in peers:
            try:
                peer.sock.send(b"\0" * (1 << 18))
            except OSError:
                pass
    for peer in peers:
        peer.close()
    running.wait_answered(100)
    running.stop()
    assert running.wrong == [] and running.unconnected == 0
    assert runner.process.poll() is None


def test_peers_that_send_slowly_or_half(start, load):
    runner = start("--frame-timeout", "500ms")
    running = load(runner)
    half = [runner.connect() for _ in range(50)]
    for conn in half:
        conn.send_bytes(b"\x02\x00\x10\x00half")
    slow = runner.connect()
    frame = wire.frame(wire.PREPARE_CONF, wire.prepare_conf([("innocent", "ok")], "route#slow"))
    for n in range(len(frame)):
        slow.send_bytes(frame[n:n + 1])
    assert isinstance(slow.receive(), wire.PrepareConfReply)
    for conn in half:
        conn.wait_closed()
    running.wait_answered(100)
    nothing_lost(running)


def test_peers_that_do_not_read(start, load):
    runner = start()
    running = load(runner)
    token = runner.connect().prepare_conf([("innocent", "ok")], "route#deaf")
    deaf = [runner.connect() for _ in range(20)]
    call = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=1))
    for conn in deaf:
        conn.sock.setblocking(False)
        try:
            while True:
                conn.sock.send(call * 100)
        except BlockingIOError:
            pass
    running.wait_answered(200)
    nothing_lost(running)


def test_ten_thousand_idle_connections(start, load):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 10500 and hard != resource.RLIM_INFINITY:
        pytest.skip("this machine allows %d descriptors" % hard)
    runner = start()
    running = load(runner)
    running.wait_answered(100)
    before = runner.memory_kib()
    threads = sum(len(os.listdir("/proc/%d/task" % pid)) for pid in runner.pids())
    idle = []
    for _ in range(10000):
        idle.append(Conn(runner.socket_path).sock)
    running.wait_answered(200)
    grown = runner.memory_kib() - before
    after = sum(len(os.listdir("/proc/%d/task" % pid)) for pid in runner.pids())
    for sock in idle:
        sock.close()
    nothing_lost(running)
    assert after <= threads
    if not sanitized():
        assert grown < 64 * 1024, "%d KiB" % grown


def test_the_wall_clock_is_not_looked_at_for_time_outs():
    """It cannot be stepped here without stepping everybody's; so: which clocks are asked?"""
    source = os.path.join(os.path.dirname(__file__), "../../src")
    users = []
    for folder, _, names in os.walk(source):
        for name in names:
            if name.endswith((".c", ".h")):
                text = open(os.path.join(folder, name)).read()
                if "CLOCK_REALTIME" in text or "gettimeofday" in text or "time(NULL)" in text:
                    users.append(name)
    # log_line.c: the time that a line shows. store_save.c and store_load.c: the file's
    # lifetimes, which have to last over a restart of the machine. cli: what people read.
    allowed = {"log_line.c", "log.c", "store_save.c", "store_load.c", "store_file.h"}
    server = {"worker", "supervisor"}
    assert not [name for name in users if name.split("_")[0] in server], users
    assert {name for name in users if name.startswith(("log", "store", "call_", "chain"))} <= allowed
