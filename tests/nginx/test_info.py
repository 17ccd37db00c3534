# SPDX-License-Identifier: Apache-2.0
"""ExtraInfo: variables and bodies that the runner asks for."""
import time

import pytest
from conf_lines import post_resp, pre_req, proxy, use


def ask(nginx, runner, questions, more="", path="/", http="", **request):
    nginx.start(server="location / { %s %s %s }" % (
        use(runner), pre_req({"ask": questions, "stop": {"body": "ok"}}), more), http=http)
    r = nginx.get(path, **request)
    assert r.body == b"ok", (r, nginx.log())
    return runner.calls[-1].answers


def test_variables(nginx, runner):
    answers = ask(nginx, runner, [
        "var:remote_addr", "var:REQUEST_URI", "var:arg_x", "var:http_x_y", "var:cookie_c",
        "var:server_port", "var:mine", "var:mapped", "var:none", "var:http_none", "var:", "var:args",
        "var:request_id", "var:nginx_version"],
        path="/p%20q?x=1", headers=[("X-Y", "z"), ("Cookie", "c=d")], more="set $mine my;",
        http="map $arg_x $mapped { 1 one; }")
    assert answers[:12] == [b"127.0.0.1", b"/p%20q?x=1", b"1", b"z", b"d",
                            str(nginx.port).encode(), b"my", b"one", None, None, None, b"x=1"]
    assert len(answers[12]) == 32
    assert answers[13].startswith(b"1.")


def test_an_empty_variable_is_present(nginx, runner):
    assert ask(nginx, runner, ["var:e", "var:args"], more='set $e "";') == [b"", None]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 5000, 200000, 5000000])
def test_request_body(nginx, runner, size, chunked):
    body = bytes(i * 7 % 256 for i in range(1000)) * (size // 1000 + 1)
    body = body[:size]
    answers = ask(nginx, runner, ["req_body", "req_body"], method="POST", body=body,
                  chunked=chunked, more="client_max_body_size 0; client_body_buffer_size 16k;")
    assert answers == [body, body]


@pytest.mark.parametrize("body", [None, b""])
def test_no_request_body(nginx, runner, body):
    assert ask(nginx, runner, ["req_body"], method="POST", body=body) == [None]


def test_the_body_still_goes_to_the_upstream(nginx, runner, upstream):
    nginx.start(server="""client_max_body_size 0; client_body_buffer_size 8k;
        location / { %s %s %s %s }""" % (use(runner), pre_req({"ask": ["req_body"]}),
                                         proxy(upstream), post_resp({"ask": ["req_body"]})))
    for size in (10, 100000):
        body = b"b" * size
        assert nginx.get("/", method="POST", body=body).status == 200
        assert upstream.requests[-1][3] == body
        assert [c.answers for c in runner.calls[-2:]] == [[body], [body]]


@pytest.mark.parametrize("limit", ["read_timeout=1s", "call_timeout=1s"])
def test_the_body_of_a_slow_client(nginx, runner, limit):
    nginx.start(server="location / { %s %s }" % (
        use(runner, limit),
        pre_req({"ask": ["req_body"], "stop": {"body": "ok"}})))
    with nginx.connect() as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 6\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef"):
            time.sleep(0.45)  # not the runner's fault
            s.sendall(piece)
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
    assert runner.calls[0].answers == [b"abcdef"]


def test_expect_continue(nginx, runner):
    nginx.start(server="location / { %s %s }" % (
        use(runner), pre_req({"ask": ["req_body"], "stop": {"body": "ok"}})))
    with nginx.connect() as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 2\r\n"
                  b"Expect: 100-continue\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 100")
        s.sendall(b"hi")
        assert s.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("when", ["before", "within"])
def test_the_client_goes_away_while_its_body_is_read(nginx, runner, when):
    nginx.start(server="location / { %s %s }" % (
        use(runner), pre_req({"ask": ["req_body"], "stop": {"body": "ok"}})))
    for _ in range(3):
        with nginx.connect() as s:
            s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n"
                      + (b"abc" if when == "within" else b""))
            time.sleep(0.1)
    assert nginx.get("/").body == b"ok"


def test_a_body_larger_than_nginx_takes(nginx, runner):
    nginx.start(server="client_max_body_size 1k; location / { %s %s }" % (
        use(runner), pre_req({"ask": ["req_body"], "stop": {"body": "ok"}})))
    assert nginx.get("/", method="POST", body="x" * 2000).status == 413
    assert nginx.get("/", method="POST", body="x" * 20000, chunked=True).status == 413
    assert nginx.get("/").body == b"ok"


@pytest.mark.parametrize("limit, size, good", [
    ("16m", 16777000, True), ("16m", 16777215, False), ("1m", 1048576, True),
    ("1m", 1048577, False)])
@pytest.mark.parametrize("degrade", ["on", "off"])
def test_limits(nginx, runner, upstream, limit, size, good, degrade):
    nginx.start(server="""client_max_body_size 0; client_body_buffer_size 1m;
        location / { %s %s %s ext_plugin_max_body %s; ext_plugin_allow_degradation %s; }""" % (
        use(runner), pre_req({"ask": ["req_body"]}), proxy(upstream), limit, degrade))
    body = b"x" * size
    r = nginx.get("/", method="POST", body=body)
    if good:
        assert r.status == 200 and runner.calls[0].answers == [body]
    else:  # or a client could choose to go on without the plugins
        assert r.status == 413 and not upstream.requests
        assert "asked for a request body that is larger" in nginx.log()


@pytest.mark.parametrize("degrade", ["on", "off"])
def test_a_request_body_beyond_the_limit_in_the_response_phase(nginx, runner, upstream, degrade):
    nginx.start(server="""location / { %s %s %s ext_plugin_max_body 10;
        ext_plugin_allow_degradation %s; }""" % (
        use(runner), post_resp({"ask": ["req_body"]}), proxy(upstream), degrade))
    r = nginx.get("/", method="POST", body="x" * 20)
    assert r.status == 503 and b"xxxx" not in r.body
    assert nginx.access()[-1].endswith(" 503 [error] [%s] [%s]" % (
        nginx.access()[-1].split("[")[2].split("]")[0],
        "asked for a request body that is larger than ext_plugin_max_body or a frame"))


def test_resp_body_in_the_request_phase(nginx, runner):
    assert ask(nginx, runner, ["resp_body"]) == [None]
