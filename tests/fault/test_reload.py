# SPDX-License-Identifier: Apache-2.0
"""A reload loses nothing: new workers first, then the old ones hand their connections over."""
import signal
import time

import pytest

from faults import build, nothing_lost
from harness import Conn, wait_until


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "own-plugins"
    folder.mkdir()
    build(folder / "faults.so", "one")
    return folder


def version(runner):
    with Conn(runner.socket_path) as conn:
        return conn.req_call(conn.prepare_conf([("innocent", "version")], "route#version")).body


def test_a_hundred_reloads_under_load_lose_no_call(start, load):
    runner = start()
    running = load(runner, connections=32)
    for _ in range(100):
        runner.signal(signal.SIGHUP)
        time.sleep(0.03)
    running.wait_answered(200)
    assert runner.process.poll() is None
    nothing_lost(running)


def test_afterwards_the_new_code_runs(start, load, folder):
    runner = start(folder=folder)
    running = load(runner, connections=32, expected=(b"one", b"two"))
    build(folder / "faults.so", "two")
    assert version(runner) == b"one"
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    assert version(runner) == b"two"
    running.wait_answered(100)
    assert b"two" in running.bodies  # on the connections that were there before
    nothing_lost(running)


def test_watch_notices_a_changed_file(start, load, folder):
    runner = start("--watch", folder=folder)
    running = load(runner, connections=8, expected=(b"one", b"two"))
    build(folder / "faults.so", "two")
    wait_until(lambda: version(runner) == b"two", "the new version")
    nothing_lost(running)


def test_new_workers_that_cannot_start_leave_the_old_ones(start, load, folder):
    runner = start(folder=folder)
    running = load(runner)
    (folder / "broken.so").write_text("this is no plugin")
    runner.signal(signal.SIGHUP)
    runner.wait_output("broken.so")
    runner.wait_output("the old ones go on")
    running.wait_answered(100)
    (folder / "broken.so").unlink()
    build(folder / "faults.so", "one")
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    nothing_lost(running)


def test_idle_connections_are_handed_over_too(start, load):
    runner = start()
    running = load(runner)
    idle = [runner.connect() for _ in range(200)]
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    for conn in idle:
        token = conn.prepare_conf([("innocent", "ok")], "route#idle")
        assert conn.req_call(token).body == b"one"
    nothing_lost(running)


def test_a_takeover_as_the_gateways_reload_does_it(start, load):
    """A second runner on the same path, then SIGTERM to the first."""
    first = start()
    running = load(first, connections=8)
    second = start("--takeover", socket_path=first.socket_path)
    first.signal(signal.SIGTERM)
    first.wait_exit()
    running.wait_answered(100)
    nothing_lost(running)
    assert second.process.poll() is None
