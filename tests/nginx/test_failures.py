# SPDX-License-Identifier: Apache-2.0
"""Runners that fail: nginx answers 503 or goes on, says why in one line, and serves on."""
import threading
import time

import pytest
from nginx_rig import ROOT, wait_for
from fake_runner import (Closed, REQ_CALL, RESP_CALL, Runner, write_ask, write_none, write_resp,
                         write_stop)
from conf_lines import post_req, post_resp, pre_req, use


def serve(nginx, runner, what, more=""):
    """/<phase>/<degrade>/ for each phase, degrading or not, and /ok."""
    nginx.file("index.html", "index")
    for name in ("pre", "post", "resp"):
        for degrade in ("on", "off"):
            nginx.file("%s/%s/index.html" % (name, degrade), "index")
    lines = [use(runner, more), "location /ok { %s }" % pre_req({"stop": {"body": "ok"}})]
    for name, line in (("pre", pre_req), ("post", post_req), ("resp", post_resp)):
        for degrade in ("on", "off"):
            lines.append("location /%s/%s/ { %s ext_plugin_allow_degradation %s; }" % (
                name, degrade, line(what), degrade))
    nginx.start(server="\n".join(lines))


def check_all(nginx, said=None, ok=True):
    for name in ("pre", "post", "resp"):
        before = len(errors(nginx))
        r = nginx.get("/%s/off/" % name)
        assert r.status == 503, (name, r)
        lines = errors(nginx)[before:]
        assert len(lines) == 1, lines
        assert said is None or said in lines[0], lines
        assert "ext_plugin_" in lines[0]
        r = nginx.get("/%s/on/" % name)
        assert (r.status, r.body) == (200, b"index"), (name, r)
        assert "going on without it" in errors(nginx)[-1]
        assert "[degraded]" in nginx.access()[-1] and "[error]" in nginx.access()[-2]
    if ok:  # not at the first try where the machine is slower than read_timeout
        wait_for(lambda: nginx.get("/ok").body == b"ok")


def errors(nginx):
    return [line for line in nginx.log().splitlines() if "[error]" in line]


@pytest.mark.parametrize("code, said", [(0, "BAD_REQUEST"), (1, "SERVICE_UNAVAILABLE"),
                                        (2, "did not find its own conf token"),
                                        (9, "answered an unknown error")])
def test_error_frames(nginx, runner, code, said):
    serve(nginx, runner, {"error": code})
    check_all(nginx, said)


GARBAGE = {
    "empty-0": "00000000", "empty-1": "01000000", "empty-2": "02000000", "empty-3": "03000000",
    "empty-4": "04000000", "empty-5": "05000000", "type-255": "ff000000",
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n".hex(), "zeros-2": "02000008" + "00" * 8,
    "zeros-4": "04000008" + "00" * 8, "ones-2": "02000010" + "ff" * 16,
    "ones-4": "04000010" + "ff" * 16, "ones-3": "03000010" + "ff" * 16,
    "ask-5": "0300000c" + "0400000000000000" + "00000000", "short-2": "02000001" + "00",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(nginx, runner, name):
    serve(nginx, runner, {"raw": GARBAGE[name]}, "read_timeout=500ms")
    check_all(nginx)


def test_a_frame_that_never_ends(nginx, runner):
    serve(nginx, runner, {"raw": "02ffffff" + "00" * 100}, "read_timeout=200ms")
    check_all(nginx, "timed out")


def test_closed_in_a_call(nginx, runner):
    serve(nginx, runner, {"close": True})
    check_all(nginx, "closed the connection")


def test_closed_in_a_frame(nginx, tmp_path):
    class Half(Runner):
        def _serve(self, peer):
            original = peer.sendall

            class Peer:
                def __getattr__(self, name):
                    return getattr(peer, name)

                def sendall(self, data):
                    if data[:1] == b"\1":
                        return original(data)
                    original(data[:-1])
                    peer.close()
            super()._serve(Peer())
    runner = Half(str(tmp_path / "half.sock"))
    serve(nginx, runner, {})
    check_all(nginx, "closed the connection in a frame", ok=False)
    runner.close()


def test_silence(nginx, runner):
    serve(nginx, runner, {"silent": True}, "read_timeout=200ms")
    check_all(nginx, "timed out")


def test_a_wrong_id(nginx, runner):
    serve(nginx, runner, {"id": 77777})
    check_all(nginx, "answered another call")


def test_the_other_phase_s_answer(nginx, runner):
    runner.handler = lambda call: (write_resp(call.id) if call.kind == REQ_CALL
                                   else write_none(call.id))
    serve(nginx, runner, {})
    check_all(nginx, "wrong type", ok=False)


def test_an_unknown_action(nginx, runner):
    def handler(call):
        data = bytearray(write_stop(call.id, 200, None, "x"))
        at = data.rindex(b"\1", 0, 40)
        data[at] = 9
        return bytes(data)
    runner.handler = handler
    nginx.start(server=use(runner) + pre_req({}))
    assert nginx.get("/").status == 503


def test_bytes_behind_the_answer(nginx, runner):
    """The answer counts, but nothing on that connection can be trusted any more."""
    runner.handler = lambda call: write_stop(call.id, 200, None, "x") + b"\2\0\0"
    nginx.start(server=use(runner) + pre_req({}))
    for _ in range(5):
        assert nginx.get("/").body == b"x"
    assert runner.connections >= 5


def test_bytes_on_an_idle_connection(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    assert nginx.get("/").body == b"x"
    for peer in list(runner.open):
        peer.sendall(write_none(0))
    time.sleep(0.05)
    assert nginx.get("/").body == b"x"
    assert runner.connections == 2


def test_one_byte_at_a_time(nginx, tmp_path):
    class Slow(Runner):
        def _serve(self, peer):
            original = peer.sendall

            class Peer:
                def __getattr__(self, name):
                    return getattr(peer, name)

                def sendall(self, data):
                    for i in range(len(data)):
                        original(data[i:i + 1])
            super()._serve(Peer())
    runner = Slow(str(tmp_path / "slow.sock"))
    runner.handler = lambda call: write_stop(call.id, 200, None, "x" * 9000)
    nginx.start(server=use(runner) + pre_req({"ask": ["var:uri"]})
                + "ext_plugin_buffer_size 256;")
    assert nginx.get("/").body == b"x" * 9000
    assert runner.calls[0].answers == [b"/"]
    runner.close()


def test_many_questions_at_once(nginx, runner):
    """No good runner does this; nothing is lost all the same."""
    def serve(self, peer):
        while not self.stopping:
            try:
                kind, payload = self.read_frame(peer)
            except Closed:
                return
            if kind == 1:
                peer.sendall(self._prepare(payload))
                continue
            from fake_runner import Call
            call = Call(kind, payload)
            peer.sendall(write_ask("var:uri") * 500)
            for _ in range(500):
                assert self.read_frame(peer)[0] == 3
            peer.sendall(write_stop(call.id, 200, None, "x"))
    runner._serve = serve.__get__(runner)
    nginx.start(server=use(runner) + pre_req({}))
    assert nginx.get("/").body == b"x"


def test_no_runner(nginx, tmp_path):
    class Nobody:
        path = str(tmp_path / "nobody.sock")
    serve(nginx, Nobody, {})
    before = time.monotonic()
    check_all(nginx, "connect() failed (2: No such file or directory)", ok=False)
    (tmp_path / "nobody.sock").write_text("not a socket")
    check_all(nginx, "connect() failed (111: Connection refused)", ok=False)
    assert time.monotonic() - before < 5


def test_a_runner_that_comes_back(nginx, tmp_path):
    path = str(tmp_path / "runner.sock")
    runner = Runner(path)
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    for _ in range(3):
        assert nginx.get("/").body == b"x"
        runner.close()
        assert nginx.get("/").status == 503
        runner = Runner(path)
        assert nginx.get("/").body == b"x"
    runner.close()


def test_connections_that_the_runner_closed_while_idle(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    for _ in range(20):
        assert nginx.get("/").body == b"x"
        runner.close_connections()
    assert not errors(nginx)


def test_a_full_backlog_waits(nginx, tmp_path):
    """The kernel says at once that there is no room; there may be in a moment."""
    class Lazy(Runner):
        def _accept(self):
            time.sleep(0.4)
            super()._accept()
    runner = Lazy(str(tmp_path / "lazy.sock"), backlog=1)
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    results = []
    threads = [threading.Thread(target=lambda: results.append(nginx.get("/").status))
               for _ in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [200] * 30
    runner.close()


def test_a_backlog_that_stays_full(nginx, tmp_path):
    class Dead(Runner):
        def _accept(self):
            time.sleep(30)
    runner = Dead(str(tmp_path / "dead.sock"), backlog=0)
    nginx.start(server=use(runner, "connect_timeout=200ms read_timeout=500ms") + pre_req({}))
    results = []
    threads = [threading.Thread(target=lambda: results.append(nginx.get("/").status))
               for _ in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [503] * 5
    runner.listener.close()


@pytest.mark.parametrize("keepalive", [0, 1, 4])
def test_keepalive(nginx, runner, keepalive):
    nginx.start(server=use(runner, "keepalive=%d" % keepalive)
                + pre_req({"sleep": 0.05, "stop": {"body": "x"}}))
    threads = [threading.Thread(target=lambda: nginx.get("/")) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wait_for(lambda: len(runner.open) == keepalive, what="%d connections" % keepalive)


def test_a_runner_that_is_killed_before_it_reads(nginx, tmp_path):
    """It cannot have done anything: the next one gets the call."""
    path = str(tmp_path / "runner.sock")

    class Deaf(Runner):
        def _serve(self, peer):
            kind, payload = self.read_frame(peer)
            peer.sendall(self._prepare(payload))
            peer.recv(1)  # begins to read the call, and dies with the rest unread
            peer.close()
    first = Deaf(path)
    nginx.start(server="ext_plugin_runner unix:%s; %s" % (path, pre_req({"stop": {"body": "x"}})))
    replaced = []

    def replace():
        wait_for(lambda: first.prepared)
        first.listener.close()
        replaced.append(Runner(path))
    thread = threading.Thread(target=replace)
    thread.start()
    status = nginx.get("/").status
    thread.join()
    assert status in (200, 503)  # 503 only if it asked before there was a second
    assert nginx.get("/").body == b"x"
    replaced[0].close()


# ---- what real and fake runners have sent in recorded scenarios ----

GOLDEN = ROOT / "tests" / "golden" / "frames"
FRAMES = sorted({p.read_bytes() for p in GOLDEN.glob("*/*s2c*.bin")}) if GOLDEN.is_dir() else []


def test_the_recorded_frames_are_there():
    assert len(FRAMES) > 50


def test_every_recorded_frame_as_an_answer(nginx, runner):
    now = [b""]
    runner.handler = lambda call: now[0]
    serve(nginx, runner, {}, "read_timeout=1s")
    for data in FRAMES:
        for id in (None, True):
            def handler(call, data=data, id=id):
                if id and data[0] in (REQ_CALL, RESP_CALL):
                    return with_id(data, call.id)
                return data
            runner.handler = handler
            for name in ("pre", "post", "resp"):
                r = nginx.get("/%s/off/" % name)
                assert 200 <= r.status <= 999
    runner.handler = None
    wait_for(lambda: nginx.get("/ok").body == b"ok")


def with_id(data, id):
    """The same frame with the id of this call, if it has room for one."""
    import struct
    payload = bytearray(data[4:])
    try:
        root = struct.unpack_from("<I", payload)[0]
        vtable = root - struct.unpack_from("<i", payload, root)[0]
        place = struct.unpack_from("<H", payload, vtable + 4)[0]
        if place:
            struct.pack_into("<I", payload, root + place, id)
    except struct.error:
        pass
    return data[:4] + bytes(payload)


def test_every_recorded_frame_as_the_answer_to_prepareconf(nginx, runner):
    nginx.start(server=use(runner, "read_timeout=300ms conf_expire=1s") + pre_req({}))
    runner.handler = lambda call: write_stop(call.id, 200, None, "x")
    for data in FRAMES:
        if data[0] in (1, 0) or len(data) < 60:
            runner.prepare_handler = lambda key, conf, token, data=data: data
            assert nginx.get("/").status in (200, 503)
    runner.prepare_handler = None
    time.sleep(1.1)
    wait_for(lambda: nginx.get("/").body == b"x")


def test_mutated_frames(nginx, runner):
    """Every byte of an answer spoilt in turn: no crash, no hang, and the next one works."""
    full = {
        REQ_CALL: lambda id: write_stop(id, 201, [("A", "b"), ("C", "d")], "body"),
        RESP_CALL: lambda id: write_resp(id, 202, [("A", "b")], "body"),
    }
    position = [0, 0]

    def handler(call):
        data = bytearray(full[call.kind](call.id))
        at = 4 + position[0] % (len(data) - 4)
        data[at] = (data[at] + position[1]) % 256
        return bytes(data)
    runner.handler = handler
    serve(nginx, runner, {}, "read_timeout=1s")
    for at in range(120):
        for by in (1, 0x7f, 0xff):
            position[:] = [at, by]
            for name in ("pre", "resp"):
                assert 200 <= nginx.get("/%s/off/" % name).status <= 999
    runner.handler = None
    wait_for(lambda: nginx.get("/ok").body == b"ok")
