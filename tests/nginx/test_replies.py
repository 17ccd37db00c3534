# SPDX-License-Identifier: Apache-2.0
"""What the replies of the request phases do: Stop and Rewrite."""
import json

import pytest
from fake_runner import write_resp, write_rewrite, write_stop
from conf_lines import post_resp, pre_req, proxy, use


def stop(nginx, runner, what, **request):
    nginx.start(server=use(runner) + pre_req({"stop": what}))
    return nginx.get("/", **request)


def rewrite(nginx, runner, upstream, what, path="/old?keep=1&keep=2", more="", **request):
    nginx.start(server="location / { %s %s %s %s }" % (use(runner), pre_req({"rewrite": what}),
                                                       proxy(upstream), more))
    r = nginx.get(path, **request)
    assert r.status == 200, (r, nginx.log())
    sent = json.loads(r.body) if request.get("method") != "HEAD" else None
    return r, sent


# ---- Stop ----

def test_stop_full(nginx, runner):
    r = stop(nginx, runner, {
        "status": 403, "body": '{"error":"forbidden"}',
        "headers": [["X-Stop", "1"], ["X-Rep", "a"], ["X-Rep", "b"],
                    ["Content-Type", "application/json"], ["Server", "evil"],
                    ["Content-Length", "5"], ["Set-Cookie", "a=1"], ["set-cookie", "b=2"],
                    ["Transfer-Encoding", "chunked"], ["Connection", "upgrade"],
                    ["Date", "never"]]})
    assert r.status == 403
    assert r.body == b'{"error":"forbidden"}'
    assert r.all("x-rep") == ["a", "b"]
    assert r.all("set-cookie") == ["a=1", "b=2"]
    assert r.all("content-type") == ["application/json"]
    assert r.all("content-length") == ["21"]
    assert len(r.all("server")) == 1 and "evil" not in r.header("server")
    assert r.all("transfer-encoding") == [] and r.all("connection") == ["close"]
    assert len(r.all("date")) == 1 and r.header("date") != "never"


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_stop_without_a_body_shows_nginx_page(nginx, runner, status):
    r = stop(nginx, runner, {"status": status, "headers": [["X-Why", "because"]]})
    assert r.status == status
    assert b"<center>nginx" in r.body
    assert r.header("x-why") == "because"


def test_stop_without_a_body_and_error_page(nginx, runner):
    nginx.file("sorry.html", "sorry")
    nginx.start(server=use(runner) + pre_req({"stop": {"status": 403}})
                + "error_page 403 /sorry.html;")
    r = nginx.get("/x")
    assert (r.status, r.body) == (403, b"sorry")
    assert len(runner.calls) == 1


@pytest.mark.parametrize("status", [200, 204, 304, 408, 444, 494, 499, 799, 700])
def test_stop_without_a_body_and_without_a_page(nginx, runner, status):
    r = stop(nginx, runner, {"status": status})
    assert (r.status, r.body) == (status, b"")


def test_stop_redirect(nginx, runner):
    r = stop(nginx, runner, {"status": 302, "headers": [["Location", "https://other.test/x"]]})
    assert r.status == 302
    assert r.all("location") == ["https://other.test/x"]


@pytest.mark.parametrize("status", [1, 99, 100, 101, 199, 1000, 65535])
def test_stop_with_a_status_that_cannot_be_sent(nginx, runner, status):
    assert stop(nginx, runner, {"status": status, "body": "x"}).status == 503
    assert "status that cannot be sent" in nginx.log()


def test_stop_of_a_head(nginx, runner):
    r = stop(nginx, runner, {"body": "head\n"}, method="HEAD")
    assert (r.status, r.body, r.header("content-length")) == (200, b"", "5")


def test_stop_of_a_post_discards_the_body(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    body = b"b" * 300000
    one = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n%s\r\n%s"
    raw = nginx.raw(one % (len(body), b"", body)
                    + one % (len(body), b"Connection: close\r\n", body))
    assert raw.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("size", [4000, 4096, 100000, 1000000, 16000000])
def test_stop_with_a_big_body(nginx, runner, size):
    body = "B" * size
    runner.handler = lambda call: write_stop(call.id, 200, None, body)
    nginx.start(server=use(runner) + pre_req({}))
    r = nginx.get("/")
    assert (r.status, len(r.body)) == (200, size)


def test_headers_cannot_split_the_response(nginx, runner):
    r = stop(nginx, runner, {"body": "x", "headers": [
        ["X-A", "1\r\nX-Evil: 1"], ["X-B\r\nX-Evil", "2"], ["X C:", "3"], ["", "4"],
        ["X-D", "tab\there \u00e9\u007f"]]})
    assert r.all("x-evil") == []
    assert r.header("x-a") == "1%0D%0AX-Evil: 1"
    assert r.header("x-b%0d%0ax-evil") == "2"
    assert r.header("x%20c%3a") == "3"
    assert r.header("x-d") == "tab\there é%7F"


# ---- Rewrite ----

def test_nothing_to_rewrite(nginx, runner, upstream):
    _, sent = rewrite(nginx, runner, upstream, {}, path="/a%20b/%2e/x?y=%20z")
    assert sent["target"] == "/a%20b/%2e/x?y=%20z"


@pytest.mark.parametrize("path, target", [
    ("/new/path", "/new/path?keep=1&keep=2"),
    ("no-slash", "/no-slash?keep=1&keep=2"),
    ("/a b/你?x=1&y=#frag%20", "/a%20b/%E4%BD%A0%3Fx=1&y=%23frag%2520?keep=1&keep=2"),
    ("", "/old?keep=1&keep=2"),
    ("/..x/...", "/..x/...?keep=1&keep=2"),
])
def test_path(nginx, runner, upstream, path, target):
    _, sent = rewrite(nginx, runner, upstream, {"path": path})
    assert sent["target"] == target


@pytest.mark.parametrize("path", ["/../etc/passwd", "/a/..", "..", "/a\0b", "/a/../b"])
def test_a_path_that_leaves_the_root(nginx, runner, path):
    nginx.start(server=use(runner) + pre_req({"rewrite": {"path": path}}))
    assert nginx.get("/").status == 503


def test_path_of_a_static_file_and_of_a_proxied_location(nginx, runner, upstream):
    nginx.file("new.html", "new")
    nginx.start(server="""%s %s
        location / { }
        location /proxied/ { proxy_pass http://127.0.0.1:%d/base/; }""" % (
        use(runner), pre_req({"rewrite": {"path": "/new.html"}}), upstream.port))
    r = nginx.get("/old")
    assert r.body == b"new"
    assert json.loads(nginx.get("/proxied/x?y").body)["target"] == "/new.html?y"


def test_args(nginx, runner, upstream):
    _, sent = rewrite(nginx, runner, upstream, {"args": [
        ["new", "1"], ["chg", "changed"], ["del", None], ["two", "a"], ["two", "b"],
        ["sp", "a b&c=d+é"], ["empty", ""], ["gone", "x"], ["gone", None], ["", "y"]]},
        path="/p?chg=orig&del=1&keep=k%20&flag&rep=1&rep=2&ch%67=2")
    assert sent["target"] == ("/p?keep=k%20&flag&rep=1&rep=2&new=1&chg=changed&two=a&two=b"
                              "&sp=a%20b%26c%3Dd%2B%C3%A9&empty=")


def test_no_args_are_left(nginx, runner, upstream):
    _, sent = rewrite(nginx, runner, upstream, {"args": [["keep", None]]})
    assert sent["target"] == "/old"


def test_headers(nginx, runner, upstream):
    _, sent = rewrite(nginx, runner, upstream, {"headers": [
        ["X-New", "1"], ["x-change", "changed"], ["X-Del", None], ["Host", "Re.Example.com:81"],
        ["X-Two", "a"], ["X-Two", "b"], ["User-Agent", "mine"], ["Content-Length", "99"],
        ["X-Split", "a\r\nb: c"], ["x-gone", "1"], ["X-Gone", None], ["Cookie", "c=d"],
        ["X-Forwarded-For", "1.2.3.4"], ["Accept", None]]},
        more="proxy_set_header X-Ua $http_user_agent; proxy_set_header X-Ck $cookie_c;"
             "proxy_set_header X-Fwd $proxy_add_x_forwarded_for; proxy_set_header X-Host $host;"
             "proxy_set_header X-HH $http_host;",
        headers=[("X-Change", "orig"), ("X-Del", "1"), ("X-Del", "2"), ("X-Keep", "kept"),
                 ("User-Agent", "old"), ("Cookie", "a=b"), ("Accept", "*/*")])
    got = {}
    for name, value in sent["headers"]:
        got.setdefault(name.lower(), []).append(value)
    assert got["x-new"] == ["1"]
    assert got["x-change"] == ["changed"]
    assert "x-del" not in got and "x-gone" not in got and "accept" not in got
    assert got["x-keep"] == ["kept"]
    assert got["x-two"] == ["b"]
    assert got["host"] == ["re.example.com"] and got["x-host"] == ["re.example.com"]
    assert got["x-hh"] == ["Re.Example.com:81"]
    assert got["user-agent"] == got["x-ua"] == ["mine"]
    assert got["cookie"] == ["c=d"] and got["x-ck"] == ["d"]
    assert got["x-fwd"] == ["1.2.3.4, 127.0.0.1"]
    assert got["x-split"] == ["a%0D%0Ab: c"]
    assert "content-length" not in got


@pytest.mark.parametrize("method, body, chunked", [
    ("GET", None, False), ("POST", "old", False), ("POST", "o" * 200000, False),
    ("POST", "c" * 50000, True), ("PUT", "", False)],
    ids=["none", "small", "large", "chunked", "empty"])
def test_body(nginx, runner, upstream, method, body, chunked):
    _, sent = rewrite(nginx, runner, upstream, {"body": "the new body"}, method=method, body=body,
                      chunked=chunked, more="client_body_buffer_size 1k;")
    assert sent["body"] == "the new body"
    assert ["Content-Length", "12"] in sent["headers"]
    assert not [n for n, _ in sent["headers"] if n.lower() == "transfer-encoding"]


def test_an_empty_body_changes_nothing(nginx, runner, upstream):
    _, sent = rewrite(nginx, runner, upstream, {"body": ""}, method="POST", body="old")
    assert sent["body"] == "old"


def test_body_of_a_slow_client(nginx, runner, upstream):
    import time
    nginx.start(server="location / { %s %s %s }" % (
        use(runner), pre_req({"rewrite": {"body": "new"}}), proxy(upstream)))
    with nginx.connect() as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 6\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef"):
            time.sleep(0.05)
            s.sendall(piece)
        assert b"200 OK" in s.recv(100)
    assert upstream.requests[0][3] == b"new"


def test_client_goes_away_while_its_body_is_read(nginx, runner, upstream):
    nginx.start(server="location / { %s %s %s }" % (
        use(runner), pre_req({"rewrite": {"body": "new"}}), proxy(upstream)))
    with nginx.connect() as s:
        s.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nab")
        import time
        time.sleep(0.1)
    assert nginx.get("/").status == 200
    assert len(upstream.requests) == 1


def test_response_headers(nginx, runner, upstream):
    r, _ = rewrite(nginx, runner, upstream, {"resp_headers": [
        ["X-Resp", "1"], ["X-Two", "a"], ["X-Two", "b"], ["Content-Type", "text/evil"],
        ["Server", "evil"], ["LOCATION", "/evil"], ["X-Upstream", "also"], ["Set-Cookie", "r=1"],
        ["Content-Length", "1"], ["Cache-Control", "no-store"]]})
    assert r.header("x-resp") == "1"
    assert r.all("x-two") == ["a", "b"]
    assert r.all("content-type") == ["application/json"]
    assert r.all("location") == []
    assert sorted(r.all("x-upstream")) == ["also", "lab"]
    assert r.all("set-cookie") == ["r=1"]
    assert r.all("cache-control") == ["no-store"]


def test_response_headers_on_an_error_page(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"rewrite": {"resp_headers": [["X-R", "1"]]}}))
    r = nginx.get("/none")
    assert (r.status, r.all("x-r")) == (404, ["1"])


@pytest.mark.parametrize("write", [write_rewrite, write_stop, write_resp])
@pytest.mark.parametrize("count, status", [(1000, 200), (1001, 503)])
def test_too_many_changes(nginx, runner, write, count, status):
    """What costs more than linear time would hold the worker."""
    headers = [["Link", "1"]] * count
    data = write(0, headers=headers)
    runner.handler = lambda call: data
    nginx.file("index.html", "index")
    nginx.start(server=use(runner) + (post_resp if write is write_resp else pre_req)({}))
    assert nginx.get("/").status == status
    assert ("too many headers" in nginx.log()) == (status == 503)
