# SPDX-License-Identifier: Apache-2.0
"""A runner that does what the test says, also what no runner should do.

A `Runner` listens on a unix socket; each connection has a thread. What to do with a
call is said by the first plugin's conf, a JSON object:

    {"stop": {"status": 403, "headers": [["X", "1"]], "body": "..."}}
    {"rewrite": {"path": ..., "headers": ..., "args": ..., "resp_headers": ..., "body": ...}}
    {"resp": {"status": ..., "headers": ..., "body": ...}}
    {"error": 1}                an error frame with this code
    {"raw": "0500..."}          these bytes (hex); "ID" in a frame is not replaced
    {"close": true}             closes in the middle of the call
    {"silent": true}            never answers
    {"sleep": 0.1}              first waits
    {"ask": ["var:uri", "req_body", "resp_body"]}   first asks; answers are kept
    {"id": 5}                   answers with this id
    {"prepare": {...}}          the same for PrepareConf: error, raw, close, silent, sleep
    {"not_found": 1}            the first so many calls: CONF_TOKEN_NOT_FOUND

or by `Runner(handler=...)`: handler(call) gives the bytes of a reply.
"""
import json
import os
import socket
import struct
import threading
import time

import flatbuffers
from flatbuffers import number_types as N
from flatbuffers.table import Table

ERROR, PREPARE_CONF, REQ_CALL, EXTRA_INFO, RESP_CALL = range(5)


def frame(kind, payload):
    return bytes([kind]) + len(payload).to_bytes(3, "big") + bytes(payload)


# ---- writing ----

def _text(b, value):
    return b.CreateString(value.encode("utf-8", "surrogateescape")
                          if isinstance(value, str) else value)


def _entries(b, pairs):
    if pairs is None:
        return None
    made = []
    for name, value in pairs:
        name_at = _text(b, name)
        value_at = None if value is None else _text(b, value)
        b.StartObject(2)
        b.PrependUOffsetTRelativeSlot(0, name_at, 0)
        if value_at is not None:
            b.PrependUOffsetTRelativeSlot(1, value_at, 0)
        made.append(b.EndObject())
    b.StartVector(4, len(made), 4)
    for at in reversed(made):
        b.PrependUOffsetTRelative(at)
    return b.EndVector()


def _body(b, data):
    if data is None:
        return None
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    return b.CreateByteVector(data)


def _finish(b, slots, fields):
    b.StartObject(slots)
    for slot, kind, value in fields:
        if value is None:
            continue
        if kind == "at":
            b.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(b, "PrependUint%sSlot" % kind)(slot, value, 0)
    return b.EndObject()


def _done(b, root):
    b.Finish(root)
    return bytes(b.Output())


def write_error(code):
    b = flatbuffers.Builder(32)
    return frame(ERROR, _done(b, _finish(b, 1, [(0, 8, code)])))


def write_token(token):
    b = flatbuffers.Builder(32)
    return frame(PREPARE_CONF, _done(b, _finish(b, 1, [(0, 32, token)])))


def write_none(id):
    b = flatbuffers.Builder(32)
    return frame(REQ_CALL, _done(b, _finish(b, 3, [(0, 32, id)])))


def write_stop(id, status=0, headers=None, body=None):
    b = flatbuffers.Builder(256)
    headers_at, body_at = _entries(b, headers), _body(b, body)
    stop = _finish(b, 3, [(0, 16, status), (1, "at", headers_at), (2, "at", body_at)])
    return frame(REQ_CALL, _done(b, _finish(b, 3, [(0, 32, id), (1, 8, 1), (2, "at", stop)])))


def write_rewrite(id, path=None, headers=None, args=None, resp_headers=None, body=None):
    b = flatbuffers.Builder(256)
    path_at = None if path is None else _text(b, path)
    parts = [_entries(b, headers), _entries(b, args), _entries(b, resp_headers), _body(b, body)]
    rewrite = _finish(b, 5, [(0, "at", path_at)]
                      + [(i + 1, "at", at) for i, at in enumerate(parts)])
    return frame(REQ_CALL, _done(b, _finish(b, 3, [(0, 32, id), (1, 8, 2), (2, "at", rewrite)])))


def write_resp(id, status=0, headers=None, body=None):
    b = flatbuffers.Builder(256)
    headers_at, body_at = _entries(b, headers), _body(b, body)
    return frame(RESP_CALL, _done(b, _finish(b, 4, [(0, 32, id), (1, 16, status),
                                                    (2, "at", headers_at), (3, "at", body_at)])))


def write_ask(what):
    b = flatbuffers.Builder(64)
    kind, _, name = what.partition(":")
    number = {"var": 1, "req_body": 2, "resp_body": 3}[kind]
    if number == 1:
        name_at = _text(b, name)
        info = _finish(b, 1, [(0, "at", name_at)])
    else:
        info = _finish(b, 0, [])
    return frame(EXTRA_INFO, _done(b, _finish(b, 2, [(0, 8, number), (1, "at", info)])))


# ---- reading ----

def _root(payload):
    return Table(bytearray(payload), struct.unpack_from("<I", payload)[0])


def _number(t, slot, flags):
    return t.GetSlot(4 + 2 * slot, 0, flags)


def _data(t, slot):
    at = t.Offset(4 + 2 * slot)
    if at == 0:
        return None
    start = t.Vector(at)
    return bytes(t.Bytes[start:start + t.VectorLen(at)])


def _string(t, slot):
    data = _data(t, slot)
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _pairs(t, slot):
    at = t.Offset(4 + 2 * slot)
    if at == 0:
        return []
    start = t.Vector(at)
    pairs = []
    for i in range(t.VectorLen(at)):
        entry = Table(t.Bytes, t.Indirect(start + 4 * i))
        pairs.append((_string(entry, 0), _string(entry, 1)))
    return pairs


class Call:
    """What the gateway sent; `answers` has what it said when it was asked."""

    def __init__(self, kind, payload):
        t = _root(payload)
        self.kind = kind
        self.answers = []
        self.payload = payload
        self.id = _number(t, 0, N.Uint32Flags)
        if kind == REQ_CALL:
            self.source = _data(t, 1)
            self.method = _number(t, 2, N.Uint8Flags)
            self.path = _string(t, 3)
            self.args = _pairs(t, 4)
            self.headers = _pairs(t, 5)
            self.token = _number(t, 6, N.Uint32Flags)
        else:
            self.status = _number(t, 1, N.Uint16Flags)
            self.headers = _pairs(t, 2)
            self.token = _number(t, 3, N.Uint32Flags)

    def header(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]


class Closed(Exception):
    pass


class Runner:
    def __init__(self, path, handler=None, tokens_from=1, backlog=128, prepare_handler=None):
        self.path = path
        self.handler = handler
        self.prepare_handler = prepare_handler
        self.next_token = tokens_from
        self.confs = {}
        self.prepared = []  # (key, conf pairs)
        self.calls = []
        self.connections = 0
        self.open = set()
        self.left = {}
        self.lock = threading.Lock()
        self.stopping = False
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(backlog)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.stopping:
                    peer.close()
                    return
                self.connections += 1
                self.open.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def close(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.close_connections()

    def close_connections(self):
        with self.lock:
            for peer in self.open:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    @staticmethod
    def read_exact(peer, size):
        data = bytearray()
        while len(data) < size:
            more = peer.recv(min(size - len(data), 1 << 20))
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def read_frame(self, peer):
        head = self.read_exact(peer, 4)
        return head[0], self.read_exact(peer, int.from_bytes(head[1:], "big"))

    def _serve(self, peer):
        try:
            while True:
                kind, payload = self.read_frame(peer)
                reply = (self._prepare(payload) if kind == PREPARE_CONF
                         else self._call(peer, Call(kind, payload)))
                if reply is None:
                    continue
                peer.sendall(reply)
        except (Closed, OSError):
            pass
        finally:
            with self.lock:
                self.open.discard(peer)
            peer.close()

    def _prepare(self, payload):
        t = _root(payload)
        conf, key = _pairs(t, 0), _string(t, 1)
        with self.lock:
            self.prepared.append((key, conf))
            token = self.next_token
            self.next_token += 1
            self.confs[token] = conf
        if self.prepare_handler:
            return self.prepare_handler(key, conf, token)
        what = self._what(conf).get("prepare", {})
        return self._common(what) or write_token(token)

    @staticmethod
    def _what(conf):
        try:
            return json.loads(conf[0][1])
        except (IndexError, TypeError, ValueError):
            return {}

    @staticmethod
    def _common(what):
        if "sleep" in what:
            time.sleep(what["sleep"])
        if "close" in what:
            raise Closed
        if "silent" in what:
            time.sleep(3600)
        if "raw" in what:
            return bytes.fromhex(what["raw"])
        if "error" in what:
            return write_error(what["error"])
        return None

    def ask(self, peer, what):
        peer.sendall(write_ask(what))
        kind, payload = self.read_frame(peer)
        assert kind == EXTRA_INFO
        return _data(_root(payload), 0)

    def _call(self, peer, call):
        conf = self.confs.get(call.token)
        if conf is None:
            with self.lock:
                self.calls.append(call)
            return write_error(2)
        what = self._what(conf)
        for question in what.get("ask", ()):
            call.answers.append(self.ask(peer, question))
        with self.lock:
            self.calls.append(call)
            if self.left.setdefault(call.token, what.get("not_found", 0)) > 0:
                self.left[call.token] -= 1
                for token in self.left:
                    self.left[token] = self.left[call.token]
                left = self.left[call.token]
                self.confs = {t: c for t, c in self.confs.items() if t != call.token}
                self.left_over = left
                return write_error(2)
        if self.handler:
            return self.handler(call)
        odd = self._common(what)
        if odd is not None:
            return odd
        id = what.get("id", call.id)
        if call.kind == RESP_CALL:
            return write_resp(id, **what.get("resp", {}))
        if "stop" in what:
            return write_stop(id, **what["stop"])
        if "rewrite" in what:
            return write_rewrite(id, **what["rewrite"])
        return write_none(id)
