# SPDX-License-Identifier: Apache-2.0
"""post_resp: the response is held until the runner has decided."""
import json
import time

import pytest
from nginx_rig import wait_for
from fake_runner import RESP_CALL, write_resp
from conf_lines import post_resp, pre_req, proxy, use

BIG = bytes(range(256)) * 8192  # 2 MiB


def start(nginx, runner, what, location="", **more):
    nginx.start(server="location / { %s %s %s }" % (use(runner), post_resp(what), location),
                **more)


def test_the_call(nginx, runner, upstream):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 203 Fine\r\nContent-Type: text/x; charset=utf-8\r\nX-A: 1\r\nX-a: 2\r\n"
        b"ETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 06:24:13 GMT\r\nContent-Length: 2\r\n"
        b"Cache-Control: no-cache\r\n\r\nhi")
    start(nginx, runner, {}, proxy(upstream))
    r = nginx.get("/")
    assert (r.status, r.body) == (203, b"hi")
    call, = runner.calls
    assert (call.kind, call.status, call.token) == (RESP_CALL, 203, 1)
    assert call.header("Content-Type") == ["text/x; charset=utf-8"]
    assert [v for n, v in call.headers if n in ("X-A", "X-a")] == ["1", "2"]
    assert call.header("etag") == ['"x"']
    assert call.header("last-modified") == ["Mon, 23 Nov 2026 06:24:13 GMT"]
    assert call.header("content-length") == ["2"]
    # nothing was changed
    assert r.header("content-type") == "text/x; charset=utf-8"
    assert r.all("x-a") == ["1", "2"]
    assert r.all("cache-control") == ["no-cache"]


def test_status(nginx, runner, upstream):
    start(nginx, runner, {"resp": {"status": 418}}, proxy(upstream))
    r = nginx.get("/")
    assert r.status == 418 and r.header("x-upstream") == "lab"
    assert json.loads(r.body)["target"] == "/"
    assert r.header("content-type") == "application/json"


def test_headers_replace_all(nginx, runner, upstream):
    start(nginx, runner, {"resp": {"headers": [
        ["X-New", "1"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["Content-Length", "3"],
        ["Content-Type", "text/new; charset=x"], ["Connection", "x"], ["Server", "evil"]]}},
        proxy(upstream))
    r = nginx.get("/")
    assert r.status == 200 and json.loads(r.body)["target"] == "/"
    assert r.all("x-new") == ["1"]
    assert r.all("set-cookie") == ["a=1", "b=2"]
    assert r.all("x-upstream") == []
    assert r.all("content-type") == ["text/new; charset=x"]
    assert len(r.all("server")) == 1 and r.header("server") != "evil"


@pytest.mark.parametrize("size", [1, 5000, 3000000])
def test_body(nginx, runner, upstream, size):
    runner.handler = lambda call: write_resp(call.id, 0, None, b"n" * size)
    start(nginx, runner, {}, proxy(upstream))
    r = nginx.get("/")
    assert (r.status, r.body) == (200, b"n" * size)
    assert r.header("content-type") == "application/json"  # not lost
    assert r.all("content-length") == [str(size)]


def test_a_body_for_a_static_file_loses_what_described_the_file(nginx, runner):
    nginx.file("f.txt", BIG)
    start(nginx, runner, {"resp": {"body": "new"}})
    r = nginx.get("/f.txt", headers=[("Range", "bytes=0-1")])
    assert (r.status, r.body) == (200, b"new")
    assert r.all("etag") == r.all("last-modified") == r.all("accept-ranges") == []
    assert nginx.get("/f.txt", method="HEAD").header("content-length") == "3"


def test_everything(nginx, runner, upstream):
    start(nginx, runner, {"resp": {"status": 201, "headers": [["A", "b"]], "body": "c"}},
          proxy(upstream))
    r = nginx.get("/")
    assert (r.status, r.all("a"), r.body) == (201, ["b"], b"c")
    assert r.all("content-type") == []


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(nginx, runner, upstream, status):
    start(nginx, runner, {"resp": {"status": status}}, proxy(upstream))
    r = nginx.get("/")
    assert (r.status, r.body) == (status, b"")


@pytest.mark.parametrize("status", [99, 101, 199, 1000])
def test_a_status_that_cannot_be_sent(nginx, runner, upstream, status):
    start(nginx, runner, {"resp": {"status": status}}, proxy(upstream))
    assert nginx.get("/").status == 503


# ---- streaming ----

CONFIGURATIONS = {
    "buffered": "",
    "small buffers": "proxy_buffers 4 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k;",
    "no temp file": "proxy_buffers 4 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k;"
                    "proxy_max_temp_file_size 0;",
    "unbuffered": "proxy_buffering off;",
    "limited": "limit_rate 20m;",
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("sleep", [0, 0.2])
@pytest.mark.parametrize("length", [True, False])
def test_a_big_body_passes_untouched(nginx, runner, upstream, name, sleep, length):
    head = b"HTTP/1.1 200 OK\r\n%s\r\n" % (b"Content-Length: %d\r\n" % len(BIG) if length else b"")
    upstream.answer = lambda *request: head + BIG
    start(nginx, runner, {"sleep": sleep, "resp": {"headers": [["X", "y"]]}},
          proxy(upstream) + CONFIGURATIONS[name])
    r = nginx.get("/")
    assert r.status == 200 and r.body == BIG
    assert r.header("x") == "y"


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("what", [{"resp": {"body": "new"}}, {"error": 1},
                                  {"sleep": 0.1, "resp": {"body": "new"}}])
def test_a_big_body_is_replaced(nginx, runner, upstream, name, what):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG)
    start(nginx, runner, what, proxy(upstream) + CONFIGURATIONS[name])
    for _ in range(2):
        r = nginx.get("/")
        if "error" in what:
            assert r.status == 503 and b"503" in r.body
        else:
            assert (r.status, r.body) == (200, b"new")


def test_static_files(nginx, runner):
    nginx.file("big", BIG)
    start(nginx, runner, {"sleep": 0.05, "resp": {"headers": [["X", "y"]]}}, "sendfile on;")
    assert nginx.get("/big").body == BIG
    nginx.file("empty", b"")
    r = nginx.get("/empty")
    assert (r.status, r.body, r.header("x")) == (200, b"", "y")
    assert nginx.get("/none").status == 404
    assert nginx.get("/none").header("x") == "y"


def test_a_waiting_response_costs_no_processor(nginx, runner, upstream):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG)
    start(nginx, runner, {"sleep": 0.5}, proxy(upstream) + CONFIGURATIONS["no temp file"])
    pid, = wait_for(nginx.workers)

    def ticks():
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    assert nginx.get("/").body == BIG
    assert ticks() - before < 25  # hundredths of a second


@pytest.mark.parametrize("header, status, body", [
    (("Range", "bytes=10-19"), 206, BIG[10:20]),
    (("Range", "bytes=-5"), 206, BIG[-5:]),
    (("Range", "bytes=99999999-"), 416, None),
    (("Range", "bytes=0-1,5-6"), 206, None),
])
def test_ranges(nginx, runner, header, status, body):
    nginx.file("big", BIG)
    start(nginx, runner, {})
    r = nginx.get("/big", headers=[header])
    assert r.status == status
    assert body is None or r.body == body
    assert runner.calls[0].status == 200


def test_not_modified(nginx, runner):
    nginx.file("f", "x")
    start(nginx, runner, {})
    etag = nginx.get("/f").header("etag")
    assert nginx.get("/f", headers=[("If-None-Match", etag)]).status == 304
    assert [c.status for c in runner.calls] == [200, 200]


@pytest.mark.parametrize("what", [{}, {"resp": {"body": "longer body"}}, {"ask": ["resp_body"]}])
def test_head(nginx, runner, upstream, what):
    nginx.file("f", "12345")
    nginx.start(server="%s %s location / { } location /p { %s }" % (
        use(runner), post_resp(what), proxy(upstream)))
    r = nginx.get("/f", method="HEAD")
    assert (r.status, r.body) == (200, b"")
    assert r.header("content-length") == ("11" if "resp" in what else "5")
    r = nginx.get("/p", method="HEAD")
    assert (r.status, r.body) == (200, b"")
    if "ask" in what:
        assert [c.answers for c in runner.calls] == [[b""], [b""]]


def test_gzip_comes_after(nginx, runner, upstream):
    import gzip
    upstream.answer = lambda *request: (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"x" * 10000)
    start(nginx, runner, {"ask": ["resp_body"]}, proxy(upstream) + "gzip on;")
    r = nginx.get("/", headers=[("Accept-Encoding", "gzip")])
    assert gzip.decompress(r.body) == b"x" * 10000
    assert runner.calls[0].answers == [b"x" * 10000]


# ---- RespBody ----

@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("length", [True, False])
def test_the_body_is_given_when_asked_for(nginx, runner, upstream, name, length):
    head = b"HTTP/1.1 200 OK\r\n%s\r\n" % (b"Content-Length: %d\r\n" % len(BIG) if length else b"")
    upstream.answer = lambda *request: head + BIG
    start(nginx, runner, {"ask": ["resp_body", "var:status", "resp_body"]},
          proxy(upstream) + CONFIGURATIONS[name])
    r = nginx.get("/")
    assert r.body == BIG
    assert runner.calls[0].answers == [BIG, b"200", BIG]


def test_an_empty_body_is_present(nginx, runner, upstream):
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    start(nginx, runner, {"ask": ["resp_body"]}, proxy(upstream))
    assert nginx.get("/").body == b""
    assert runner.calls[0].answers == [b""]


@pytest.mark.parametrize("how", ["sendfile on;", "sendfile off;", "directio 1;", "aio threads;",
                                 "sendfile on; aio threads;", "open_file_cache max=10;"])
def test_the_body_of_a_file(nginx, runner, how):
    nginx.file("big", BIG)
    start(nginx, runner, {"ask": ["resp_body"]}, how)
    assert nginx.get("/big").body == BIG
    assert runner.calls[0].answers == [BIG]
    assert nginx.get("/big", headers=[("Range", "bytes=1-2")]).body == BIG[1:3]
    assert runner.calls[1].answers == [BIG]


def test_the_body_is_asked_for_and_replaced(nginx, runner, upstream):
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\n\r\n" + BIG
    start(nginx, runner, {"ask": ["resp_body"], "resp": {"body": "new"}}, proxy(upstream))
    assert nginx.get("/").body == b"new"
    assert runner.calls[0].answers == [BIG]


@pytest.mark.parametrize("degrade", ["on", "off"])
@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_is_too_large(nginx, runner, upstream, degrade, length):
    head = b"HTTP/1.1 200 OK\r\n%s\r\n" % (b"Content-Length: %d\r\n" % len(BIG) if length else b"")
    upstream.answer = lambda *request: head + BIG
    start(nginx, runner, {"ask": ["resp_body"]}, proxy(upstream)
          + "ext_plugin_max_body 1m; ext_plugin_allow_degradation %s;" % degrade)
    r = nginx.get("/")
    if degrade == "on":
        assert (r.status, r.body) == (200, BIG)
    else:
        assert r.status == 503
    assert "larger than ext_plugin_max_body" in nginx.log()


def test_the_request_body_in_the_response_phase(nginx, runner, upstream):
    start(nginx, runner, {"ask": ["req_body"]}, proxy(upstream) + "client_body_buffer_size 1k;")
    for body in (b"small", BIG[:500000]):
        assert nginx.get("/", method="POST", body=body).status == 200
        assert runner.calls[-1].answers == [body]
    nginx.get("/")
    assert runner.calls[-1].answers == [None]


# ---- when it runs ----

def test_not_for_what_was_refused_or_stopped(nginx, runner, upstream):
    nginx.start(server="""%s %s
        location /denied { deny all; }
        location /stopped { %s }
        location /ret { return 200 x; }
        location /bad { proxy_pass http://127.0.0.1:1; }""" % (
        use(runner), post_resp({"resp": {"headers": [["X", "y"]]}}),
        pre_req({"stop": {"body": "s"}})))
    assert nginx.get("/denied").status == 403
    assert nginx.get("/stopped").body == b"s"
    assert nginx.get("/ret").body == b"x"
    assert not [c for c in runner.calls if c.kind == RESP_CALL]
    r = nginx.get("/bad")  # the content phase's own failure is a response
    assert (r.status, r.header("x")) == (502, "y")


def test_error_page_is_not_called_twice(nginx, runner):
    nginx.file("e.html", "gone")
    start(nginx, runner, {"resp": {"headers": [["X", "y"]]}}, "error_page 404 /e.html;")
    r = nginx.get("/none")
    assert (r.status, r.body, r.header("x")) == (404, b"gone", "y")
    assert len(runner.calls) == 1


def test_both_phases_with_a_rewritten_body(nginx, runner, upstream):
    nginx.start(server="location / { %s %s %s %s }" % (
        use(runner), pre_req({"rewrite": {"body": "changed", "resp_headers": [["R", "1"]]}}),
        post_resp({"ask": ["req_body"], "resp": {"headers": [["A", "b"]]}}), proxy(upstream)))
    r = nginx.get("/", method="POST", body="original, and longer")
    sent = json.loads(r.body)
    assert sent["body"] == "changed" and ["Content-Length", "7"] in sent["headers"]
    assert (r.all("a"), r.all("r")) == (["b"], ["1"])
    assert runner.calls[1].answers == [b"changed"]
    assert "[rewrite, rewrite]" in nginx.access()[-1]


def test_upgraded_connections_pass(nginx, runner, upstream):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello")
    start(nginx, runner, {}, proxy(upstream)
          + "proxy_http_version 1.1; proxy_set_header Upgrade x;"
            "proxy_set_header Connection upgrade;")
    raw = nginx.raw(b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 101") and raw.endswith(b"\r\n\r\nhello")
    assert not runner.calls


# ---- clients and upstreams that go away ----

@pytest.mark.parametrize("ask", [[], ["resp_body"]])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_client_goes_away(nginx, runner, upstream, name, ask):
    def answer(*request):
        time.sleep(0.1)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG
    upstream.answer = answer
    start(nginx, runner, {"ask": ask, "sleep": 0.15}, proxy(upstream) + CONFIGURATIONS[name])
    for wait in (0.05, 0.12, 0.2, 0.27):
        with nginx.connect() as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            time.sleep(wait)
    assert nginx.get("/").body == BIG


@pytest.mark.parametrize("ask", [[], ["resp_body"]])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_upstream_breaks_off(nginx, runner, upstream, name, ask):
    upstream.answer = lambda *request: (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * len(BIG)) + BIG)
    start(nginx, runner, {"ask": ask, "sleep": 0.05}, proxy(upstream) + CONFIGURATIONS[name])
    raw = nginx.raw(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n") or b""
    assert len(raw) < 2 * len(BIG)
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    wait_for(lambda: nginx.get("/").body == b"ok")


def test_keepalive_after_a_held_response(nginx, runner):
    nginx.file("f", "12345")
    start(nginx, runner, {"sleep": 0.02})
    one = b"GET /f HTTP/1.1\r\nHost: t\r\n%s\r\n"
    raw = nginx.raw(one % b"" * 5 + one % b"Connection: close\r\n")
    assert raw.count(b"HTTP/1.1 200 OK") == 6 and raw.count(b"12345") == 6
