# SPDX-License-Identifier: Apache-2.0
"""Every frame that a real gateway sent, sent again: the runner takes them all, and what it
answers has the effect that the route's conf asks for.

The bytes are the gateway's own, but for the conf token, which is what our runner gave out.
The `do` plugin does what the scripted runner of the recording did, as far as the SDK lets it.
"""
import json
from collections import defaultdict

import pytest

import a6wire as wire
from effect import EXCLUDED, Client, Upstream
from harness import BUILD, ROOT

FRAMES = ROOT / "tests/golden/frames"
SCENARIOS = sorted(p.parent.name for p in FRAMES.glob("*/scenario.json"))
KINDS = {"PrepareConf": wire.PREPARE_CONF, "HTTPReqCall": wire.HTTP_REQ_CALL,
         "ExtraInfo": wire.EXTRA_INFO, "HTTPRespCall": wire.HTTP_RESP_CALL}


class Recording:
    """One scenario: the frames in order, as (connection, from gateway, type, payload)."""

    def __init__(self, name):
        self.frames = []
        for path in sorted((FRAMES / name).glob("*.bin")):
            _, conn, direction, _ = path.stem.split("-")
            ((kind, payload),) = wire.split(path.read_bytes())
            self.frames.append((conn, direction == "c2s", kind, payload))

    def next_of(self, at, kind):
        """The runner's next frame on the connection of frame `at`, if it is of the type."""
        for conn, from_gateway, k, payload in self.frames[at + 1:]:
            if conn == self.frames[at][0] and not from_gateway:
                try:
                    return wire.read(k, payload, strict=False) if k == kind else None
                except wire.Malformed:
                    return None
        return None

    def answers(self, at):
        """What the gateway answered in the call at `at`: {question: payload}."""
        found, question = {}, None
        for conn, from_gateway, kind, payload in self.frames[at + 1:]:
            if conn != self.frames[at][0]:
                continue
            if from_gateway and kind != wire.EXTRA_INFO:
                break
            if kind == wire.EXTRA_INFO and from_gateway:
                found.setdefault(question, payload)
            elif kind == wire.EXTRA_INFO:
                info = wire.read(kind, payload, strict=False)
                question = info.type, info.name
        return found


def replay(recording, connect):
    """Gives [(conf or None, the call, our reply)]."""
    conns = defaultdict(connect)
    tokens, confs, calls = {}, {}, []
    for at, (name, from_gateway, kind, payload) in enumerate(recording.frames):
        conn = conns[name]
        if not from_gateway or kind == wire.EXTRA_INFO:
            continue
        if kind == wire.PREPARE_CONF:
            conn.send(kind, payload)
            reply = conn.receive()
            assert isinstance(reply, wire.PrepareConfReply)
            recorded = recording.next_of(at, wire.PREPARE_CONF)
            if recorded:
                tokens[recorded.token] = reply.token
            confs[reply.token] = wire.read_gateway(kind, payload)["conf"] or []
            continue
        call = wire.read_gateway(kind, payload)
        token = tokens.get(call["conf_token"])
        conn.send(kind, wire.with_token(kind, payload, token) if token else payload)
        answers = recording.answers(at)
        reply = conn.receive()
        while isinstance(reply, wire.ExtraInfo):
            answer = answers.get((reply.type, reply.name), wire.extra_info_reply(None))
            conn.send(wire.EXTRA_INFO, answer)
            reply = conn.receive()
        assert isinstance(reply, wire.Error) or reply.id == call["id"]
        calls.append((confs.get(token), {"kind": kind, **call}, reply))
    return calls


# ---- what a conf asks for ----


def expect_stop(reply, stop):
    if not 100 <= stop.get("status", 200) <= 599:
        assert reply.action == wire.NONE  # refused to the plugin
        return
    assert reply.action == wire.STOP
    assert reply.status == stop.get("status", 200)
    body = stop.get("body", "")
    # A wrong content-length would cut the body: it is not sent.
    headers = [tuple(pair) for pair in stop.get("headers", [])
               if pair[0] != "Content-Length" or pair[1] == str(len(body))]
    assert (reply.headers or []) == headers
    assert (reply.body or b"").decode() == body


def expect_rewrite(call, reply, rewrite):
    got = Upstream(reply, call["path"], call["args"] or [], call["headers"] or [])
    assert got.path == rewrite.get("path", call["path"])
    assert got.body == (rewrite["body"].encode() if rewrite.get("body") else None)
    headers = dict(call["headers"] or [])
    changes = rewrite.get("headers", [])
    for name in {name.lower() for name, _ in changes}:
        values = [value for n, value in changes if n.lower() == name]
        if values[-1] is None:
            headers.pop(name, None)
        else:
            headers[name] = ", ".join(values)
    assert got.headers == headers
    args = [arg for arg in call["args"] or []
            if arg[0] not in {name for name, _ in rewrite.get("args", [])}]
    args += [(name, value) for name, value in rewrite.get("args", []) if value is not None]
    assert sorted(got.args, key=str) == sorted(args, key=str)
    assert got.resp_headers == [tuple(pair) for pair in rewrite.get("resp_headers", [])
                                if pair[0].lower() not in EXCLUDED]


def expect_resp(call, reply, resp):
    got = Client(reply, call["status"], call["headers"] or [], b"upstream")
    assert got.status == resp.get("status", call["status"])
    assert got.body == (resp["body"].encode() if resp.get("body") else b"upstream")
    for name, value in resp.get("headers", []):
        assert got.values(name) == [value]
        for other in {n.lower() for n, _ in call["headers"]} - {name.lower()}:
            assert got.values(other)  # one changed header keeps the others


def expect_do(call, reply, conf):
    if "err" in conf:
        assert reply == wire.Error(wire.SERVICE_UNAVAILABLE)
    elif call["kind"] == wire.HTTP_RESP_CALL:
        expect_resp(call, reply, conf.get("resp", {}))
    elif "stop" in conf:
        expect_stop(reply, conf["stop"])
    elif conf.get("rewrite"):
        expect_rewrite(call, reply, conf["rewrite"])
    else:
        assert reply.action == wire.NONE


def expect_fault_injection(call, reply, conf):
    assert (reply.action, reply.status) == (wire.STOP, conf["http_status"])
    assert reply.body.decode() == conf["body"]


def expect_limit_req(call, reply, conf):
    assert reply.action == wire.NONE


def expect_request_body_rewrite(call, reply, conf):
    assert reply.action == wire.REWRITE and reply.body.decode() == conf["new_body"]


def expect_response_rewrite(call, reply, conf):
    assert reply.status == conf["status"] and reply.body.decode() == conf["body"]
    for pair in conf["headers"].items():
        assert pair in reply.headers


def expect_say(call, reply, conf):
    assert (reply.action, reply.status) == (wire.STOP, 200)
    assert reply.body.decode().rstrip("\n") == conf["body"]
    assert ("X-Resp-A6-Runner", "C") in reply.headers


PLUGINS = {
    "fault-injection": expect_fault_injection, "limit-req": expect_limit_req,
    "request-body-rewrite": expect_request_body_rewrite,
    "response-rewrite": expect_response_rewrite, "say": expect_say,
    "do": expect_do, "conf": expect_do, "a": expect_do, "b": expect_do,
}


def decoded(text):
    try:
        value = json.loads(text or "{}")
        return value if isinstance(value, dict) else {}
    except ValueError:
        return {}


def is_known(name):
    return name in PLUGINS and (PLUGINS[name] is expect_do or
                                (BUILD / "plugins" / (name + ".so")).exists())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_recorded_frames_of(scenario, shared):
    made = []

    def connect():
        made.append(shared.connect())
        return made[-1]

    calls = replay(Recording(scenario), connect)
    for conf, call, reply in calls:
        if conf is None:  # its PrepareConf is not part of the recording
            assert reply == wire.Error(wire.CONF_TOKEN_NOT_FOUND)
            continue
        if not all(is_known(name) for name, _ in conf):
            assert reply == wire.Error(wire.SERVICE_UNAVAILABLE)
            continue
        said = [(n, decoded(t)) for n, t in conf if n != "say" or decoded(t).get("body")]
        acting = [(n, c) for n, c in said if n != "conf"] or said
        if acting:
            PLUGINS[acting[0][0]](call, reply, acting[0][1])
        else:
            assert reply.action == wire.NONE
    for conn in made:
        conn.close()
        shared.conns.remove(conn)


def test_the_recordings_are_there():
    assert len(SCENARIOS) >= 80
    recordings = [Recording(name) for name in SCENARIOS]
    sent = [f for r in recordings for f in r.frames if f[1]]
    assert len(sent) > 200
    assert {kind for _, _, kind, _ in sent} == set(KINDS.values())
