# SPDX-License-Identifier: Apache-2.0
"""The machine fails: full disk, no descriptors, no memory, peers that are slow."""
import os
import resource
import signal
import struct
import subprocess
import time

import pytest

import a6wire as wire
from faults import lost_at_most, nothing_lost, start_call, state, wait_workers, workers
from harness import Conn, run_to_end, sanitized, wait_until


def test_a_full_disk_drops_lines_and_no_call(start, load):
    runner = start("--log-file", "/dev/full", "--log-level", "debug")
    running = load(runner)
    running.wait_answered(300)
    nothing_lost(running)


def test_a_worker_is_stopped_while_it_has_the_conf_store(start, load, tmp_path):
    """The supervisor does not wait for it, but ends it: nobody could prepare a conf."""
    runner = start("--workers", "2", "--conf-store", tmp_path / "confs")
    runner.forgiven = True
    running = load(runner)
    start_call(runner, "stop in the store")
    runner.wait_output("holds the conf store")
    with Conn(runner.socket_path) as conn:
        assert conn.req_call(conn.prepare_conf([("innocent", "ok")], "route#new")).body == b"one"
    running.wait_answered(100)
    wait_workers(runner, 2)
    lost_at_most(running, 6)


def test_a_stop_while_a_worker_is_stopped_that_has_the_conf_store(start, tmp_path):
    runner = start("--conf-store", tmp_path / "confs")
    runner.forgiven = True
    start_call(runner, "stop in the store")
    wait_until(lambda: [pid for pid in workers(runner) if state(pid) == "T"], "the stopped one")
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
    assert (tmp_path / "confs").exists()


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
    assert runner.process.poll() is None
    nothing_lost(running)  # it needs no more memory than it has


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


CLOCK = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The wall clock of this process, some seconds off: how many is in the file CLOCK_FILE. */
static long off(void)
{
    static const volatile long *seconds;

    if (!seconds) {
        int fd = open(getenv("CLOCK_FILE"), O_RDONLY);
        void *memory = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (memory == MAP_FAILED)
            abort();
        seconds = memory;
    }
    return *seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);

    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += off();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int failed = (int)syscall(SYS_gettimeofday, now, zone);

    now->tv_sec += off();
    return failed;
}

time_t time(time_t *result)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}
"""
DAY = 24 * 3600


@pytest.mark.parametrize("step", [3650 * DAY, -3650 * DAY, 2], ids=["on", "back", "a little"])
def test_the_clock_is_stepped(start, load, tmp_path, step):
    """Under load, with a call that hangs, half a frame, and confs that live 12 s: nothing
    comes earlier or later for it, no token is forgotten, no call is lost."""
    if sanitized():
        pytest.skip("a sanitizer wants to be the first that is preloaded")
    library, now = tmp_path / "clock.so", tmp_path / "clock"
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-Wall", "-Wextra",
                    "-Werror", tmp_path / "clock.c", "-o", library], check=True)
    now.write_bytes(struct.pack("l", 0))
    runner = start("--deadline", "1s", "--frame-timeout", "1s", "--conf-store", tmp_path / "confs",
                   environment={"LD_PRELOAD": str(library), "CLOCK_FILE": str(now),
                                "APISIX_CONF_EXPIRE_TIME": "10"})
    runner.forgiven = True
    running = load(runner)
    stuck = start_call(runner, "deadlock")
    half = runner.connect()
    half.send_bytes(b"\x02\x00\x10\x00half")
    with open(now, "r+b") as file:
        file.write(struct.pack("l", step))
    running.wait_answered(200)
    assert stuck.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    half.wait_closed()
    assert running.prepared_again == 0
    nothing_lost(running)
    if abs(step) > DAY:  # the step was seen: lines show the time as it is now
        year = time.gmtime(time.time() + step).tm_year
        runner.wait_output(r"^%d-.*within its deadline" % year)


def test_a_limit_on_the_size_of_files(start, load, tmp_path):
    """The system's answer to a write beyond it is a signal that ends a process."""
    log = tmp_path / "runner.log"
    runner = start("--log-file", log, "--log-level", "debug", "--conf-store", tmp_path / "confs")
    for pid in runner.pids():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (16384, 16384))
    running = load(runner)
    with Conn(runner.socket_path) as conn:
        for n in range(200):
            conn.prepare_conf([("innocent", "x" * 200)], "route#%d" % n)
    wait_until(lambda: log.stat().st_size > 16000, "a full log")
    running.wait_answered(200)
    nothing_lost(running)


def test_a_limit_that_leaves_no_room_for_the_confs(tmp_path):
    status, output = run_to_end(tmp_path, limits={resource.RLIMIT_FSIZE: 65536})
    assert status == 1 and "cannot start" in output


def test_no_worker_can_be_made(start, load):
    """A worker dies and cannot be replaced: that is said, and tried again until it can be."""
    runner = start()
    runner.forgiven = True
    running = load(runner, connections=4)
    soft, hard = resource.prlimit(runner.pid, resource.RLIMIT_NOFILE)
    last = max(map(int, os.listdir("/proc/%d/fd" % runner.pid)))
    resource.prlimit(runner.pid, resource.RLIMIT_NOFILE, (last, hard))
    os.kill(workers(runner)[0], signal.SIGKILL)
    runner.wait_output("a worker cannot be started: .*tried again")
    resource.prlimit(runner.pid, resource.RLIMIT_NOFILE, (soft, hard))
    running.wait_answered(100)
    lost_at_most(running, 4)
