# SPDX-License-Identifier: Apache-2.0
"""Plugins that block hold up nobody else. No stopwatch: what blocks is let go only when
all others have been served, so a runner that holds them up does not finish."""
import concurrent.futures
import re
import threading
from pathlib import Path

import pytest

import a6wire as wire
from harness import Closed, Gateway, report, script, wait_until

QUICK = script("answer 200", "answer-write quick")
BLOCKERS = {
    "declared": ("probe-blocking", "wait"),
    "undeclared": ("probe", "wait"),
    "undeclared and busy": ("probe", "spin-until"),
    "said not to block": ("probe-nonblocking", "wait"),
}


@pytest.fixture(params=["1", "2"], ids=["one loop", "two loops"])
def runner(start, request):
    return start("--threads", request.param)


def block(runner, tmp_path, count, plugin, how, *more):
    """So many calls that are inside a filter until the returned file exists."""
    go = tmp_path / "go"
    conns = []
    for n in range(count):
        entered = tmp_path / ("entered-%d" % n)
        conn = runner.connect()
        token = conn.prepare_conf([(plugin, script("touch %s" % entered, "%s %s" % (how, go), *more,
                                                   "answer 200", "answer-write released"))],
                                  "route#blocker %d" % n)
        conn.start_req_call(token)
        wait_until(entered.exists, "blocker %d" % n)
        conns.append(conn)
    return go, conns


def test_where_no_thread_can_be_made_a_call_that_blocks_is_refused_at_once(start):
    runner = start("--threads", "1")
    conn = runner.connect()
    outcome = report(conn.req_call(conn.prepare_conf(script("no-threads", "report"))).body)
    assert outcome == {"no-threads": "0"}
    token = conn.prepare_conf([("probe-blocking", QUICK)], "route#blocks")
    assert conn.req_call(token) == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output("no thread can be made for a call that blocks")
    assert conn.req_call(conn.prepare_conf(QUICK, "route#quick")).body == b"quick"


@pytest.mark.parametrize("kind", BLOCKERS)
def test_a_plugin_that_blocks_holds_up_no_other_connection(runner, tmp_path, kind):
    before = [runner.connect() for _ in range(8)]
    token = before[0].prepare_conf(QUICK)
    for conn in before:
        assert conn.req_call(token).body == b"quick"
    go, blocked = block(runner, tmp_path, 1, *BLOCKERS[kind])
    others = before + [runner.connect() for _ in range(8)]
    for _ in range(200 // len(others) + 1):
        for conn in others:
            assert conn.req_call(token).body == b"quick"
    assert others[0].prepare_conf([("probe", "id")], "route#meanwhile")
    assert blocked[0].is_quiet(0.01)
    go.touch()
    assert blocked[0].receive().body == b"released"


@pytest.mark.parametrize("kind", ["declared", "undeclared"])
def test_twenty_blocked_calls_at_a_time(runner, tmp_path, kind):
    go, blocked = block(runner, tmp_path, 20, *BLOCKERS[kind])
    conn = runner.connect()
    token = conn.prepare_conf(QUICK)
    for _ in range(50):
        assert conn.req_call(token).body == b"quick"
    go.touch()
    for conn in blocked:
        assert conn.receive().body == b"released"


def test_a_blocked_call_can_ask_the_gateway_afterwards(runner, tmp_path):
    go, blocked = block(runner, tmp_path, 4, "probe", "wait", "var uri", "body")
    go.touch()
    for conn in blocked:
        assert conn.finish_call(Gateway({"uri": "/u"}, b"b")).body == b"released"


def test_more_blocked_calls_than_pool_threads_wait_their_turn(start, tmp_path):
    runner = start("--threads", "1", "--pool-threads", "2")
    go, inside = block(runner, tmp_path, 2, "probe-blocking", "wait")
    waiting = []
    for n in range(10):
        conn = runner.connect()
        token = conn.prepare_conf([("probe-blocking", script("wait %s" % go, "answer 200"))],
                                  "route#%d" % n)
        conn.start_req_call(token)
        waiting.append(conn)
    conn = runner.connect()
    token = conn.prepare_conf(QUICK)
    for _ in range(50):
        assert conn.req_call(token).body == b"quick"
    go.touch()
    for conn in inside + waiting:
        assert conn.receive().status == 200


def test_fifty_filters_ask_at_the_same_time_in_straight_line_code(runner):
    """Nobody is answered before all have asked, and then the last one first."""
    conns = [runner.connect() for _ in range(50)]
    token = conns[0].prepare_conf(script("same-thread first", "var first", "var second", "report"))
    for n, conn in enumerate(conns):
        conn.start_req_call(token, id=n)
    for conn in conns:
        assert conn.receive() == wire.ExtraInfo(wire.VAR, "first")
    for n, conn in reversed(list(enumerate(conns))):
        conn.send(wire.EXTRA_INFO, wire.extra_info_reply(b"first %d" % n))
    for n, conn in enumerate(conns):
        reply = conn.finish_call(Gateway({"second": "second %d" % n}))
        assert reply.id == n
        assert report(reply.body) == {"same-thread first": "yes", "var first": "first %d" % n,
                                      "var second": "second %d" % n}


def test_many_filters_ask_again_and_again(runner):
    """The loop changes hands all the time, and no news is lost on the way."""
    token = runner.connect().prepare_conf(script("var first", "report"))

    def calls(n):
        with runner.connect() as conn:
            for k in range(100):
                value = "%d of %d" % (k, n)
                reply = conn.req_call(token, Gateway({"first": value}))
                assert report(reply.body) == {"var first": value}
        return n

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert list(pool.map(calls, range(24))) == list(range(24))


def test_a_gateway_that_is_slow_to_answer_a_question_holds_up_nobody(runner):
    asking = [runner.connect() for _ in range(8)]
    token = asking[0].prepare_conf(script("var uri", "report"))
    for conn in asking:
        conn.start_req_call(token)
        assert isinstance(conn.receive(), wire.ExtraInfo)
    conn = runner.connect()
    quick = conn.prepare_conf(QUICK)
    for _ in range(100):
        assert conn.req_call(quick).body == b"quick"
    for conn in asking:
        conn.send(wire.EXTRA_INFO, wire.extra_info_reply(b"/u"))
        assert report(conn.receive().body) == {"var uri": "/u"}


def test_the_first_request_of_a_route(start):
    """Two connections: the first is silent while PrepareConf runs on the second. With one
    loop, and the first one's filter blocking while the next route is prepared."""
    runner = start("--threads", "1")
    for n in range(10):
        silent, preparing = runner.connect(), runner.connect()
        token = preparing.prepare_conf(QUICK, "route#%d" % n)
        assert silent.req_call(token).body == b"quick"


def test_silent_connections_before_a_talking_one(start):
    runner = start("--threads", "1")
    silent = [runner.connect() for _ in range(200)]
    conn = runner.connect()
    token = conn.prepare_conf(QUICK)
    assert conn.req_call(token).body == b"quick"
    for conn in silent:
        assert conn.req_call(token).body == b"quick"


# ---- deadlines ----


@pytest.mark.parametrize("how", ["wait", "spin-until"])
def test_a_filter_past_its_deadline_is_answered_for(runner, tmp_path, how):
    """SERVICE_UNAVAILABLE while it is still inside, in time for the gateway's 60 s."""
    go, (late,) = block(runner, tmp_path, 1, "probe-hasty", how)
    assert late.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output("deadline")
    conn = runner.connect()
    token = conn.prepare_conf(QUICK)
    assert conn.req_call(token).body == b"quick"
    go.touch()
    for _ in range(20):
        assert conn.req_call(token).body == b"quick"


@pytest.mark.parametrize("plugin", ["probe-hasty", "probe-needy"])
def test_a_gateway_that_never_answers_a_question(start, plugin):
    """Undeclared, and declared: the call ends at its deadline, with an error or the connection."""
    runner = start("--deadline", "300ms")
    conn = runner.connect()
    conn.start_req_call(conn.prepare_conf([(plugin, script("var remote_addr", "report"))]))
    assert isinstance(conn.receive(), wire.ExtraInfo)
    try:
        assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    except Closed:
        pass
    other = runner.connect()
    assert other.req_call(other.prepare_conf(QUICK)).body == b"quick"


def test_a_parse_past_the_deadline_is_answered_for(start, tmp_path):
    runner = start("--deadline", "300ms")
    go = tmp_path / "go"
    conns = [runner.connect() for _ in range(3)]
    token = conns[0].prepare_conf(script("parse-wait %s" % go, "answer 200"))
    for conn in conns:
        conn.start_req_call(token)
    for conn in conns:
        assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    go.touch()
    conn = runner.connect()
    wait_until(lambda: not isinstance(runner.connect().req_call(token), wire.Error), "the conf")
    assert conn.req_call(conn.prepare_conf(QUICK)).body == b"quick"


# ---- what costs a thread ----


def threads_of(runner):
    return sum(int(re.search(r"Threads:\s*(\d+)", Path("/proc/%d/status" % pid).read_text())
                   .group(1)) for pid in runner.pids())


def test_delayed_calls_hold_no_thread(start):
    runner = start("--threads", "1")
    conns = [runner.connect() for _ in range(300)]
    token = conns[0].prepare_conf([("probe", "delay 500"), ("probe-two", QUICK)])
    for conn in conns:
        conn.start_req_call(token)
    quick = runner.connect()
    assert quick.req_call(quick.prepare_conf(QUICK)).body == b"quick"
    assert threads_of(runner) < 50
    for conn in conns:
        assert conn.receive().body == b"quick"


def test_idle_connections_hold_no_thread(start):
    runner = start()
    before = threads_of(runner)
    conns = [runner.connect() for _ in range(500)]
    token = conns[0].prepare_conf(QUICK)
    for conn in conns:
        assert conn.req_call(token).body == b"quick"
    assert threads_of(runner) - before < 10


def test_a_peer_leaves_while_its_filter_blocks(runner, tmp_path):
    go, blocked = block(runner, tmp_path, 4, "probe", "wait", "var uri", "body")
    for conn in blocked:
        conn.close()
    conn = runner.connect()
    token = conn.prepare_conf(QUICK)
    assert conn.req_call(token).body == b"quick"
    go.touch()
    for _ in range(20):
        assert conn.req_call(token).body == b"quick"


def test_a_mixed_crowd(runner):
    """Everything at once on 32 connections; every reply is the one for its call."""
    scripts = [QUICK, script("var uri", "report"), script("sleep 3", "id", "report"),
               script("suspend 2", "id", "report"), script("body", "var uri", "report")]
    first = runner.connect()
    tokens = [first.prepare_conf(text) for text in scripts]
    tokens.append(first.prepare_conf([("probe", "delay 3"), ("probe-two", scripts[1])]))
    tokens.append(first.prepare_conf([("probe-blocking", scripts[2]), ("probe-needy", "id")]))
    failures = []

    def crowd(seed):
        try:
            conns = [runner.connect() for _ in range(8)]
            for n in range(10):
                for m, conn in enumerate(conns):
                    conn.start_req_call(tokens[(seed + n + m) % len(tokens)],
                                        id=seed * 1000 + n * 10 + m)
                for m, conn in enumerate(conns):
                    reply = conn.finish_call(Gateway({"uri": "/%d" % m}, b"b%d" % m))
                    assert reply.id == seed * 1000 + n * 10 + m
                    seen = report(reply.body) if reply.body != b"quick" else {}
                    assert seen.get("var uri", "/%d" % m) == "/%d" % m
                    assert seen.get("body", "b%d" % m) == "b%d" % m
                    assert seen.get("id", str(reply.id)) == str(reply.id)
        except BaseException as e:  # pylint: disable=broad-except
            failures.append(e)

    threads = [threading.Thread(target=crowd, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
