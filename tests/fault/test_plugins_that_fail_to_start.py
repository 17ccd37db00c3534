# SPDX-License-Identifier: Apache-2.0
"""Faults where no call is: in init, in shutdown, in free_conf, in the file itself."""
import os
import signal
import time

import pytest

import a6wire as wire
from faults import (NO_HANDLERS, alive, call, lost_at_most, nothing_lost, start_call,
                    wait_workers, workers)
from harness import Closed, sanitized, wait_until


@pytest.fixture
def fault(tmp_path):
    """fault("init segv") is what the plugin reads when it starts and ends."""
    path = tmp_path / "fault"

    def set_fault(text):
        new = tmp_path / "fault.new"
        new.write_text(text)
        new.rename(path)

    set_fault("none")
    set_fault.met = tmp_path / "fault.met"  # made when a fault in init is about to happen
    set_fault.environment = {**NO_HANDLERS, "FAULTS_FILE": str(path)}
    return set_fault


# ---- the first start: it is the operator who has to know ----

@pytest.mark.parametrize("what,said", [("init segv", "SIGSEGV"), ("init abort", "SIGABRT"),
                                       ("init _exit", "status 3"),
                                       ("init fails", "the file says so")])
def test_a_plugin_that_cannot_start_is_named(start, fault, what, said):
    fault(what)
    runner = start(environment=fault.environment, ready=False)
    assert runner.wait_exit() == 1
    runner.wait_output(said)
    runner.wait_output("plugin faults")
    assert not os.path.exists(runner.socket_path)


def test_an_init_that_hangs_is_ended_and_shown(start, fault):
    fault("init deadlock")
    runner = start("--start-timeout", "300ms", environment=fault.environment, ready=False)
    assert runner.wait_exit() == 1
    runner.wait_output("has not started within 300 ms")
    runner.wait_output(r"#\d .*deadlock.* \(faults\.so\)")
    runner.wait_output("plugin faults, init")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_an_init_hangs(start, fault, number):
    fault("init deadlock")
    runner = start(environment=fault.environment, ready=False)
    wait_until(lambda: workers(runner), "the worker")
    pids = runner.pids()
    runner.signal(number)
    runner.wait_exit()
    assert not any(map(alive, pids))


# ---- a reload: the old ones go on ----

@pytest.mark.parametrize("what", ["init segv", "init fails", "init deadlock", "init _exit"])
def test_a_reload_to_a_plugin_that_cannot_start(start, load, fault, what):
    runner = start("--start-timeout", "500ms", "--workers", "2", environment=fault.environment)
    runner.forgiven = True
    running = load(runner)
    before = sorted(workers(runner))
    fault(what)
    runner.signal(signal.SIGHUP)
    runner.wait_output("the old ones go on")
    runner.wait_output("plugin faults")
    wait_workers(runner, 2)
    assert sorted(workers(runner)) == before
    running.wait_answered(50)
    fault("none")
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    wait_workers(runner, 2)
    running.wait_answered(50)
    nothing_lost(running)


def test_a_reload_that_was_asked_for_while_another_one_failed(start, load, fault):
    """The operator mends the plugin before the runner has given up on the broken one."""
    runner = start("--start-timeout", "1s", environment=fault.environment)
    runner.forgiven = True
    running = load(runner)
    fault("init deadlock")
    runner.signal(signal.SIGHUP)
    wait_until(fault.met.exists, "a plugin that does not start")
    fault("none")
    runner.signal(signal.SIGHUP)
    runner.wait_output("the old ones go on")
    runner.wait_output("the new workers have every connection now")
    nothing_lost(running)


# ---- a crash of another kind, and then it does not start any more ----

@pytest.mark.parametrize("what", ["init segv", "init fails"])
def test_one_that_keeps_the_workers_from_starting_is_left_out(start, load, fault, what):
    runner = start(environment=fault.environment)
    runner.forgiven = True
    running = load(runner, connections=4)
    fault(what)
    os.kill(workers(runner)[0], signal.SIGKILL)
    runner.wait_output("plugin faults .*quarantined")
    running.wait_answered(50)
    assert call(runner, "ok") == wire.Error(wire.SERVICE_UNAVAILABLE)
    fault("none")
    runner.signal(signal.SIGHUP)
    runner.wait_output("the new workers have every connection now")
    assert call(runner, "ok").body == b"one"
    lost_at_most(running, 4)


# ---- the end of a worker ----

@pytest.mark.parametrize("what,said", [("shutdown segv", "plugin faults, shutdown"),
                                       ("free segv", "plugin faults, free_conf")])
def test_a_crash_while_an_old_worker_ends(start, load, fault, what, said):
    """Every call is answered by then, so it costs none, and nobody is quarantined for it."""
    runner = start("--workers", "3", environment=fault.environment)
    runner.forgiven = True
    running = load(runner)
    for _ in range(8):  # in each worker
        call(runner, what)
    fault(what)
    for _ in range(2):
        runner.signal(signal.SIGHUP)
        wait_until(lambda: runner.count_output(said) >= 1, said)
        wait_workers(runner, 3)
    running.wait_answered(50)
    assert runner.count_output("quarantined") == 0
    nothing_lost(running)


def test_a_shutdown_that_hangs_does_not_hold_up_a_stop(start, load, fault):
    runner = start(environment=fault.environment)
    load(runner).stop()
    fault("shutdown deadlock")
    pids = runner.pids()
    runner.signal(signal.SIGTERM)
    runner.wait_exit()
    assert not any(map(alive, pids))


# ---- the file ----

def test_a_plugin_file_that_is_overwritten_while_it_is_loaded(start, load, folder):
    """As `cp` does it: the code that runs is gone under it. That costs every call until
    there is a file again that can be loaded, and then all is well."""
    if sanitized():
        pytest.skip("the sanitizer reports it instead")
    runner = start(folder=folder, environment=NO_HANDLERS)
    runner.forgiven = True
    running = load(runner, connections=4)
    whole = (folder / "faults.so").read_bytes()
    os.truncate(folder / "faults.so", 4096)
    runner.wait_output("SIGBUS|SIGSEGV|cannot load plugin")
    (folder / "faults.so").write_bytes(whole)
    runner.signal(signal.SIGHUP)
    running.wait_answered(100)
    wait_workers(runner, 1)
    running.stop()
    assert (running.unconnected, running.wrong) == (0, [])
