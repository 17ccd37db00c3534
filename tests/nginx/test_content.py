# SPDX-License-Identifier: Apache-2.0
"""post_resp beside content handlers other than files and proxy_pass, and what a response
that was changed must not keep."""
import os
import socket
import struct
import threading

import pytest
from conf_lines import post_resp, pre_req, proxy, use

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
