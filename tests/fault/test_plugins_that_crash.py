# SPDX-License-Identifier: Apache-2.0
"""A plugin that ends its worker costs the calls in flight in that worker: at most one a
connection and crash. Connecting never fails, tokens stay valid, other plugins live on."""
import os
import signal
import time

import pytest

import a6wire as wire
from faults import alive
from harness import Closed, Conn, sanitized, wait_until

CONNECTIONS = 6
# The sanitizers' own handlers would report and exit; here ours are looked at.
NO_HANDLERS = {name: "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:"
                     "detect_leaks=0" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}

ENDS = [("segv", "SIGSEGV"), ("null", "SIGSEGV"), ("abort", "SIGABRT"), ("divide", "SIGFPE"),
        ("overflow", "SIGSEGV"), ("heap", "SIG"), ("exit", "status 0"), ("_exit", "status 3"),
        ("throw", "SIGABRT")]


@pytest.fixture
def runner(start):
    runner = start(environment=NO_HANDLERS)
    runner.forgiven = True  # a crash is what it is about
    return runner


def commit(runner, fault, id=77):
    """Makes the call; gives what came instead of an answer."""
    with Conn(runner.socket_path) as conn:
        token = conn.prepare_conf([("faults", fault)], "route#" + fault)
        try:
            return conn.req_call(token, id=id)
        except (Closed, OSError):
            return Closed


@pytest.mark.parametrize("fault,said", ENDS)
def test_it_costs_the_calls_in_flight(runner, load, fault, said):
    if sanitized() and fault in ("heap", "overflow", "divide", "null"):
        pytest.skip("the sanitizer reports it instead")
    running = load(runner, connections=CONNECTIONS)
    assert commit(runner, fault, id=4711) is Closed
    runner.wait_output(said)
    runner.wait_output(r"plugin faults, request phase, call 4711")
    running.wait_answered(100)
    running.stop()
    assert running.lost <= CONNECTIONS
    assert (running.refused, running.unconnected, running.wrong) == (0, 0, [])


def test_a_crash_is_told_with_its_stack(runner, load):
    load(runner)
    commit(runner, "segv")
    runner.wait_output(r"#\d+ .*faults\.so")


def test_the_third_crash_within_a_minute_quarantines_the_plugin(runner, load):
    running = load(runner, connections=CONNECTIONS)
    for n in range(3):
        wait_until(lambda: commit(runner, "abort") is Closed, "crash %d" % n)
    runner.wait_output("faults .*quarantined")
    with Conn(runner.socket_path) as conn:
        token = conn.prepare_conf([("faults", "ok")], "route#quarantined")
        reply = wait_until(lambda: conn.req_call(token), "an answer")
        assert reply == wire.Error(wire.SERVICE_UNAVAILABLE)
    running.wait_answered(50)
    running.stop()
    assert running.lost <= 3 * CONNECTIONS
    assert (running.refused, running.wrong) == (0, [])
    # A reload gives it another chance.
    runner.signal(signal.SIGHUP)

    def works():
        with Conn(runner.socket_path) as conn:
            token = conn.prepare_conf([("faults", "ok")], "route#quarantined")
            return not isinstance(conn.req_call(token), wire.Error)

    wait_until(works, "the end of the quarantine")


def test_a_worker_killed_again_and_again(runner, load):
    """Every 200 ms, as fast as an out-of-memory killer could."""
    running = load(runner, connections=CONNECTIONS)
    kills = 0
    end = time.monotonic() + 4
    while time.monotonic() < end:
        workers = [pid for pid in runner.pids() if pid != runner.pid]
        if workers:
            try:
                os.kill(workers[0], signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        time.sleep(0.2)
    running.wait_answered(50)
    running.stop()
    assert kills >= 5
    assert running.lost <= kills * CONNECTIONS
    assert (running.refused, running.unconnected, running.wrong) == (0, 0, [])


def test_killing_the_supervisor_leaves_no_orphan(start, load):
    runner = start()
    running = load(runner)
    pids = runner.pids()
    assert len(pids) > 1
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait_exit()
    wait_until(lambda: not any(map(alive, pids)), "the workers' end")
    running.stop()
    assert running.wrong == []
