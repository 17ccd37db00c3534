# SPDX-License-Identifier: Apache-2.0
"""What a filter in the response phase can read and change, through the wire."""
import pytest

import a6wire as wire
from effect import Client
from harness import Gateway, report, script

UNAVAILABLE = wire.Error(wire.SERVICE_UNAVAILABLE)

CALL = {
    "id": 91, "status": 200,
    "headers": [("Content-Type", "text/plain"), ("X-Multi", "a"), ("X-Multi", "b"),
                ("Set-Cookie", "s1=1"), ("Set-Cookie", "s2=2"), ("X-MiXeD", "Yes"),
                ("Content-Length", "4"), ("Server", "upstream")],
}


def probe(conn, *lines, gateway=None, plugin="probe", **call):
    """Runs the script and gives its report."""
    token = conn.prepare_conf([(plugin, script(*lines, "report"))])
    reply = conn.resp_call(token, gateway, **{**CALL, **call})
    assert isinstance(reply, wire.RespReply), reply
    return report(reply.body)


def respond(conn, *lines, gateway=None, **call):
    token = conn.prepare_conf(script(*lines))
    reply = conn.resp_call(token, gateway, **{**CALL, **call})
    assert isinstance(reply, wire.RespReply), reply
    return reply


def client(conn, *lines, **call):
    """Runs the script and gives the response as the client would get it."""
    call = {**CALL, **call}
    return Client(respond(conn, *lines, **call), call["status"], call["headers"], b"body")


# ---- reading ----


def test_id_status_and_headers(conn):
    outcome = probe(conn, "id", "status", "headers", "header content-type", "header X-MIXED",
                    "header nope", "header-values set-cookie")
    assert outcome["id"] == "91" and outcome["status"] == "200"
    assert outcome["headers"].startswith("[Content-Type=text/plain][X-Multi=a][X-Multi=b]")
    assert outcome["header content-type"] == "text/plain"
    assert outcome["header X-MIXED"] == "Yes"
    assert outcome["header nope"] == "(absent)"
    assert outcome["header-values set-cookie"] == "[Set-Cookie=s1=1][Set-Cookie=s2=2]"


def test_the_upstreams_body_is_asked_once(conn):
    """The gateway has it only once: a second question gives nothing."""
    token = conn.prepare_conf([("probe", "response-body"),
                               ("probe-two", script("response-body", "report"))])
    reply = conn.resp_call(token, Gateway(response_body=b"body"), **CALL)
    assert reply.asked == [(wire.RESP_BODY, None)]
    assert report(reply.body) == {"response-body": "body"}


def test_an_empty_body_of_the_upstream_is_present(conn):
    assert probe(conn, "response-body", gateway=Gateway(response_body=b"")) == {
        "response-body": ""}


def test_the_body_and_variables_of_the_request(conn):
    gateway = Gateway({"uri": "/u"}, body=b"request")
    assert probe(conn, "var uri", "body", gateway=gateway) == {"var uri": "/u", "body": "request"}


def test_a_declared_body_is_fetched_before_the_filter(conn):
    token = conn.prepare_conf([("probe-needy-response", script("response-body", "report"))])
    reply = conn.resp_call(token, Gateway(response_body=b"body"), **CALL)
    assert reply.asked == [(wire.RESP_BODY, None)]
    assert report(reply.body) == {"response-body": "body"}


# ---- changing ----


def test_no_change_keeps_all_that_the_gateway_would_drop(conn):
    reply = respond(conn, "id", "status")
    assert reply.status == 0 and not reply.body
    got = client(conn, "id")
    for name, value in CALL["headers"]:
        assert value in got.values(name)


def test_no_change_and_nothing_to_lose_is_an_empty_reply(conn):
    reply = respond(conn, "id", headers=[("X-A", "1"), ("X-B", "2")])
    assert reply == wire.RespReply(91, 0)


@pytest.mark.parametrize("status", [100, 203, 599])
def test_set_status(conn, status):
    got = client(conn, "set-status %d" % status)
    assert got.status == status and got.body == b"body"
    assert got.values("content-type") == ["text/plain"]


@pytest.mark.parametrize("status", [0, 99, 600, 65736])
def test_a_status_that_is_none_is_refused(conn, status):
    line = "set-status %d" % status
    assert probe(conn, line) == {line: "EINVAL"}


def test_one_changed_header_keeps_all_others(conn):
    """The gateway sends only the headers of a reply that has any."""
    got = client(conn, "set-header X-New 1")
    assert got.values("x-new") == ["1"]
    assert got.values("content-type") == ["text/plain"]
    assert got.values("x-multi") == ["a", "b"]
    assert got.values("set-cookie") == ["s1=1", "s2=2"]


@pytest.mark.parametrize("lines,name,values", [
    (["set-header x-multi only"], "x-multi", ["only"]),
    (["add-header X-Multi c"], "x-multi", ["a", "b", "c"]),
    (["add-header Set-Cookie s3=3"], "set-cookie", ["s1=1", "s2=2", "s3=3"]),
    (["delete-header x-MULTI"], "x-multi", []),
    (["delete-header nope"], "x-mixed", ["Yes"]),
    (["delete-header X-Multi", "add-header X-Multi z"], "x-multi", ["z"]),
    (["set-header Content-Type application/json"], "content-type", ["application/json"]),
    (['set-header x-empty ""'], "x-empty", [""]),
], ids=lambda value: "; ".join(value) if isinstance(value, list) else None)
def test_headers(conn, lines, name, values):
    got = client(conn, *lines)
    assert got.values(name) == values


@pytest.mark.parametrize("name", ["Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade",
                                  "Trailer", "Proxy-Connection"])
def test_what_is_about_the_upstreams_connection_is_not_sent_on(conn, name):
    got = client(conn, "set-header x-new 1", headers=CALL["headers"] + [(name, "x")])
    assert got.values(name) == [] and got.values("x-multi") == ["a", "b"]


def test_deleting_every_header(conn):
    """A reply without headers would bring the upstream's back."""
    got = client(conn, "delete-header x-a", "delete-header x-b",
                 headers=[("X-A", "1"), ("X-B", "2")])
    assert got.values("x-a") == got.values("x-b") == []


@pytest.mark.parametrize("line", ['set-header "" x', r"set-header x-a one\x0d\x0atwo",
                                  r"add-header x-a one\x0atwo", "add-header a:b x",
                                  r"set-header x-a one\x00two", 'delete-header ""'])
def test_a_header_that_would_break_http_is_refused(conn, line):
    assert probe(conn, line) == {line: "EINVAL"}


def test_a_new_body_has_no_old_length(conn):
    reply = respond(conn, "set-body a longer body")
    assert reply.body == b"a longer body"
    assert not [h for h in reply.headers or [] if h[0].lower() == "content-length"]
    assert client(conn, "set-body x").values("content-type") == ["text/plain"]


def test_a_new_body_and_a_header(conn):
    got = client(conn, "set-body a longer body", "set-header x-new 1")
    assert got.body == b"a longer body" and got.values("x-new") == ["1"]
    assert got.values("content-type") == ["text/plain"] and got.values("content-length") == []


def test_an_empty_body_is_refused_because_the_gateway_would_keep_the_old_one(conn):
    assert probe(conn, 'set-body ""') == {'set-body ""': "EINVAL"}


def test_changes_of_one_plugin_are_seen_by_the_next(conn):
    first = script("set-status 203", "set-header x-new 1", "delete-header x-multi",
                   "set-body changed")
    second = script("status", "header x-new", "header x-multi", "response-body", "report")
    reply = conn.resp_call(conn.prepare_conf([("probe", first), ("probe-two", second)]), **CALL)
    assert reply.asked == [] and reply.status == 203
    assert report(reply.body) == {"status": "203", "header x-new": "1",
                                  "header x-multi": "(absent)", "response-body": "changed"}


def test_an_error_is_an_error(conn):
    assert conn.resp_call(conn.prepare_conf(script("error no")), **CALL) == UNAVAILABLE


# ---- later ----


def test_a_delay_and_a_suspended_call(conn):
    token = conn.prepare_conf([("probe", "delay 10"),
                               ("probe-two", script("suspend 5", "response-body", "set-status 203",
                                                    "report"))])
    reply = conn.resp_call(token, Gateway(response_body=b"body"), **CALL)
    assert reply.status == 203 and report(reply.body)["response-body"] == "body"


def test_both_phases_of_one_request(conn):
    """The same token may serve both; nothing of one phase is left in the other."""
    token = conn.prepare_conf(script("set-header x-a 1"))
    for _ in range(3):
        assert conn.req_call(token).headers == [("x-a", "1")]
        assert ("x-a", "1") in conn.resp_call(token, **CALL).headers
