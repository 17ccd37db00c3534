# SPDX-License-Identifier: Apache-2.0
"""Requests that go elsewhere in the middle of a call, or after one that did not go well."""
import time

import pytest
from fake_runner import write_error
from conf_lines import post_req, post_resp, pre_req, proxy, use


def too_large(nginx, wait):
    """Sends a body in chunks that is too large, all at once or after a while."""
    with nginx.connect() as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        time.sleep(wait)
        s.sendall(b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n")
        got = bytearray()
        while more := s.recv(10000):
            got += more
        return bytes(got)


@pytest.mark.parametrize("wait", [0, 0.2])
@pytest.mark.parametrize("line", [pre_req, post_req])
@pytest.mark.parametrize("what", [{"ask": ["req_body"]}, {"rewrite": {"body": "new"}}])
def test_a_body_that_is_too_large_and_an_error_page(nginx, runner, line, what, wait):
    """The page must not wait for a call that cannot go on any more, and what was to
    become the request's body is nothing for the response."""
    nginx.file("large.html", "large")
    nginx.start(server="""client_max_body_size 1k; client_body_buffer_size 512;
        error_page 413 /large.html; %s %s %s""" % (use(runner), line(what), post_resp({})))
    got = too_large(nginx, wait)
    assert got.startswith(b"HTTP/1.1 413 ") and got.endswith(b"\r\n\r\nlarge"), got
    assert nginx.access()[-1].startswith("GET /large.html 413 ")
    assert len(runner.calls) == (3 if "rewrite" in what else 2)  # post_resp is one


@pytest.mark.parametrize("line", [pre_req, post_req, post_resp])
def test_what_one_location_lets_through_another_does_not(nginx, runner, line):
    """A plugin that could not be asked has not run, whatever the request was let through
    by on its way."""
    runner.prepare_handler = lambda key, conf, token: write_error(1)
    nginx.file("strict/index.html", "strict")
    nginx.file("lenient/index.html", "lenient")
    nginx.start(server="""%s %s
        location = /1 { ext_plugin_allow_degradation on; try_files /none /strict/index.html; }
        location = /2 { ext_plugin_allow_degradation on; try_files /none @named; }
        location = /3 { ext_plugin_allow_degradation on; try_files /none /lenient/index.html; }
        location @named { root %s/html/strict; try_files /index.html =404; }
        location /lenient/ { ext_plugin_allow_degradation on; }
        location /strict/ { }""" % (use(runner), line({}), nginx.root))
    assert nginx.get("/1").status == 503
    assert nginx.get("/2").status == 503
    assert nginx.get("/3").body == b"lenient"
    # and nobody was asked twice for nothing
    assert len(runner.prepared) == (3 if line is post_resp else 5)


@pytest.mark.parametrize("line", [pre_req, post_req])
@pytest.mark.parametrize("method, size, what", [
    ("GET", 0, {"close": True}), ("FOO", 0, {}), ("POST", 2000, {"ask": ["req_body"]}),
    ("POST", 700, {"ask": ["req_body"]})],
    ids=["a runner that fails", "an unknown method", "too large for nginx", "for the plugin"])
def test_no_error_page_leads_around_the_plugins(nginx, runner, upstream, line, method, size,
                                                what):
    """Many send 5xx to a second upstream, in a location that inherits the plugins."""
    what["stop"] = {"status": 401, "body": "no"}
    nginx.file("open.html", "open")
    nginx.start(server="""%s %s client_max_body_size 1k; ext_plugin_max_body 600;
        location / { error_page 413 500 501 502 503 504 = @backup; proxy_pass http://127.0.0.1:1; }
        location /page { error_page 413 500 501 502 503 504 /open.html; }
        location @backup { %s }
        location = /open.html { ext_plugin_pre_req off; ext_plugin_post_req off; }""" % (
        use(runner), line(what), proxy(upstream)))
    body = "x" * size if size else None
    status = nginx.get("/", method=method, body=body, chunked=True).status
    assert status == {"GET": 503, "FOO": 501, "POST": 413}[method]
    assert not upstream.requests
    # a page that is for everybody says so itself
    assert nginx.get("/page", method=method, body=body, chunked=True).body == b"open"


@pytest.mark.parametrize("size", [10, 700])
def test_each_response_is_collected_for_itself(nginx, runner, size):
    """A range that does not fit leads from one response, which was collected, to another."""
    nginx.file("index.html", "i" * 900)
    nginx.file("e416.html", "e" * size)
    nginx.start(server="""%s ext_plugin_max_body 1k; error_page 416 /e416.html;
        location / { %s } location = /e416.html { %s }""" % (
        use(runner), post_resp({"ask": ["resp_body"]}), post_resp({"ask": ["resp_body"]})))
    r = nginx.get("/", headers=[("Range", "bytes=5000-")])
    assert (r.status, r.body) == (416, b"e" * size), nginx.log()
    assert [call.answers for call in runner.calls] == [[b"i" * 900], [b"e" * size]]


REFUSED = {
    b"GET / HTTP/1.1\r\n\r\n": 400, b"\0\1\r\n\r\n": 400, b"GET /%00 HTTP/1.1\r\nHost: t\r\n\r\n": 400,
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: t\r\n\r\n": 414,
    b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"b" * 9000 + b"\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: x\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5000\r\n\r\n": 413,
}


@pytest.mark.parametrize("what", [
    {"rewrite": {"headers": [["A", "b"], ["host", "q"]], "args": [["x", "y"]], "body": "new"}},
    {"ask": ["req_body", "var:request_uri", "var:host", "var:request_body", "var:arg_x"]}])
def test_the_error_page_of_a_request_that_nginx_has_not_read(nginx, runner, what):
    """Its plugins find a request without headers, or without a line even."""
    nginx.file("e.html", "page")
    nginx.start(server="""large_client_header_buffers 2 4k; client_max_body_size 1k;
        error_page 400 413 414 494 501 /e.html; %s %s %s %s""" % (
        use(runner), pre_req(what), post_req(what), post_resp({"ask": ["req_body", "resp_body"]})))
    for request, status in REFUSED.items():
        with nginx.connect() as s:
            s.sendall(request)
            got = bytearray()
            while not got.endswith(b"page"):
                more = s.recv(10000)
                assert more, got
                got += more
            assert got.startswith(b"HTTP/1.1 %d " % status), (request, got)
    assert len(runner.calls) == 3 * len(REFUSED)
