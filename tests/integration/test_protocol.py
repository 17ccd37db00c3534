# SPDX-License-Identifier: Apache-2.0
"""Frames on the socket: right ones, wrong ones, and in what portions they arrive."""
import re
import resource
import socket
import time

import pytest

import a6wire as wire
import harness
from harness import Closed, Conn, Gateway, report, sanitized, script, wait_until

ANSWER = script("answer 200", "answer-write hello")
needs_frame_timeout = pytest.mark.skipif("not harness.has_option('frame-timeout')",
                                         reason="half a frame is waited for 60 s")


def is_error(reply, code):
    return isinstance(reply, wire.Error) and reply.code == code


def assert_in_step(conn, token=None):
    """The connection still serves calls."""
    if token is None:
        token = conn.prepare_conf(ANSWER)
    reply = conn.req_call(token)
    assert reply.action == wire.STOP and reply.body == b"hello"


# ---- frames that are refused ----


@pytest.mark.parametrize("kind", [5, 9, 127, 255])
def test_an_unknown_type_is_a_bad_request(conn, kind):
    conn.send(kind, b"whatever")
    assert is_error(conn.receive(), wire.BAD_REQUEST)
    assert_in_step(conn)


@pytest.mark.parametrize("kind", [wire.ERROR, wire.EXTRA_INFO])
def test_a_type_that_no_gateway_begins_with_is_a_bad_request(conn, kind):
    conn.send(kind, wire.extra_info_reply(b"unasked"))
    assert is_error(conn.receive(), wire.BAD_REQUEST)
    assert_in_step(conn)


@pytest.mark.parametrize("kind", [wire.PREPARE_CONF, wire.HTTP_REQ_CALL, wire.HTTP_RESP_CALL])
@pytest.mark.parametrize("payload", [b"", b"\0", bytes(8), b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n",
                                     b"\4\0\0\0" + b"\1" * 60],
                         ids=["empty", "one byte", "zeros", "ones", "http", "wild offsets"])
def test_garbage_is_a_bad_request(conn, kind, payload):
    conn.send(kind, payload)
    assert is_error(conn.receive(), wire.BAD_REQUEST)
    assert_in_step(conn)


def test_every_cut_of_a_call_is_a_bad_request(conn):
    token = conn.prepare_conf(ANSWER)
    call = wire.req_call(token, path="/cut", args=[("a", "1")], headers=[("host", "h")])
    for size in range(len(call)):
        conn.send(wire.HTTP_REQ_CALL, call[:size])
    for size in range(len(call)):
        assert is_error(conn.receive(), wire.BAD_REQUEST), "cut to %d bytes" % size
    assert_in_step(conn, token)


@pytest.mark.parametrize("kind", [wire.PREPARE_CONF, wire.HTTP_REQ_CALL, wire.HTTP_RESP_CALL])
def test_every_damaged_byte_gets_exactly_one_valid_answer(conn, kind):
    token = conn.prepare_conf([("probe-two", ANSWER)])
    pairs = [("accept", "*/*"), ("x", "")]
    payload = {
        wire.PREPARE_CONF: wire.prepare_conf([("probe-two", ANSWER)], "route#damaged"),
        wire.HTTP_REQ_CALL: wire.req_call(token, id=1, path="/p", args=pairs, headers=pairs),
        wire.HTTP_RESP_CALL: wire.resp_call(token, id=1, headers=pairs),
    }[kind]
    for change in (0x01, 0x10, 0x80, 0xff):
        for at in range(len(payload)):
            mutant = bytearray(payload)
            mutant[at] ^= change
            conn.send(kind, mutant)
            assert isinstance(conn.receive(), (wire.Error, wire.PrepareConfReply, wire.Reply,
                                               wire.RespReply))
    assert conn.is_quiet()
    assert_in_step(conn)


@pytest.mark.parametrize("token", [0, 1, 2, 0xffffffff])
def test_an_unknown_token_is_not_found(conn, token):
    assert is_error(conn.req_call(token), wire.CONF_TOKEN_NOT_FOUND)
    assert is_error(conn.resp_call(token), wire.CONF_TOKEN_NOT_FOUND)
    assert_in_step(conn)


def test_a_wrong_length_hurts_only_its_own_connection(shared, conn):
    call = wire.frame(wire.PREPARE_CONF, wire.prepare_conf([("probe", ANSWER)]))
    with Conn(shared.socket_path) as bad:  # too long: it swallows the head of the next one
        bad.send_bytes((call[:3] + bytes([call[3] + 40]) + call[4:]) * 3)
        bad.receive()
        assert_in_step(conn)
    with Conn(shared.socket_path) as bad:
        bad.send_bytes(call[:3] + bytes([call[3] - 8]) + call[4:])
        assert is_error(bad.receive(), wire.BAD_REQUEST)
    assert_in_step(conn)


# ---- a gateway newer or older than we know ----


def test_fields_that_the_schema_does_not_have_yet_are_ignored(conn):
    token = conn.prepare_conf(script("path", "report"))
    conn.send(wire.HTTP_REQ_CALL, wire.req_call(token, id=3, path="/newer", newer=True))
    reply = conn.receive()
    assert reply.id == 3 and report(reply.body) == {"path": "/newer"}


def test_fields_that_are_absent_read_as_their_defaults(conn):
    token = conn.prepare_conf(script("id", "method", "path", "args", "headers", "source", "report"))
    conn.send(wire.HTTP_REQ_CALL, wire.req_call(token, path=None, args=None, headers=None,
                                                source=None))
    reply = conn.receive()
    assert reply.id == 0
    seen = report(reply.body)
    assert seen.pop("path") in ("", "(absent)")
    assert seen == {"id": "0", "method": "0", "args": "", "headers": "", "source": "(absent)"}


# ---- portions ----


def test_pipelined_calls_are_answered_in_order(conn):
    token = conn.prepare_conf(script("id", "report"))
    conn.send_bytes(b"".join(wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=n))
                             for n in range(1, 501)))
    for n in range(1, 501):
        reply = conn.receive()
        assert reply.id == n and report(reply.body) == {"id": str(n)}


def test_pipelined_frames_of_all_kinds_are_answered_in_order(conn):
    token = conn.prepare_conf(ANSWER)
    conn.send_bytes(
        wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=1)) +
        wire.frame(9, b"") +
        wire.frame(wire.PREPARE_CONF, wire.prepare_conf([("probe", ANSWER)])) +
        wire.frame(wire.HTTP_RESP_CALL, wire.resp_call(12345, id=2)) +
        wire.frame(wire.HTTP_REQ_CALL, b"garbage") +
        wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=3)))
    assert conn.receive().id == 1
    assert is_error(conn.receive(), wire.BAD_REQUEST)
    assert conn.receive() == wire.PrepareConfReply(token)
    assert is_error(conn.receive(), wire.CONF_TOKEN_NOT_FOUND)
    assert is_error(conn.receive(), wire.BAD_REQUEST)
    assert conn.receive().id == 3


@pytest.mark.parametrize("plugin", ["probe", "probe-needy", "probe-blocking"])
def test_a_question_in_the_middle_of_pipelined_calls(conn, plugin):
    """The answer comes behind calls that were sent before it was asked."""
    asking = conn.prepare_conf([(plugin, script("var remote_addr", "report"))])
    plain = conn.prepare_conf(ANSWER)
    conn.send_bytes(wire.frame(wire.HTTP_REQ_CALL, wire.req_call(asking, id=1)) +
                    wire.frame(wire.HTTP_REQ_CALL, wire.req_call(plain, id=2)) +
                    wire.frame(wire.HTTP_REQ_CALL, wire.req_call(asking, id=3)))
    gateway = Gateway({"remote_addr": "192.0.2.1", "route_id": "7"})
    first = conn.finish_call(gateway)
    assert first.id == 1 and report(first.body) == {"var remote_addr": "192.0.2.1"}
    assert conn.receive().id == 2
    third = conn.finish_call(gateway)
    assert third.id == 3 and report(third.body) == {"var remote_addr": "192.0.2.1"}


@pytest.mark.parametrize("plugin", ["probe", "probe-blocking"])
def test_calls_behind_answers_that_do_not_fit_into_the_socket(conn, plugin):
    large = conn.prepare_conf([(plugin, script("answer 200", "fill-answer 1000000"))])
    asking = conn.prepare_conf([(plugin, script("var remote_addr", "report"))])
    conn.send_bytes(wire.frame(wire.HTTP_REQ_CALL, wire.req_call(large, id=1)) +
                    wire.frame(wire.HTTP_REQ_CALL, wire.req_call(large, id=2)) +
                    wire.frame(wire.PREPARE_CONF, wire.prepare_conf([(plugin, "")], "no-such")) +
                    wire.frame(wire.HTTP_REQ_CALL, wire.req_call(asking, id=3)) +
                    wire.frame(wire.HTTP_REQ_CALL, wire.req_call(large, id=4)))
    for n in (1, 2):
        reply = conn.receive()
        assert (reply.id, len(reply.body), set(reply.body)) == (n, 1000000, {ord("x")})
    assert isinstance(conn.receive(), wire.PrepareConfReply)
    assert conn.finish_call(Gateway({"remote_addr": "192.0.2.1"})).id == 3
    reply = conn.receive()
    assert (reply.id, len(reply.body)) == (4, 1000000)


def test_a_sender_of_single_bytes_is_served(conn):
    token = conn.prepare_conf(script("path", "var uri", "report"))
    for byte in wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=9, path="/bytes")):
        conn.send_bytes(bytes([byte]))
    assert conn.receive() == wire.ExtraInfo(wire.VAR, "uri")
    for byte in wire.frame(wire.EXTRA_INFO, wire.extra_info_reply(b"/bytes?x")):
        conn.send_bytes(bytes([byte]))
    reply = conn.receive()
    assert report(reply.body) == {"path": "/bytes", "var uri": "/bytes?x"}


def test_frames_are_cut_anywhere(conn):
    """Two calls in two writes, with the cut at every place."""
    token = conn.prepare_conf(ANSWER)
    two = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=1)) * 2
    for at in range(1, len(two)):
        conn.send_bytes(two[:at])
        conn.send_bytes(two[at:])
        assert conn.receive().id == 1 and conn.receive().id == 1


# ---- peers that misbehave ----


def test_an_announced_frame_costs_no_memory_until_it_comes(shared, conn):
    token = conn.prepare_conf(ANSWER)
    conn.req_call(token)
    before = shared.memory_kib()
    announcers = [shared.connect() for _ in range(100)]
    for announcer in announcers:
        announcer.send_bytes(b"\x02\xff\xff\xff" + bytes(100))
    assert_in_step(conn, token)
    assert shared.memory_kib() - before < 100 * 1024  # all of them announced 1.6 GiB
    for announcer in announcers:
        announcer.close()


@needs_frame_timeout
def test_half_a_frame_that_stalls_is_closed(start):
    runner = start("--frame-timeout", "1")
    idle = runner.connect()
    token = idle.prepare_conf(ANSWER)
    stalled = runner.connect()
    stalled.send_bytes(wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token))[:-1])
    headless = runner.connect()
    headless.send_bytes(b"\x01\x00")
    stalled.wait_closed()
    headless.wait_closed()
    runner.wait_output("half a frame")
    assert_in_step(idle, token)  # idle for longer than that, and kept


@needs_frame_timeout
def test_idle_connections_are_kept(start):
    """Longer than the timeout for half a frame; the gateway closes them after 180 s."""
    runner = start("--frame-timeout", "1")
    idle = [runner.connect() for _ in range(20)]
    token = idle[0].prepare_conf(ANSWER)
    for conn in idle[:10]:
        assert_in_step(conn, token)
    stalled = runner.connect()  # its end tells that the time has passed
    stalled.send_bytes(b"\x01")
    stalled.wait_closed()
    for conn in idle:
        assert_in_step(conn, token)


def test_a_peer_that_does_not_read_costs_a_bounded_buffer_and_holds_up_nobody(shared, conn):
    size = 1000000
    token = conn.prepare_conf(script("answer 200", "fill-answer %d" % size))
    quick = conn.prepare_conf(ANSWER)
    before = shared.memory_kib()
    with shared.connect() as slow:
        slow.sock.setblocking(False)
        frame = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token))
        sent = 0
        try:
            while sent < 400:  # 400 MB of answers, if they were all made
                slow.sock.sendall(frame)
                sent += 1
        except BlockingIOError:
            pass
        for _ in range(50):
            assert_in_step(conn, quick)
        assert shared.memory_kib() - before < 48 * 1024 * (3 if sanitized() else 1)
        slow.sock.settimeout(30)
        for _ in range(min(sent, 20)):  # it reads after all: every answer is there and whole
            reply = slow.receive()
            assert len(reply.body) == size
    shared.conns.remove(slow)


def test_a_peer_that_leaves_in_the_middle_hurts_nobody(shared, conn):
    asking = conn.prepare_conf(script("var remote_addr", "body", "report"))
    slow = conn.prepare_conf(script("sleep 20", "var remote_addr", "report"))
    call = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(asking))
    for _ in range(20):
        with Conn(shared.socket_path) as half:
            half.send_bytes(call[:40])
        with Conn(shared.socket_path) as unread:
            unread.send_bytes(call)
        with Conn(shared.socket_path) as asked:
            asked.send_bytes(call)
            assert isinstance(asked.receive(), wire.ExtraInfo)
        with Conn(shared.socket_path) as gone:
            gone.start_req_call(slow)
    assert_in_step(conn)


def test_peers_that_leave_before_their_large_answers_cost_nothing(start):
    """They have left when the one loop comes to their calls."""
    runner = start("--threads", "1")
    conn = runner.connect()
    busy = conn.prepare_conf(script("spin 3", "answer 200"))
    token = conn.prepare_conf(script("answer 200", "fill-answer 1000000"))
    call = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token))
    before = runner.memory_kib()
    for _ in range(10):
        leaving = [runner.connect() for _ in range(100)]
        conn.start_req_call(busy)
        for peer in leaving:
            peer.send_bytes(call)
            peer.close()
        assert conn.receive().status == 200
        assert_in_step(conn)
    # All of them together would be 1 GB; what malloc keeps for the next ones is less.
    assert runner.memory_kib() - before < 200 * 1024 * (3 if sanitized() else 1)


def test_a_peer_that_ends_its_side_still_gets_its_answer(shared, conn):
    token = conn.prepare_conf(script("sleep 10", "answer 200", "answer-write late"))
    with Conn(shared.socket_path) as half_closed:
        half_closed.start_req_call(token, id=4)
        half_closed.sock.shutdown(socket.SHUT_WR)
        assert half_closed.receive().body == b"late"
        half_closed.wait_closed()


def test_a_malformed_answer_to_a_question_ends_only_that_connection(shared, conn):
    token = conn.prepare_conf(script("var remote_addr", "report"))
    with Conn(shared.socket_path) as bad:
        bad.start_req_call(token)
        assert isinstance(bad.receive(), wire.ExtraInfo)
        bad.send(wire.EXTRA_INFO, b"\xff" * 16)
        try:
            assert isinstance(bad.receive(), wire.Error)
            bad.wait_closed()
        except Closed:
            pass
    assert_in_step(conn)


# ---- many ----


def test_five_thousand_connections(start):
    runner = start()
    with runner.connect() as first:
        token = first.prepare_conf(ANSWER)
    conns = [runner.connect() for _ in range(5000)]
    frame = wire.frame(wire.HTTP_REQ_CALL, wire.req_call(token, id=1))
    for conn in conns:
        conn.send_bytes(frame)
    for conn in conns:
        assert conn.receive_frame()[0] == wire.HTTP_REQ_CALL


def test_connections_beyond_the_limit_wait_for_their_turn(start):
    runner = start("--max-connections", "10")
    served = [runner.connect() for _ in range(10)]
    token = served[0].prepare_conf(ANSWER)
    for conn in served:
        assert_in_step(conn, token)
    waiting = [runner.connect() for _ in range(5)]
    for conn in waiting:
        conn.start_req_call(token)
    assert waiting[0].is_quiet()
    for conn in served[:5]:
        conn.close()
    for conn in waiting:
        assert conn.receive().body == b"hello"
    assert_in_step(served[9], token)


def test_at_the_descriptor_limit_accepting_pauses_and_does_not_spin(start):
    runner = start("--threads", "1", limits={resource.RLIMIT_NOFILE: 64})
    conns = [runner.connect() for _ in range(100)]
    token = conns[0].prepare_conf(ANSWER)
    runner.wait_output("(?i)too many open files|descriptor")
    before = runner.cpu_seconds()
    time.sleep(0.5)
    assert runner.cpu_seconds() - before < 0.25
    assert len(re.findall("WARN|ERROR", runner.output())) < 20
    assert_in_step(conns[0], token)
    for conn in conns[99:]:
        conn.start_req_call(token)
    for conn in conns[1:99]:
        conn.close()
    assert conns[99].receive().body == b"hello"
    wait_until(lambda: Conn(runner.socket_path).prepare_conf(ANSWER) == token, "a new connection")
