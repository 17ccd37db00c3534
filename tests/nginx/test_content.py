# SPDX-License-Identifier: Apache-2.0
"""post_resp beside content handlers other than files and proxy_pass, and what a response
that was changed must not keep."""
import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest
from conf_lines import post_resp, pre_req, proxy, use
from ports import free_ports

BIG = bytes(range(256)) * 8192  # 2 MiB


def start(nginx, runner, what, location="", **more):
    nginx.start(server="location / { %s %s %s }" % (use(runner), post_resp(what), location),
                **more)

class FastCGI:
    """An application that answers every request with the same bytes."""

    def __init__(self, path, answer):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(16)
        self.answer = answer
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as f:
                while True:  # records up to the empty one of stdin
                    _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", f.read(8))
                    f.read(length + padding)
                    if kind == 5 and length == 0:
                        break
                for at in range(0, len(self.answer), 60000):
                    piece = self.answer[at:at + 60000]
                    peer.sendall(struct.pack(">BBHHBB", 1, 6, 1, len(piece), 0, 0) + piece)
                peer.sendall(struct.pack(">BBHHBB", 1, 6, 1, 0, 0, 0)
                             + struct.pack(">BBHHBB", 1, 3, 1, 8, 0, 0) + b"\0" * 8)

@pytest.mark.parametrize("more", ["", "fastcgi_buffering off;"])
@pytest.mark.parametrize("what", [{}, {"ask": ["resp_body"]}, {"resp": {"body": "new"}},
                                  {"sleep": 0.1, "resp": {"status": 202}}],
                         ids=["nothing", "ask", "body", "later"])
def test_fastcgi(nginx, runner, what, more):
    app = FastCGI(str(nginx.root / "app"), b"Status: 201 Made\r\nContent-Type: text/x\r\nX-App: 1"
                  b"\r\n\r\n" + BIG)
    start(nginx, runner, what, "fastcgi_pass unix:%s/app; fastcgi_param REQUEST_METHOD GET; %s"
          % (nginx.root, more))
    r = nginx.get("/")
    assert r.status == (202 if "sleep" in what else 201) and r.header("x-app") == "1"
    assert r.body == (b"new" if "body" in what.get("resp", ()) else BIG)
    call, = runner.calls
    assert call.status == 201 and call.header("content-type") == ["text/x"]
    assert call.answers == ([BIG] if "ask" in what else [])
    app.listener.close()

@pytest.mark.parametrize("ask", [[], ["resp_body"]])
@pytest.mark.parametrize("buffering", ["on", "off"])
def test_a_range_that_does_not_fit_a_proxied_response(nginx, runner, upstream, buffering, ask):
    """The range filter asks for another response after the runner has decided."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    upstream.answer = lambda *request: (head % len(BIG)) + BIG
    start(nginx, runner, {"sleep": 0.05, "ask": ask}, proxy(upstream)
          + "proxy_force_ranges on; proxy_buffering %s;" % buffering
          + "proxy_set_header Range '';")
    one = b"GET / HTTP/1.1\r\nHost: t\r\nRange: bytes=99999999-\r\n%s\r\n"
    raw = nginx.raw(one % b"" * 2 + one % b"Connection: close\r\n")
    assert raw.count(b"HTTP/1.1 416 ") == 3
    assert nginx.get("/", headers=[("Range", "bytes=5-9")]).body == BIG[5:10]
    assert len(runner.calls) == 4

@pytest.mark.parametrize("headers", [None, [["A", "b"]]])
def test_a_new_body_is_not_a_part(nginx, runner, upstream, headers):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n"
        b"\r\nab")
    start(nginx, runner, {"resp": {"headers": headers, "body": "whole"}}, proxy(upstream))
    r = nginx.get("/", headers=[("Range", "bytes=0-1")])
    assert (r.status, r.reason, r.body, r.all("content-range")) == (200, "OK", b"whole", [])

def test_the_log_has_the_status_that_was_sent(nginx, runner):
    nginx.file("e.html", "gone")
    start(nginx, runner, {"resp": {"status": 410}}, "error_page 404 /e.html;")
    assert nginx.get("/none").status == 410
    assert " 410 [rewrite]" in nginx.access()[-1]


@pytest.mark.parametrize("degrade", ["on", "off"])
def test_a_request_body_that_nginx_did_not_keep(nginx, runner, upstream, degrade):
    """A part of it would be worse than none, and so would be no plugin at all."""
    start(nginx, runner, {"ask": ["req_body"]}, proxy(upstream)
          + "proxy_request_buffering off; proxy_http_version 1.1;"
          + "ext_plugin_allow_degradation %s;" % degrade)
    assert nginx.get("/", method="POST", body=BIG[:300000]).status == 503
    assert "without buffering" in nginx.log()
    for body in (None, b"came with the header"):
        assert nginx.get("/", method="POST", body=body).status == 200
        assert runner.calls[-1].answers == [body]

def test_a_request_body_that_was_read_before(nginx, runner, upstream):
    nginx.start(server="location / { %s %s %s %s proxy_request_buffering off; }" % (
        use(runner), pre_req({"ask": ["req_body"]}), post_resp({"ask": ["req_body"]}),
        proxy(upstream)))
    assert nginx.get("/", method="POST", body=BIG[:300000]).status == 200
    assert upstream.requests[0][3] == BIG[:300000]
    assert [c.answers for c in runner.calls] == [[BIG[:300000]]] * 2


class GRPC:
    """An HTTP/2 server without TLS whose every response has a body and trailers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload

    @staticmethod
    def headers(pairs):
        """HPACK's literals without indexing and without Huffman's code."""
        return b"".join(b"\0%c%s%c%s" % (len(n), n, len(v), v) for n, v in pairs)

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as f:
                f.read(24)  # the preface
                peer.sendall(self.frame(4, 0, 0))
                while head := f.read(9):
                    size, flags, stream = struct.unpack(">IBI", head)
                    kind, size = size & 0xff, size >> 8
                    f.read(size)
                    if kind in (0, 1) and flags & 1:  # the end of the request
                        peer.sendall(
                            self.frame(1, 4, stream, self.headers([
                                (b":status", b"200"), (b"content-type", b"application/grpc")]))
                            + self.frame(0, 0, stream, b"message")
                            + self.frame(1, 5, stream, self.headers([(b"grpc-status", b"7")])))


@pytest.mark.parametrize("what", [
    {}, {"ask": ["resp_body"]}, {"resp": {"headers": [["X", "y"]]}},
    {"ask": ["resp_body"], "resp": {"headers": [["X", "y"]]}}],
    ids=["nothing", "ask", "headers", "ask, headers"])
def test_grpc_keeps_its_trailers(nginx, runner, what):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    server = GRPC()
    port, = free_ports(1)
    nginx.start(server="listen 127.0.0.1:%d http2; %s %s location / { grpc_pass 127.0.0.1:%d; }" % (
        port, use(runner), post_resp(what), server.port))
    got = subprocess.run(["curl", "-sS", "-m", "10", "--http2-prior-knowledge", "-D", "-",
                          "-H", "TE: trailers", "-H", "Content-Type: application/grpc", "-d", "x",
                          "http://127.0.0.1:%d/a.B/C" % port], check=True, capture_output=True).stdout
    assert b"message" in got and b"grpc-status: 7" in got, got
    assert (b"x: y" in got) == ("resp" in what)
    server.listener.close()


@pytest.mark.parametrize("sleep", [0, 0.02])
@pytest.mark.parametrize("what, body", [
    ({"headers": [["Content-Type", "text/html"]]}, b"B" + BIG + b"A"), ({"body": "new"}, b"BnewA")],
    ids=["headers", "body"])
def test_what_nginx_adds_around_a_body(nginx, runner, upstream, sleep, what, body):
    """The filter for it takes the end from the body, and begins from the top with one."""
    nginx.file("b.txt", "B")
    nginx.file("a.txt", "A")
    upstream.answer = lambda *request: (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + BIG)
    nginx.start(server="""location = /b.txt { } location = /a.txt { }
        location / { %s %s %s add_before_body /b.txt; add_after_body /a.txt; }""" % (
        use(runner), post_resp({"sleep": sleep, "resp": what}), proxy(upstream)))
    assert nginx.get("/").body == body
