# SPDX-License-Identifier: Apache-2.0
"""Filters that go on later, and what stays between calls."""
import pytest

import a6wire as wire
from harness import Gateway, connect_to_two_workers, report, script, wait_until

UNAVAILABLE = wire.Error(wire.SERVICE_UNAVAILABLE)


# ---- later: delay and suspend ----


def test_a_delay_goes_on_with_the_next_plugin(conn):
    token = conn.prepare_conf([("probe", script("set-header x 1", "delay 30")),
                               ("probe-two", script("header x", "report"))])
    assert report(conn.req_call(token).body) == {"header x": "1"}


def test_a_delay_of_the_last_plugin(conn):
    reply = conn.req_call(conn.prepare_conf(script("set-header x 1", "delay 10")))
    assert reply.headers == [("x", "1")]


def test_a_delay_beyond_the_deadline_is_an_error(conn):
    token = conn.prepare_conf([("probe-hasty", "delay 10000")])
    assert conn.req_call(token) == UNAVAILABLE


@pytest.mark.parametrize("ms", [0, 20])
def test_a_suspended_call_goes_on_in_a_thread_of_the_plugin(conn, ms):
    lines = script("set-header x 1", "suspend %d" % ms, "header x", "var uri", "alloc 100",
                   "answer 200", "report-write")
    for _ in range(10):
        reply = conn.req_call(conn.prepare_conf(lines), Gateway({"uri": "/u"}))
        assert reply.asked == [(wire.VAR, "uri")]
        seen = report(reply.body)
        assert seen["header x"] == "1" and seen["var uri"] == "/u"
        assert seen["alloc 100"] == "zeroed aligned"


def test_a_suspended_call_goes_on_with_the_next_plugin(conn):
    token = conn.prepare_conf([("probe", script("suspend 5", "set-path /later")),
                               ("probe-two", script("path", "report"))])
    assert report(conn.req_call(token).body) == {"path": "/later"}


def test_a_suspended_call_can_fail(conn):
    assert conn.req_call(conn.prepare_conf(script("suspend 5", "fail"))) == UNAVAILABLE


def test_a_call_that_is_resumed_too_late(shared, conn, tmp_path):
    """SERVICE_UNAVAILABLE at the deadline; the one who resumes is told."""
    told, go = tmp_path / "told", tmp_path / "go"
    lines = script("resume-result %s" % told, "suspend 0", "wait %s" % go, "answer 200")
    with shared.connect() as late:
        token = late.prepare_conf([("probe-hasty", lines)])
        assert late.req_call(token) == UNAVAILABLE
    assert not told.exists()
    go.touch()
    shared.wait_output("deadline")
    wait_until(lambda: told.exists() and told.read_text() == "ECANCELED\n", "a6_resume")
    assert conn.req_call(conn.prepare_conf("answer 200")).status == 200


# ---- cells ----


def test_cells_count_over_calls_and_connections_per_route(shared, conn):
    lines = script("parse-cell hits", "cell-add 2 1", "report")
    one = conn.prepare_conf(lines, "route#one#ext-plugin-pre-req#1")
    two = conn.prepare_conf(lines, "route#two#ext-plugin-pre-req#1")
    for n in range(1, 4):
        assert report(conn.req_call(one).body) == {"cell-add 2 1": str(n)}
    with shared.connect() as other:
        assert report(other.req_call(one).body) == {"cell-add 2 1": "4"}
    assert report(conn.req_call(two).body) == {"cell-add 2 1": "1"}


def test_a_route_keeps_its_cell_when_it_is_changed(conn):
    for version in range(1, 4):
        token = conn.prepare_conf(script("parse-cell hits", "cell-add 0 1", "report"),
                                  "route#changing#ext-plugin-pre-req#%d" % version)
        assert report(conn.req_call(token).body) == {"cell-add 0 1": str(version)}


def test_all_workers_share_a_cell(start):
    one, other = connect_to_two_workers(start("--workers", "2", "--threads", "1"))
    token = one.prepare_conf(script("parse-cell hits", "cell-add 0 1", "report"))
    seen = [report(conn.req_call(token).body)["cell-add 0 1"] for conn in (one, other, one, other)]
    assert seen == ["1", "2", "3", "4"]


def test_a_leaky_bucket(conn):
    """One a second, two may wait: the first passes, two wait, the fourth is refused."""
    token = conn.prepare_conf(script("parse-cell bucket", "cell-take 1 2", "report"))
    waits = [int(report(conn.req_call(token).body)["cell-take 1 2"]) for _ in range(4)]
    assert waits[0] == 0 and waits[3] == -1
    assert 0 < waits[1] <= 1000 < waits[2] <= 2000
