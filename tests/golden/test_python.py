# SPDX-License-Identifier: Apache-2.0
"""What Google's Python encoder writes from the schema is read right: all the gateway's
messages, at random, with a fixed seed."""
import importlib
import random

import pytest

flatbuffers = pytest.importorskip("flatbuffers")


class Encoder:
    """Builds one message with the modules that flatc made."""

    def __init__(self, rng):
        self.builder = flatbuffers.Builder(rng.choice((0, 16, 1024)))
        self.builder.ForceDefaults(rng.random() < 0.5)
        self.rng = rng
        self.strings = {}

    def bytes(self, value):
        if value is None:
            return None
        return self.builder.CreateByteVector(value.encode("latin-1"))

    def string(self, value):
        """An equal string is sometimes shared, as some encoders do."""
        if value is None:
            return None
        if value not in self.strings or self.rng.random() < 0.7:
            self.strings[value] = self.builder.CreateString(value.encode("latin-1"))
        return self.strings[value]

    def table(self, module, **fields):
        """A table with the fields that are not None, put in any order."""
        module = importlib.import_module("A6." + module)
        prefix = module.__name__.rsplit(".", 1)[1]
        names = [name for name in fields if fields[name] is not None]
        self.rng.shuffle(names)
        getattr(module, prefix + "Start")(self.builder)
        for name in names:
            getattr(module, prefix + "Add" + name)(self.builder, fields[name])
        return getattr(module, prefix + "End")(self.builder)

    def pairs(self, entries):
        if entries is None:
            return None
        offsets = [self.table("TextEntry", Name=self.string(name), Value=self.string(value))
                   for name, value in entries]
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def frame(self, kind, root):
        self.builder.Finish(root)
        payload = bytes(self.builder.Output())
        return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


def some_text(rng):
    return "".join(chr(rng.randrange(256)) for _ in range(rng.choice((0, 1, 2, 3, 4, 5, 30))))


def maybe(rng, make):
    return make() if rng.random() < 0.75 else None


def some_pairs(rng):
    return [[some_text(rng), maybe(rng, lambda: some_text(rng))]
            for _ in range(rng.randrange(5))]


def prepare_conf(rng, e):
    says = {"t": "PrepareConf.Req", "key": maybe(rng, lambda: some_text(rng)),
            "conf": maybe(rng, lambda: some_pairs(rng))}
    root = e.table("PrepareConf.Req", Key=e.string(says["key"]), Conf=e.pairs(says["conf"]))
    return says, e.frame(1, root)


def http_req_call(rng, e):
    says = {"t": "HTTPReqCall.Req", "id": rng.choice((0, 1, 0xffffffff)),
            "src_ip_hex": rng.randbytes(rng.choice((4, 16))).hex(), "method_num": rng.randrange(15),
            "path": maybe(rng, lambda: some_text(rng)),
            "args": maybe(rng, lambda: some_pairs(rng)),
            "headers": maybe(rng, lambda: some_pairs(rng)),
            "conf_token": rng.choice((0, 7, 0xffffffff))}
    root = e.table("HTTPReqCall.Req", Id=says["id"], Method=says["method_num"],
                   SrcIp=e.bytes(bytes.fromhex(says["src_ip_hex"]).decode("latin-1")),
                   Path=e.string(says["path"]), Args=e.pairs(says["args"]),
                   Headers=e.pairs(says["headers"]), ConfToken=says["conf_token"])
    return says, e.frame(2, root)


def extra_info_reply(rng, e):
    says = {"t": "ExtraInfo.Resp", "result": maybe(rng, lambda: some_text(rng))}
    return says, e.frame(3, e.table("ExtraInfo.Resp", Result=e.bytes(says["result"])))


def http_resp_call(rng, e):
    says = {"t": "HTTPRespCall.Req", "id": rng.choice((0, 9, 1 << 22)),
            "status": rng.choice((0, 200, 0xffff)), "headers": maybe(rng, lambda: some_pairs(rng)),
            "conf_token": rng.choice((0, 0x80000000))}
    root = e.table("HTTPRespCall.Req", Id=says["id"], Status=says["status"],
                   Headers=e.pairs(says["headers"]), ConfToken=says["conf_token"])
    return says, e.frame(4, root)


@pytest.mark.parametrize("make", [prepare_conf, http_req_call, extra_info_reply, http_resp_call])
def test_python_encoded(make, a6, dump, tmp_path):
    rng = random.Random(20)
    expected = []
    path = tmp_path / "frames"
    with path.open("wb") as file:
        for _ in range(300):
            says, frame = make(rng, Encoder(rng))
            expected.append(says)
            file.write(frame)
    assert dump("gateway", [path]) == expected
