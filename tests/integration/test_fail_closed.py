# SPDX-License-Identifier: Apache-2.0
"""A route whose plugins cannot all run is refused, and the log says why: a misspelt
auth plugin must not become an open door."""
import pytest

import a6wire as wire
from harness import script

UNAVAILABLE = wire.Error(wire.SERVICE_UNAVAILABLE)
ANSWER = script("answer 200", "answer-write ran")


@pytest.fixture
def runner(start):
    return start()


def test_an_unknown_plugin_refuses_the_call(runner):
    conn = runner.connect()
    token = conn.prepare_conf([("no-such-plugin", "{}")], "route#unknown#1")
    assert conn.req_call(token) == UNAVAILABLE
    assert conn.resp_call(token) == UNAVAILABLE
    line = runner.wait_output(r"^.*no-such-plugin.*$").group(0)
    assert "route#unknown#1" in line


def test_the_line_about_an_unknown_plugin_names_the_nearest_one(runner):
    conn = runner.connect()
    conn.req_call(conn.prepare_conf([("probe-bloking", "{}")]))
    assert "probe-blocking" in runner.wait_output(r"^.*probe-bloking.*$").group(0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_unknown_plugin_among_good_ones_stops_them_all(runner, tmp_path, place):
    ran = tmp_path / "ran"
    conf = [("probe", "touch %s" % ran), ("probe", ANSWER)]
    conf.insert(place, ("auht", "{}"))
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf(conf)) == UNAVAILABLE
    assert not ran.exists()


def test_a_rejected_conf_refuses_the_call_and_the_log_says_why(runner):
    conn = runner.connect()
    token = conn.prepare_conf(script("parse-reject the key `rate` must be a number"),
                              "route#rejected#1")
    assert conn.req_call(token) == UNAVAILABLE
    line = runner.wait_output(r"^.*the key `rate` must be a number.*$").group(0)
    assert "probe" in line and "route#rejected#1" in line


def test_the_same_complaint_is_logged_once_per_conf_not_once_per_call(runner):
    conns = [runner.connect() for _ in range(5)]
    token = conns[0].prepare_conf([("gone", "{}")], "route#gone")
    rejected = conns[0].prepare_conf(script("parse-reject for a reason"), "route#why")
    for conn in conns * 10:
        assert conn.req_call(token) == UNAVAILABLE
        assert conn.req_call(rejected) == UNAVAILABLE
        assert conn.resp_call(token) == UNAVAILABLE
    runner.wait_output("for a reason")
    assert runner.count_output(r"\bgone\b.*") == 1
    assert runner.count_output("for a reason") == 1
    other = conns[0].prepare_conf([("gone", "{}")], "route#other")
    assert conns[0].req_call(other) == UNAVAILABLE
    runner.wait_output("route#other")


def test_the_connection_and_other_routes_are_not_touched(runner):
    conn = runner.connect()
    good = conn.prepare_conf(ANSWER)
    bad = conn.prepare_conf([("gone", "{}")])
    for _ in range(3):
        assert conn.req_call(bad) == UNAVAILABLE
        assert conn.req_call(good).body == b"ran"


def test_the_skip_setting_runs_the_route_without_the_plugin(start):
    runner = start("--unknown-plugin", "skip")
    conn = runner.connect()
    token = conn.prepare_conf([("gone", "{}"), ("probe", "parse-reject no"), ("probe-two", ANSWER)],
                              "route#skipped")
    assert conn.req_call(token).body == b"ran"
    assert "route#skipped" in runner.wait_output(r"^.*WARN.*\bgone\b.*$").group(0)


# ---- a plugin that fails while it runs ----


def test_a_plugins_error_refuses_the_call_and_the_log_says_which_and_why(runner):
    conn = runner.connect()
    token = conn.prepare_conf(script("error the database is away"))
    assert conn.req_call(token, id=4242) == UNAVAILABLE
    line = runner.wait_output(r"^.*the database is away.*$").group(0)
    assert "probe" in line and "4242" in line
    assert conn.resp_call(token, id=4243) == UNAVAILABLE


def test_plugins_behind_one_that_failed_do_not_run(runner, tmp_path):
    ran = tmp_path / "ran"
    conn = runner.connect()
    token = conn.prepare_conf([("probe", script("set-header x 1", "error no")),
                               ("probe-two", "touch %s" % ran)])
    assert conn.req_call(token) == UNAVAILABLE
    assert not ran.exists()


def test_an_error_after_an_answer_is_an_error(runner):
    conn = runner.connect()
    token = conn.prepare_conf(script("answer 200", "answer-write half", "error no"))
    assert conn.req_call(token) == UNAVAILABLE


@pytest.mark.parametrize("result", ["fail", "return 1", "return 7", "return -5"],
                         ids=["without a reason", "pending and not suspended", "unknown",
                              "unknown negative"])
def test_a_result_that_is_no_decision_refuses_the_call(runner, result):
    conn = runner.connect()
    assert conn.req_call(conn.prepare_conf(script(result))) == UNAVAILABLE
    assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"ran"
    runner.wait_output(r"\bprobe\b")


def test_a_plugin_has_no_filter_for_a_phase(runner):
    """It is passed by: a route names a plugin for the phase that it has."""
    conn = runner.connect()
    token = conn.prepare_conf([("probe-response", "set-status 203"), ("probe-two", ANSWER)])
    assert conn.req_call(token).body == b"ran"
    token = conn.prepare_conf([("probe-request", ANSWER), ("probe-two", "set-status 203")])
    assert conn.resp_call(token).status == 203
