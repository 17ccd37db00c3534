# SPDX-License-Identifier: Apache-2.0
"""The gateway's side of the wire, on Google's FlatBuffers for Python.

An implementation that shares nothing with the runner's own codec: what the runner
sends is first checked byte by byte (`check`, stricter than Google's verifiers: also
padding, overlaps and unknown fields), and then read with flatbuffers.table.
"""
import struct
from dataclasses import dataclass, field

import flatbuffers
from flatbuffers import number_types as N
from flatbuffers.table import Table

ERROR, PREPARE_CONF, HTTP_REQ_CALL, EXTRA_INFO, HTTP_RESP_CALL = range(5)
BAD_REQUEST, SERVICE_UNAVAILABLE, CONF_TOKEN_NOT_FOUND = range(3)
NONE, STOP, REWRITE = range(3)
VAR, REQ_BODY, RESP_BODY = 1, 2, 3
PAYLOAD_MAX = 0xFFFFFF

METHODS = ("GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK "
           "PATCH TRACE").split()

# ---- the schema, as (kind, more) in slot order ----

ENTRY = (("string", None), ("string", None))
EMPTY = ()
VAR_TABLE = (("string", None),)
ENTRIES = ("tables", ENTRY)
STOP_TABLE = (("u16", None), ENTRIES, ("bytes", None))
REWRITE_TABLE = (("string", None), ENTRIES, ENTRIES, ENTRIES, ("bytes", None))

FROM_RUNNER = {
    ERROR: (("u8", None),),
    PREPARE_CONF: (("u32", None),),
    HTTP_REQ_CALL: (("u32", None), ("union_type", None), ("union", (STOP_TABLE, REWRITE_TABLE))),
    EXTRA_INFO: (("union_type", None), ("union", (VAR_TABLE, EMPTY, EMPTY))),
    HTTP_RESP_CALL: (("u32", None), ("u16", None), ENTRIES, ("bytes", None)),
}

FROM_GATEWAY = {
    PREPARE_CONF: (ENTRIES, ("string", None)),
    HTTP_REQ_CALL: (("u32", None), ("bytes", None), ("u8", None), ("string", None), ENTRIES,
                    ENTRIES, ("u32", None)),
    EXTRA_INFO: (("bytes", None),),
    HTTP_RESP_CALL: (("u32", None), ("u16", None), ENTRIES, ("u32", None)),
}

SIZES = {"u8": 1, "union_type": 1, "u16": 2, "u32": 4}


class Malformed(AssertionError):
    """A frame that a strict reader would not take."""


class _Checker:
    def __init__(self, buf, strict):
        self.buf = buf
        self.strict = strict
        self.taken = {}  # start -> (end, what)

    def need(self, condition, text, *args):
        if not condition:
            raise Malformed(text % args)

    def take(self, start, end, what):
        self.need(0 <= start <= end <= len(self.buf), "%s [%d, %d) leaves the %d bytes", what,
                  start, end, len(self.buf))
        known = self.taken.get(start)
        self.need(known in (None, (end, what)), "%s and %s share offset %d", what, known, start)
        self.taken[start] = (end, what)

    def load(self, form, at, what):
        size = struct.calcsize(form)
        self.need(at % size == 0, "%s at %d is not aligned to %d", what, at, size)
        self.need(0 <= at and at + size <= len(self.buf), "%s at %d is out of range", what, at)
        return struct.unpack_from("<" + form, self.buf, at)[0]

    def offset(self, at, what):
        to = self.load("I", at, what)
        self.need(0 < to < 1 << 31, "%s: offset %d", what, to)
        return at + to

    def table(self, at, schema, what):
        self.need(at + 4 <= len(self.buf), "%s at %d is out of range", what, at)
        vtable = at - self.load("i", at, what)
        vtable_size = self.load("H", vtable, what + " vtable")
        size = self.load("H", vtable + 2, what + " vtable")
        self.need(vtable_size >= 4 and vtable_size % 2 == 0, "%s: vtable of %d bytes", what,
                  vtable_size)
        self.need(size >= 4, "%s: table of %d bytes", what, size)
        self.take(vtable, vtable + vtable_size, "vtable")
        self.take(at, at + size, "table")
        slots = (vtable_size - 4) // 2
        used = [(0, 4)]
        places = []
        for slot in range(slots):
            place = self.load("H", vtable + 4 + 2 * slot, what)
            if slot >= len(schema):
                self.need(not self.strict or place == 0, "%s: unknown field %d", what, slot)
                continue
            places.append(place)
            if place == 0:
                continue
            width = SIZES.get(schema[slot][0], 4)
            self.need(4 <= place and place + width <= size, "%s: field %d at %d of %d", what,
                      slot, place, size)
            used.append((place, place + width))
        places += [0] * (len(schema) - len(places))
        used.sort()
        for (_, end), (start, _) in zip(used, used[1:]):
            self.need(end <= start, "%s: fields overlap", what)
        if self.strict:
            inside = bytearray(self.buf[at:at + size])
            for start, end in used:
                inside[start:end] = bytes(end - start)
            self.need(not any(inside), "%s: padding that is not zero", what)
        kind_type = 0
        for slot, (kind, more) in enumerate(schema):
            name = "%s.%d" % (what, slot)
            place = at + places[slot] if places[slot] else 0
            if kind == "union_type":
                kind_type = self.load("B", place, name) if place else 0
            elif kind == "union":
                self.union(place, kind_type, more, name)
            elif place == 0:
                continue
            elif kind in SIZES:
                self.load({1: "B", 2: "H", 4: "I"}[SIZES[kind]], place, name)
            else:
                self.vector(self.offset(place, name), kind, more, name)

    def union(self, place, kind_type, members, what):
        self.need(bool(kind_type) == bool(place), "%s: type %d and a value that is %s", what,
                  kind_type, "present" if place else "absent")
        if not place or (kind_type > len(members) and not self.strict):
            return
        self.need(kind_type <= len(members), "%s: type %d", what, kind_type)
        self.table(self.offset(place, what), members[kind_type - 1], what)

    def vector(self, at, kind, element, what):
        count = self.load("I", at, what)
        width = 4 if kind == "tables" else 1
        end = at + 4 + count * width
        self.need(end <= len(self.buf), "%s: %d elements at %d are out of range", what, count, at)
        # The gateway's encoder, in Lua, ends no empty string.
        if kind == "string" and (self.strict or count):
            self.need(end < len(self.buf) and self.buf[end] == 0, "%s: no terminator", what)
            end += 1
        self.take(at, end, kind)
        if kind == "tables":
            for i in range(count):
                self.table(self.offset(at + 4 + 4 * i, what), element, "%s[%d]" % (what, i))

    def gaps(self):
        last = 4
        for start in sorted(self.taken):
            end, what = self.taken[start]
            self.need(start >= last, "%s at %d overlaps what is before it", what, start)
            self.gap(last, start)
            last = end
        self.gap(last, len(self.buf))

    def gap(self, start, end):
        self.need(end - start < 16, "%d bytes at %d belong to nothing", end - start, start)
        self.need(not any(self.buf[start:end]), "padding at %d is not zero", start)


def check(payload, schema, strict=True):
    """Raises Malformed unless the payload is one well-formed buffer of the schema."""
    checker = _Checker(payload, strict)
    checker.need(len(payload) >= 8, "a buffer of %d bytes", len(payload))
    checker.table(checker.offset(0, "root"), schema, "root")
    if strict:
        checker.gaps()


# ---- frames ----


def frame(kind, payload):
    assert len(payload) <= PAYLOAD_MAX
    return bytes([kind]) + len(payload).to_bytes(3, "big") + bytes(payload)


def split(data):
    """All whole frames of the bytes, as (type, payload); nothing may be left."""
    at = 0
    frames = []
    while at < len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big")
        frames.append((data[at], data[at + 4:at + 4 + size]))
        at += 4 + size
    assert at == len(data), "the bytes end inside a frame"
    return frames


# ---- text: str that carries any bytes ----


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def to_text(data):
    return None if data is None else bytes(data).decode("utf-8", "surrogateescape")


# ---- what the gateway writes ----


def _entries(b, pairs):
    if pairs is None:
        return None
    offsets = []
    for name, value in pairs:
        name_at = None if name is None else b.CreateString(to_bytes(name))
        value_at = None if value is None else b.CreateString(to_bytes(value))
        b.StartObject(2)
        if name_at is not None:
            b.PrependUOffsetTRelativeSlot(0, name_at, 0)
        if value_at is not None:
            b.PrependUOffsetTRelativeSlot(1, value_at, 0)
        offsets.append(b.EndObject())
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _table(b, count, *fields):
    """fields: (slot, kind, value); offsets that are None are left out."""
    b.StartObject(count)
    for slot, kind, value in fields:
        if kind == "offset":
            if value is not None:
                b.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            getattr(b, "PrependUint%dSlot" % kind)(slot, value, 0)
    return b.EndObject()


def _finish(b, root):
    b.Finish(root)
    return bytes(b.Output())


def _string(b, text):
    return None if text is None else b.CreateString(to_bytes(text))


def _bytes(b, data):
    return None if data is None else b.CreateByteVector(data)


def prepare_conf(conf, key="route#1#ext-plugin-pre-req#1"):
    """conf: (plugin name, conf text) pairs; conf, key and texts may be None: absent."""
    b = flatbuffers.Builder(256)
    conf_at = _entries(b, conf)
    key_at = _string(b, key)
    return _finish(b, _table(b, 2, (0, "offset", conf_at), (1, "offset", key_at)))


def req_call(token, id=0, method="GET", path="/", args=(), headers=(), source=b"\x7f\0\0\1",
             newer=False):
    """newer: as a later gateway would send it, with fields that the schema does not have yet."""
    b = flatbuffers.Builder(512)
    more = ((7, "offset", _string(b, "from the future")), (9, 32, 77)) if newer else ()
    source_at, path_at = _bytes(b, source), _string(b, path)
    args_at, headers_at = _entries(b, args), _entries(b, headers)
    number = METHODS.index(method) if isinstance(method, str) else method
    return _finish(b, _table(b, 10 if newer else 7, (0, 32, id), (1, "offset", source_at),
                             (2, 8, number), (3, "offset", path_at), (4, "offset", args_at),
                             (5, "offset", headers_at), (6, 32, token),
                             *more))


def resp_call(token, id=0, status=200, headers=()):
    b = flatbuffers.Builder(512)
    headers_at = _entries(b, headers)
    return _finish(b, _table(b, 4, (0, 32, id), (1, 16, status), (2, "offset", headers_at),
                             (3, 32, token)))


def extra_info_reply(result):
    b = flatbuffers.Builder(64)
    return _finish(b, _table(b, 1, (0, "offset", _bytes(b, result))))


# ---- what the runner writes ----


@dataclass
class Error:
    code: int


@dataclass
class PrepareConfReply:
    token: int


@dataclass
class ExtraInfo:
    type: int
    name: str = None


@dataclass
class Reply:
    """To HTTPReqCall: `action` NONE, STOP or REWRITE. None: a field that is absent."""
    id: int
    action: int
    status: int = 0
    path: str = None
    headers: list = None
    args: list = None
    resp_headers: list = None
    body: bytes = None
    asked: list = field(default_factory=list)


@dataclass
class RespReply:
    """To HTTPRespCall."""
    id: int
    status: int
    headers: list = None
    body: bytes = None
    asked: list = field(default_factory=list)


def _root(payload):
    # bytearray: the flatbuffers library reads from what struct can unpack
    return Table(payload, N.UOffsetTFlags.py_type(struct.unpack_from("<I", payload)[0]))


def _slot(slot):
    return 4 + 2 * slot


def _scalar(table, slot, flags):
    return table.GetSlot(_slot(slot), 0, flags)


def _data(table, slot):
    """A string or a vector of bytes; None when it is absent."""
    at = table.Offset(_slot(slot))
    if at == 0:
        return None
    start = table.Vector(at)
    return bytes(table.Bytes[start:start + table.VectorLen(at)])


def _pairs(table, slot):
    at = table.Offset(_slot(slot))
    if at == 0:
        return None
    start = table.Vector(at)
    pairs = []
    for i in range(table.VectorLen(at)):
        entry = Table(table.Bytes, table.Indirect(start + 4 * i))
        pairs.append((to_text(_data(entry, 0)), to_text(_data(entry, 1))))
    return pairs


def _union(table, slot):
    member = Table(bytearray(), 0)
    table.Union(member, table.Offset(_slot(slot)))
    return member


def _read_req_reply(table):
    reply = Reply(_scalar(table, 0, N.Uint32Flags), _scalar(table, 1, N.Uint8Flags))
    if reply.action == STOP:
        stop = _union(table, 2)
        reply.status = _scalar(stop, 0, N.Uint16Flags)
        reply.headers, reply.body = _pairs(stop, 1), _data(stop, 2)
    elif reply.action == REWRITE:
        rewrite = _union(table, 2)
        reply.path, reply.headers = to_text(_data(rewrite, 0)), _pairs(rewrite, 1)
        reply.args, reply.resp_headers = _pairs(rewrite, 2), _pairs(rewrite, 3)
        reply.body = _data(rewrite, 4)
    return reply


def _read_extra_info(table):
    kind = _scalar(table, 0, N.Uint8Flags)
    return ExtraInfo(kind, to_text(_data(_union(table, 1), 0)) if kind == VAR else None)


_READERS = {
    ERROR: lambda t: Error(_scalar(t, 0, N.Uint8Flags)),
    PREPARE_CONF: lambda t: PrepareConfReply(_scalar(t, 0, N.Uint32Flags)),
    HTTP_REQ_CALL: _read_req_reply,
    EXTRA_INFO: _read_extra_info,
    HTTP_RESP_CALL: lambda t: RespReply(_scalar(t, 0, N.Uint32Flags),
                                        _scalar(t, 1, N.Uint16Flags), _pairs(t, 2), _data(t, 3)),
}


def read(kind, payload, strict=True):
    """A frame of the runner, checked and read."""
    if kind not in _READERS:
        raise Malformed("a frame of type %d" % kind)
    check(payload, FROM_RUNNER[kind], strict)
    return _READERS[kind](_root(payload))


# ---- frames that a gateway wrote, to send them again ----


def read_gateway(kind, payload):
    """As a dict, for comparing with a recorded scenario."""
    check(payload, FROM_GATEWAY[kind], strict=False)
    table = _root(payload)
    if kind == PREPARE_CONF:
        return {"conf": _pairs(table, 0), "key": to_text(_data(table, 1))}
    if kind == HTTP_REQ_CALL:
        return {"id": _scalar(table, 0, N.Uint32Flags), "source": _data(table, 1),
                "method": _scalar(table, 2, N.Uint8Flags), "path": to_text(_data(table, 3)),
                "args": _pairs(table, 4), "headers": _pairs(table, 5),
                "conf_token": _scalar(table, 6, N.Uint32Flags)}
    if kind == EXTRA_INFO:
        return {"result": _data(table, 0)}
    return {"id": _scalar(table, 0, N.Uint32Flags), "status": _scalar(table, 1, N.Uint16Flags),
            "headers": _pairs(table, 2), "conf_token": _scalar(table, 3, N.Uint32Flags)}


def with_token(kind, payload, token):
    """The same bytes of a recorded call, with another conf token in its place."""
    table = _root(payload)
    at = table.Offset(_slot(6 if kind == HTTP_REQ_CALL else 3))
    assert at, "the recorded frame has no token"
    out = bytearray(payload)
    struct.pack_into("<I", out, table.Pos + at, token)
    return bytes(out)
