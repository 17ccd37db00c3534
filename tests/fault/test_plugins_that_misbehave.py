# SPDX-License-Identifier: Apache-2.0
"""A plugin that hangs, leaks or meddles with its process: what it costs the others."""
import itertools

import pytest

import a6wire as wire
from faults import call, lost_at_most, nothing_lost, start_call
from harness import Conn, sanitized, wait_until


@pytest.mark.parametrize("fault", ["spin", "deadlock"])
def test_a_filter_that_never_returns(start, load, fault):
    """Its call is refused at the deadline, its stack is shown once, the others go on."""
    runner = start("--deadline", "700ms")
    runner.forgiven = True
    running = load(runner)
    stuck = start_call(runner, fault, id=31337)
    running.wait_answered(100)  # while it is stuck
    assert stuck.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output(r"call 31337 got no decision within its deadline")
    runner.wait_output(r"#\d .*%s.* \(faults\.so\)" % fault)
    running.wait_answered(100)
    nothing_lost(running)
    assert runner.count_output("call 31337 got no decision") == 1


def test_many_that_never_return_have_the_worker_replaced(start, load):
    runner = start("--deadline", "300ms", "--pool-threads", "16")
    runner.forgiven = True
    running = load(runner)
    stuck = [start_call(runner, "deadlock", id=n) for n in range(6)]
    for conn in stuck:
        assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output("is replaced: too many of its threads")
    running.wait_answered(200)
    nothing_lost(running)


def test_a_filter_that_sleeps(start, load):
    runner = start()
    running = load(runner)
    slow = [start_call(runner, "sleep", id=n) for n in range(4)]
    running.wait_answered(200)
    for conn in slow:
        assert conn.receive().body == b"one"
    nothing_lost(running)


def test_a_conf_that_takes_ten_seconds_to_parse(start, load):
    """PrepareConf is answered at once, the other routes' calls too."""
    runner = start()
    runner.forgiven = True
    running = load(runner)
    slow = start_call(runner, "slow parse")
    with Conn(runner.socket_path) as conn:
        for n in range(50):
            token = conn.prepare_conf([("innocent", "%d" % n)], "route#other%d" % n)
            assert conn.req_call(token).body == b"one"
    assert slow.is_quiet()
    running.wait_answered(100)
    nothing_lost(running)
    runner.kill()


def test_a_conf_that_is_never_parsed(start, load):
    """Its calls are refused at their deadline, and leave nothing behind: neither a connection
    that has to be made again nor memory."""
    runner = start("--deadline", "300ms")
    runner.forgiven = True
    running = load(runner)
    stuck = start_call(runner, "parse deadlock")
    assert stuck.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    conns = [runner.connect() for _ in range(400)]
    token = conns[0].prepare_conf([("faults", "parse deadlock")], "route#parse deadlock")
    memory = []
    for _ in range(5):
        for conn in conns:
            conn.start_req_call(token)
        for conn in conns:
            assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
        memory.append(runner.memory_kib())
    if not sanitized():
        assert memory[-1] - memory[0] < 8192  # 1600 calls later; each has 20 KiB of buffers
    running.wait_answered(100)
    nothing_lost(running)


def test_a_conf_that_is_never_freed(start, load):
    """Nobody waits for free_conf, and the confs of others are freed all the same."""
    runner = start(environment={"APISIX_CONF_EXPIRE_TIME": "1"})
    runner.forgiven = True
    running = load(runner)
    assert call(runner, "free deadlock").body == b"one"
    keys = itertools.count()

    def said():
        """Confs come and go meanwhile."""
        with Conn(runner.socket_path) as conn:
            token = conn.prepare_conf([("innocent", "ok")], "route#%d" % next(keys))
            assert conn.req_call(token).body == b"one"
        return runner.count_output("has been inside its free_conf")

    wait_until(said, "a word of it")
    running.wait_answered(100)
    nothing_lost(running)


@pytest.mark.parametrize("fault", ["leak", "leak and sleep"])
def test_a_leak_has_the_worker_replaced_without_a_lost_call(start, load, fault):
    """Whether its calls run on the loop's thread or on threads of their own."""
    if sanitized():
        pytest.skip("a sanitizer's memory is not like the plugin's")
    runner = start("--max-rss", "64m")
    running = load(runner, connections=16, conf=[("faults", fault)], key="route#leak")
    runner.wait_output(r"is replaced: its memory has grown")
    running.wait_answered(100)
    nothing_lost(running)


def test_max_calls(start, load):
    runner = start("--max-calls", "2000")
    running = load(runner)
    runner.wait_output(r"is replaced: it has answered as many calls")
    running.wait_answered(500)
    nothing_lost(running)


def test_a_plugin_that_blocks_every_signal(start, load):
    runner = start()
    running = load(runner)
    for n in range(20):
        assert call(runner, "mask", id=n).body == b"one"
    running.wait_answered(100)
    nothing_lost(running)
    # and it still stops, see the end of `start`


def test_a_plugin_that_forks(start, load):
    """Its child has the worker's descriptors, and holds nothing up with them."""
    runner = start()
    runner.forgiven = True
    running = load(runner)
    for n in range(3):
        assert call(runner, "fork", id=n).body == b"one"
    running.wait_answered(100)
    nothing_lost(running)


@pytest.mark.parametrize("fault", ["fork and go on", "parse fork and go on"])
def test_a_child_that_comes_back_from_plugin_code_answers_nothing(start, fault):
    """It has all of the worker's connections; an answer of its own would be the next call's."""
    runner = start()
    conn = runner.connect()
    token = conn.prepare_conf([("faults", fault)], "route#" + fault)
    assert conn.req_call(token).body == b"one"
    runner.wait_output("a child process .* has come back from")
    assert conn.is_quiet()
    assert conn.req_call(conn.prepare_conf([("innocent", "ok")], "route#ok")).body == b"one"


@pytest.mark.parametrize("fault", ["close", "close eventfds", "reuse eventfds"])
def test_a_plugin_that_closes_descriptors_it_does_not_own(start, load, fault):
    """That costs its worker everything; the next worker serves."""
    runner = start()
    runner.forgiven = True
    running = load(runner, connections=4)
    call(runner, fault)
    runner.wait_output("has lost its")
    running.wait_answered(100)
    lost_at_most(running, 4)


def test_the_one_that_is_inside_its_filter_then_is_not_to_blame(start):
    """A worker that has lost its descriptors ends itself, when who closed them has returned."""
    runner = start()
    runner.forgiven = True
    for n in range(3):
        with Conn(runner.socket_path) as sleeper:
            sleeper.start_req_call(sleeper.prepare_conf([("innocent", "sleep")], "route#sleep"))
            call(runner, "nap")  # by then the other one sleeps
            call(runner, "close")
            wait_until(lambda: runner.count_output("it had open: plugin innocent") == n + 1,
                       "the end of worker %d" % n)
    assert call(runner, "ok").body == b"one"
    assert runner.count_output("quarantined") == 0


def test_the_others_are_answered_while_all_threads_are_inside_sleepers(start, load):
    runner = start("--pool-threads", "2")
    running = load(runner)
    slow = [start_call(runner, "sleep", id=n) for n in range(6)]
    running.wait_answered(200)
    for conn in slow:
        assert conn.receive().body == b"one"
    nothing_lost(running)
