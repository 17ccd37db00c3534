# SPDX-License-Identifier: Apache-2.0
"""A plugin that crashes costs the calls in flight in its worker, and nothing else."""
import os
import signal

import pytest

import a6wire as wire
from harness import Closed, connect_to_two_workers, script, wait_until

ANSWER = script("answer 200", "answer-write hello")
# The sanitizer's own handlers would report and exit; here ours are looked at.
NO_HANDLERS = {"ASAN_OPTIONS": "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0",
               "UBSAN_OPTIONS": "handle_segv=0:handle_abort=0",
               "TSAN_OPTIONS": "handle_segv=0:handle_abort=0"}


@pytest.fixture
def runner(start):
    runner = start(environment=NO_HANDLERS)
    yield runner
    assert runner.process.poll() is None, runner.output()


def crash(runner, *lines, id=77, response=False):
    """Makes a call that crashes; its connection must be closed without an answer."""
    conn = runner.connect()
    token = conn.prepare_conf(script(*lines))
    if response:
        conn.send(wire.HTTP_RESP_CALL, wire.resp_call(token, id=id))
    else:
        conn.start_req_call(token, id=id)
    with pytest.raises(Closed):
        raise AssertionError(conn.receive())


def serves(runner):
    """Connects as the gateway does after a connection was closed, and calls."""
    def call():
        try:
            conn = runner.connect()
            return conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"
        except (Closed, OSError):
            return False

    return wait_until(call, "an answer")


@pytest.mark.parametrize("how,name", [("crash 16", "SIGSEGV"), ("abort", "SIGABRT")])
def test_the_worker_is_replaced(runner, how, name):
    crash(runner, how)
    assert serves(runner)
    runner.wait_output(name)


def test_the_log_names_the_plugin_the_phase_and_the_call(runner):
    crash(runner, "crash 16", id=4242)
    runner.wait_output(r"SIGSEGV")
    runner.wait_output(r"\bprobe\b.*request.*\b4242\b")
    assert serves(runner)
    crash(runner, "crash 32", id=4343, response=True)
    runner.wait_output(r"\bprobe\b.*response.*\b4343\b")


def test_connecting_never_fails_and_waits_for_the_new_worker(runner):
    """The socket is the supervisor's: a call that comes during the crash is answered."""
    for _ in range(2):
        crash(runner, "crash 16")
        conn = runner.connect()  # at once
        assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"


def test_tokens_stay_valid(runner):
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)
    crash(runner, "crash 16")
    assert runner.connect().req_call(token).body == b"hello"


def test_the_crash_in_a_thread_of_the_pool(runner):
    conn = runner.connect()
    token = conn.prepare_conf([("probe-blocking", "crash 16")])
    conn.start_req_call(token)
    conn.wait_closed()
    assert serves(runner)
    runner.wait_output(r"\bprobe-blocking\b.*request")


def test_the_crash_in_parse_conf(runner):
    conn = runner.connect()
    token = conn.prepare_conf(script("parse-crash 16"), "route#crashing")
    try:
        conn.start_req_call(token)
        conn.wait_closed()
    except OSError:
        pass  # parsed, and crashed, before the call was sent
    assert serves(runner)
    runner.wait_output(r"SIGSEGV")


def test_with_two_workers_the_other_ones_calls_go_on(start):
    runner = start("--workers", "2", "--threads", "1", environment=NO_HANDLERS)
    doomed, other = connect_to_two_workers(runner)
    other.start_req_call(other.prepare_conf(script("var uri", "answer 200", "answer-write asked")))
    assert isinstance(other.receive(), wire.ExtraInfo)
    doomed.start_req_call(doomed.prepare_conf("crash 16"))
    doomed.wait_closed()
    runner.wait_output("SIGSEGV")
    other.send(wire.EXTRA_INFO, wire.extra_info_reply(b"/u"))
    assert other.receive().body == b"asked"
    assert serves(runner)


def test_a_worker_killed_from_outside_is_replaced(runner):
    conn = runner.connect()
    token = conn.prepare_conf(ANSWER)
    workers = [pid for pid in runner.pids() if pid != runner.pid]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    conn.wait_closed()
    assert runner.connect().req_call(token).body == b"hello"


def test_a_plugin_that_calls_exit(runner):
    crash(runner, "exit 0")
    assert serves(runner)
    runner.wait_output(r"exit")
    runner.wait_output(r"\bprobe\b.*request")


def test_sigterm_after_a_crash_still_ends_it(start):
    runner = start(environment=NO_HANDLERS)
    crash(runner, "crash 16")
    assert serves(runner)
    runner.signal(signal.SIGTERM)
    assert runner.wait_exit() == 0
