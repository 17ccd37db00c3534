# SPDX-License-Identifier: Apache-2.0
"""A plugin that ends its worker costs the calls in flight in that worker: at most one a
connection and crash. Connecting never fails, tokens stay valid, other plugins live on."""
import os
import signal
import subprocess
import time

import pytest

import a6wire as wire
from faults import NO_HANDLERS, alive, build, call, lost_at_most, workers
from harness import Closed, Conn, sanitized, wait_until

CONNECTIONS = 6

ENDS = [("segv", "SIGSEGV"), ("null", "SIGSEGV"), ("abort", "SIGABRT"), ("divide", "SIGFPE"),
        ("overflow", "SIGSEGV"), ("heap", "SIG"), ("exit", "status 0"), ("_exit", "status 3"),
        ("throw", "SIGABRT")]


@pytest.fixture
def runner(start):
    runner = start(environment=NO_HANDLERS)
    runner.forgiven = True  # a crash is what it is about
    return runner


@pytest.mark.parametrize("fault,said", ENDS)
def test_it_costs_the_calls_in_flight(runner, load, fault, said):
    if sanitized() and fault in ("heap", "overflow", "divide", "null"):
        pytest.skip("the sanitizer reports it instead")
    running = load(runner, connections=CONNECTIONS)
    assert call(runner, fault, id=4711) is Closed
    runner.wait_output(said)
    runner.wait_output(r"plugin faults, request phase, call 4711")
    running.wait_answered(100)
    lost_at_most(running, CONNECTIONS)


def test_a_crash_is_told_with_its_stack(runner, load):
    running = load(runner, connections=CONNECTIONS)
    call(runner, "segv")
    runner.wait_output(r"#\d .*commit.* \(faults\.so\)")  # it is static: no dynamic symbol
    lost_at_most(running, CONNECTIONS)


def test_a_crash_in_parse_conf_is_told_and_counted(runner, load):
    """Each call parses it again: without the quarantine that would never end."""
    running = load(runner, connections=CONNECTIONS)
    for n in range(3):
        wait_until(lambda: call(runner, "parse segv", id=500 + n) is Closed, "crash %d" % n)
        runner.wait_output(r"it was in plugin faults, parse_conf, call %d" % (500 + n))
    runner.wait_output("faults .*quarantined")
    assert call(runner, "parse segv") == wire.Error(wire.SERVICE_UNAVAILABLE)
    running.wait_answered(50)
    lost_at_most(running, 3 * CONNECTIONS)


def test_a_crash_whose_handler_hangs_is_told_and_counted(runner, tmp_path):
    """It wants the dynamic linker's lock, which another thread has."""
    slow = tmp_path / "slow.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-x", "c", "-", "-o", slow],
                   input=b"#include <unistd.h>\n"
                         b"__attribute__((constructor)) static void start(void) { sleep(60); }",
                   check=True)
    for n in range(3):
        wait_until(lambda: call(runner, "link %s" % slow) is Closed, "crash %d" % n)
        wait_until(lambda: runner.count_output(r"died of signal 11 \(SIGSEGV\)") == n + 1,
                   "line %d" % n)
    runner.wait_output("faults .*quarantined")


def test_a_crash_in_a_thread_that_the_plugin_made(start, load, plugins, tmp_path):
    """Whoever else is inside a filter then is not to blame."""
    folder = tmp_path / "own-plugins"
    folder.mkdir()
    build(folder / "alone.so", "one", '-DFAULTS_ALONE="faults"')
    runner = start("--plugin", plugins / "innocent/innocent.so", folder=folder,
                   environment=NO_HANDLERS)
    runner.forgiven = True
    running = load(runner, conf=[("innocent", "nap")], connections=CONNECTIONS)
    for n in range(3):
        wait_until(lambda: call(runner, "thread") is Closed, "crash %d" % n)
        wait_until(lambda: runner.count_output("it was in plugin faults, in a thread") == n + 1,
                   "line %d" % n)
    runner.wait_output("plugin faults .*quarantined")
    running.wait_answered(50)
    assert runner.count_output("plugin innocent .*quarantined") == 0
    lost_at_most(running, 3 * CONNECTIONS)


def test_the_third_crash_within_a_minute_quarantines_the_plugin(runner, load):
    running = load(runner, connections=CONNECTIONS)
    for n in range(3):
        wait_until(lambda: call(runner, "abort") is Closed, "crash %d" % n)
    runner.wait_output("faults .*quarantined")
    with Conn(runner.socket_path) as conn:
        token = conn.prepare_conf([("faults", "ok")], "route#quarantined")
        reply = wait_until(lambda: conn.req_call(token), "an answer")
        assert reply == wire.Error(wire.SERVICE_UNAVAILABLE)
    running.wait_answered(50)
    lost_at_most(running, 3 * CONNECTIONS)
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
    end = time.monotonic() + (5 if sanitized() else 20)
    while time.monotonic() < end:
        for pid in workers(runner)[:1]:
            os.kill(pid, signal.SIGKILL)
            kills += 1
        time.sleep(0.2)
    running.wait_answered(50)
    assert kills >= 5
    lost_at_most(running, kills * CONNECTIONS)


def test_killing_the_supervisor_leaves_no_orphan(start, load):
    runner = start()
    running = load(runner, connections=CONNECTIONS)
    pids = runner.pids()
    assert len(pids) > 1
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait_exit()
    wait_until(lambda: not any(map(alive, pids)), "the workers' end")
    running.stop()
    # Then connecting fails; but each may have connected once more while the end came.
    assert running.lost <= 2 * CONNECTIONS and running.wrong == []
