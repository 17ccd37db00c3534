# SPDX-License-Identifier: Apache-2.0
"""Sizes: frames up to the format's 16,777,215 bytes are whole, what is larger is refused
by name and never cut."""
import zlib

import pytest

import a6wire as wire
from harness import Gateway, report, script

MIB = 1024 * 1024
ANSWER = script("answer 200", "answer-write hello")


def said(body):
    """What the probe reports of a long string."""
    return "(%d bytes, adler32 %08x)" % (len(body), zlib.adler32(body))


def assert_in_step(conn):
    assert conn.req_call(conn.prepare_conf(ANSWER)).body == b"hello"


def pattern(size):
    return (bytes(range(256)) * (size // 256 + 1))[:size]


# ---- from the gateway ----


def test_a_body_that_fills_a_frame_arrives_whole_in_pieces(conn):
    body = pattern(wire.PAYLOAD_MAX - 64)
    conn.start_req_call(conn.prepare_conf(script("body", "report")),
                        headers=[("content-length", str(len(body)))])
    assert conn.receive() == wire.ExtraInfo(wire.REQ_BODY)
    frame = wire.frame(wire.EXTRA_INFO, wire.extra_info_reply(body))
    for at in range(0, len(frame), 100000):
        conn.send_bytes(frame[at:at + 100000])
    assert report(conn.receive().body) == {"body": said(body)}
    assert_in_step(conn)


def test_a_response_body_that_fills_a_frame(conn):
    body = pattern(16 * MIB - 100)
    token = conn.prepare_conf(script("response-body", "report"))
    reply = conn.resp_call(token, Gateway(response_body=body))
    assert report(reply.body) == {"response-body": said(body)}


def test_both_bodies_in_one_call(conn):
    one, two = pattern(9 * MIB), pattern(10 * MIB)
    token = conn.prepare_conf(script("body", "response-body", "body", "report"))
    reply = conn.resp_call(token, Gateway(body=one, response_body=two))
    assert report(reply.body) == {"body": said(one), "response-body": said(two)}


def test_a_call_that_fills_a_frame(conn):
    value = "v" * (15 * MIB)
    token = conn.prepare_conf(script("header x-big", "header host", "report"))
    reply = conn.req_call(token, headers=[("x-big", value), ("host", "h")])
    assert report(reply.body) == {"header x-big": said(value.encode()), "header host": "h"}


def test_a_call_of_a_hundred_thousand_headers(conn):
    """A real gateway sends a hundred; a stranger may send what he likes."""
    headers = [("x-%d" % n, "") for n in range(100000)]
    token = conn.prepare_conf(script("header x-99999", "report"))
    assert report(conn.req_call(token, headers=headers).body) == {"header x-99999": ""}


def test_a_conf_of_ten_megabytes(conn):
    conf = ANSWER + "\n" * (10 * MIB)
    assert conn.req_call(conn.prepare_conf(conf)).body == b"hello"


def test_a_conf_that_does_not_fit_the_store_is_refused(start):
    runner = start("--max-conf-memory", "1m")
    conn = runner.connect()
    conn.send(wire.PREPARE_CONF, wire.prepare_conf([("probe", ANSWER + "\n" * (4 * MIB))]))
    assert conn.receive() == wire.Error(wire.SERVICE_UNAVAILABLE)
    runner.wait_output("max-conf-memory")
    assert_in_step(conn)


# ---- bodies that are too large ----


@pytest.mark.parametrize("plugin,length", [("probe", wire.PAYLOAD_MAX), ("probe", 17000000),
                                           ("probe", 10**30), ("probe-small", 1001)])
def test_a_body_too_large_by_its_length_is_not_asked_for(conn, plugin, length):
    """The gateway would close the connection and answer 503."""
    token = conn.prepare_conf([(plugin, script("body", "report"))])
    reply = conn.req_call(token, headers=[("content-length", str(length))])
    assert reply.asked == [] and report(reply.body) == {"body": "EMSGSIZE"}


def test_a_declared_body_too_large_by_its_length_is_not_asked_for(conn):
    token = conn.prepare_conf([("probe-needy", script("body", "report"))])
    reply = conn.req_call(token, headers=[("content-length", "17000000")])
    assert (wire.REQ_BODY, None) not in reply.asked
    assert report(reply.body) == {"body": "EMSGSIZE"}


def test_a_response_body_too_large_by_its_length_is_not_asked_for(conn):
    token = conn.prepare_conf([("probe-small", script("response-body", "report"))])
    reply = conn.resp_call(token, headers=[("Content-Length", "1001")])
    assert reply.asked == [] and report(reply.body) == {"response-body": "EMSGSIZE"}


@pytest.mark.parametrize("size,outcome", [(1000, None), (1001, "EMSGSIZE")])
def test_a_plugins_own_limit_for_bodies_of_unknown_length(conn, size, outcome):
    body = pattern(size).replace(b"\n", b"n").replace(b";", b"s")
    token = conn.prepare_conf([("probe-small", script("body", "report"))])
    reply = conn.req_call(token, Gateway(body=body))
    assert reply.asked == [(wire.REQ_BODY, None)]
    seen = report(reply.body)["body"]
    assert seen == outcome if outcome else seen != "EMSGSIZE"


def test_the_limit_of_one_plugin_is_not_that_of_the_next(conn):
    body = b"x" * 1500
    token = conn.prepare_conf([("probe-small", script("body", "report-header")),
                               ("probe", script("header x-report", "body", "report"))])
    reply = conn.req_call(token, Gateway(body=body))
    assert reply.asked == [(wire.REQ_BODY, None)]
    seen = report(reply.body)
    assert "EMSGSIZE" in seen["header x-report"] and seen["body"] == "x" * 1500


def test_max_body_is_for_all(start):
    runner = start("--max-body", "1000")
    conn = runner.connect()
    token = conn.prepare_conf(script("body", "report"))
    reply = conn.req_call(token, headers=[("content-length", "1001")])
    assert reply.asked == [] and report(reply.body) == {"body": "EMSGSIZE"}


# ---- to the gateway ----


def test_an_answer_that_nearly_fills_a_frame(conn):
    size = wire.PAYLOAD_MAX - 1000
    token = conn.prepare_conf(script("answer 200", "fill-answer %d" % size))
    reply = conn.req_call(token)
    assert reply.status == 200 and reply.body == b"x" * size


def test_a_rewritten_body_that_nearly_fills_a_frame(conn):
    size = wire.PAYLOAD_MAX - 1000
    assert conn.req_call(conn.prepare_conf("fill-body %d" % size)).body == b"x" * size
    assert conn.resp_call(conn.prepare_conf("fill-body %d" % size)).body == b"x" * size


@pytest.mark.parametrize("size", [wire.PAYLOAD_MAX, wire.PAYLOAD_MAX + 1, 20 * MIB])
def test_what_does_not_fit_a_frame_is_refused_to_the_plugin(conn, size):
    """Whatever it then does, no frame of a cut length goes out."""
    token = conn.prepare_conf(script("answer 200", "fill-answer %d" % size, "report-write"))
    assert report(conn.req_call(token).body)["fill-answer %d" % size] == "EMSGSIZE"
    for call in conn.req_call, conn.resp_call:
        reply = call(conn.prepare_conf("fill-body %d" % size))
        assert reply == wire.Error(wire.SERVICE_UNAVAILABLE) or not reply.body
        assert_in_step(conn)


def test_a_reply_beyond_a_frame_becomes_an_error_and_a_line_in_the_log(start):
    """Each part fits; all together do not."""
    runner = start("--max-call-memory", "64m")
    conn = runner.connect()
    almost = wire.PAYLOAD_MAX - 2000
    token = conn.prepare_conf(script("fill-body %d" % almost, "fill-header x-big 4000"))
    assert conn.req_call(token, id=90210) == wire.Error(wire.SERVICE_UNAVAILABLE)
    assert "90210" in runner.wait_output(r"^.*(16,?777,?215|does not fit|too large).*$").group(0)
    assert_in_step(conn)
    assert conn.resp_call(token, headers=[("a", "b")]) == wire.Error(wire.SERVICE_UNAVAILABLE)
    assert_in_step(conn)


def test_the_memory_of_a_call_is_limited(conn):
    reply = conn.req_call(conn.prepare_conf(script("fill-header x-big 4000000", "report")))
    assert report(reply.body) == {"fill-header x-big 4000000": "ENOMEM"}
    assert_in_step(conn)


def test_large_replies_do_not_keep_their_memory(shared, conn):
    token = conn.prepare_conf(script("answer 200", "fill-answer 16000000"))
    for _ in range(10):
        with shared.connect() as other:
            assert len(other.req_call(token).body) == 16000000
    idle = [shared.connect() for _ in range(10)]
    for other in idle:
        assert len(other.req_call(token).body) == 16000000
    # Ten idle connections of 16 MB each would be 160 MB.
    assert shared.memory_kib() < 400 * 1024
    for other in idle:
        other.close()
