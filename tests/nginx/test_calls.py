# SPDX-License-Identifier: Apache-2.0
"""What a call of the request phases says, and where in a request it is made."""
import os
import socket

import pytest
from nginx_rig import wait_for
from fake_runner import REQ_CALL
from conf_lines import post_req, pre_req, proxy, use, word

METHODS = ("GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK "
           "PATCH TRACE").split()


def test_hello(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "hello\n"}}))
    r = nginx.get("/any/path?x=1")
    assert (r.status, r.body) == (200, b"hello\n")
    assert r.header("content-length") == "6"
    assert r.header("content-type") == "text/plain"


def test_the_call(nginx, runner, upstream):
    nginx.start(server="location / { %s %s %s }" % (use(runner), pre_req({}), proxy(upstream)))
    r = nginx.get("/a%20b/../%C3%A9/x?b=1%202&c=+d&e&f=&=g&h=%zz&i=%2", headers=[
        ("X-Two", "1"), ("X-Two", "2"), ("X-Empty", ""), ("X-Bytes", "\udcff"),
        ("Cookie", "a=b"), ("Cookie", "c=d")])
    assert r.status == 200
    call, = runner.calls
    assert call.kind == REQ_CALL
    assert call.method == 0
    assert call.path == "/é/x"
    assert call.args == [("b", "1 2"), ("c", " d"), ("e", None), ("f", ""), ("h", "%zz"),
                         ("i", "%2")]
    assert call.source == bytes([127, 0, 0, 1])
    assert call.header("x-two") == ["1", "2"]
    assert call.header("x-empty") == [""]
    assert call.header("x-bytes") == ["\udcff"]
    assert call.header("cookie") == ["a=b", "c=d"]
    assert call.header("host") == ["test"]
    assert all(n == n.lower() for n, _ in call.headers)
    assert call.token == 1


@pytest.mark.parametrize("method", METHODS)
def test_methods(nginx, runner, method):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    raw = nginx.raw(("%s / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % method).encode())
    if method == "TRACE":  # nginx itself refuses it
        assert b" 405 " in raw.splitlines()[0]
        return
    assert raw.startswith(b"HTTP/1.1 200 OK"), raw
    assert [c.method for c in runner.calls] == [METHODS.index(method)]


@pytest.mark.parametrize("degrade", [False, True])
def test_a_method_that_the_protocol_does_not_know(nginx, runner, upstream, degrade):
    nginx.start(server="%s %s location / { %s ext_plugin_allow_degradation %s; }" % (
        use(runner), pre_req({"stop": {"body": "x"}}), proxy(upstream),
        "on" if degrade else "off"))
    r = nginx.get("/", method="BREW")
    assert r.status == 501  # or a client could choose to go on without the plugins
    assert not runner.calls and not upstream.requests
    assert "cannot be told of this request's method" in nginx.log()


def test_ids_and_connections(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    for _ in range(20):
        assert nginx.get("/").status == 200
    ids = [c.id for c in runner.calls]
    assert ids == list(range(20))
    assert len(runner.prepared) == 1
    assert runner.connections == 1


def test_many_headers_and_args(nginx, runner, upstream):
    nginx.start(server="large_client_header_buffers 8 64k; location / { %s %s %s }" % (
        use(runner), pre_req({}), proxy(upstream)))
    headers = [("X-H%d" % i, "v" * 50) for i in range(300)]
    query = "&".join("a%d=%d" % (i, i) for i in range(500))
    assert nginx.get("/?" + query, headers=headers).status == 200
    call, = runner.calls
    assert len(call.args) == 500
    assert len([n for n, _ in call.headers if n.startswith("x-h")]) == 300


def test_http_10_without_host(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    raw = nginx.raw(b"GET / HTTP/1.0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 200") and raw.endswith(b"\r\n\r\nx")
    assert runner.calls[0].header("host") == []


def test_ipv6_and_unix_sources(nginx, runner, tmp_path):
    path = str(tmp_path / "client.sock")
    nginx.start(server="listen [::1]:%d; listen unix:%s; %s %s" % (
        nginx.port, path, use(runner), pre_req({"stop": {"body": "x"}})))
    with socket.create_connection(("::1", nginx.port)) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    assert [c.source for c in runner.calls] == [b"\0" * 15 + b"\1", None]


def test_phases(nginx, runner, upstream):
    nginx.start(server="""%s
        location / { %s %s %s }
        location /denied { %s %s deny all; }""" % (
        use(runner), pre_req({"rewrite": {"headers": [["X-Pre", "1"]]}}),
        post_req({"rewrite": {"headers": [["X-Post", "1"]]}}), proxy(upstream),
        pre_req({}), post_req({})))
    assert nginx.get("/").status == 200
    pre, post = runner.calls
    assert pre.header("x-pre") == [] and post.header("x-pre") == ["1"]
    sent = dict(upstream.requests[0][2])
    assert sent["X-Pre"] == "1" and sent["X-Post"] == "1"
    assert nginx.get("/denied").status == 403
    assert len(runner.calls) == 3  # post_req comes after access control
    assert "/denied 403 [none]" in nginx.access()[-1]
    assert "[rewrite, rewrite]" in nginx.access()[-2]


def test_a_chain_and_inheritance(nginx, runner, tmp_path):
    (tmp_path / "conf.json").write_text('{"stop": {"body": "from a file"}}')
    nginx.start(http=use(runner) + pre_req({"stop": {"body": "http"}}), server="""
        location / { }
        location /own { %s ext_plugin_pre_req second; ext_plugin_pre_req third 'x y'; }
        location /file { ext_plugin_pre_req do @conf.json; }
        location /off { ext_plugin_pre_req off; }""" % pre_req({"stop": {"body": "own"}}))
    nginx.file("off", "static")
    assert nginx.get("/").body == b"http"
    assert nginx.get("/own").body == b"own"
    assert nginx.get("/file").body == b"from a file"
    assert nginx.get("/off").body == b"static"
    keys = [key for key, _ in runner.prepared]
    assert len(set(keys)) == 3
    assert keys[0].startswith("nginx#http#ext-plugin-pre-req#")
    assert keys[1].startswith("nginx#test/own#ext-plugin-pre-req#")
    assert [n for n, _ in runner.prepared[1][1]] == ["do", "second", "third"]
    assert [v for _, v in runner.prepared[1][1]][1:] == ["", "x y"]


@pytest.mark.parametrize("lines, error", [
    ("location /a { ext_plugin_pre_req x; }", "no \"ext_plugin_runner\" is set for "
     "\"ext_plugin_pre_req x\" in server \"test\", location \"/a\""),
    ("ext_plugin_runner 127.0.0.1:80;", "invalid address"),
    ("ext_plugin_runner unix:/%s;" % ("x" * 120), "invalid address"),
    ("ext_plugin_runner unix:/x keepalive=y;", "invalid parameter \"keepalive=y\""),
    ("ext_plugin_runner unix:/x read_timeout=0;", "invalid parameter"),
    ("ext_plugin_runner unix:/x what=1;", "invalid parameter \"what=1\""),
    ("ext_plugin_runner unix:/x; ext_plugin_runner unix:/y;", "is duplicate"),
    ("ext_plugin_runner unix:/x; ext_plugin_pre_req x @none.json;", "none.json\" failed"),
    ("ext_plugin_runner unix:/x; ext_plugin_pre_req off; ext_plugin_pre_req x;", "follows"),
    ("ext_plugin_runner unix:/x; ext_plugin_pre_req x @html;", "html\" is not a file"),
    ("ext_plugin_runner unix:/x; ext_plugin_pre_req x @fifo;", "fifo\" is not a file"),
    ("ext_plugin_buffer_size 10;", "must be at least"),
    ("ext_plugin_runner unix:/x call_timeout=0;", "invalid parameter \"call_timeout=0\""),
    ("ext_plugin_runner unix:/x questions=;", "invalid parameter \"questions=\""),
    ("ext_plugin_runner unix:/x; ext_plugin_pre_req '' '{}';", "names no plugin"),
], ids=range(15))
def test_configuration_errors(nginx, lines, error):
    os.mkfifo(nginx.root / "fifo")
    nginx.configure(server=lines)
    nginx.expect_alerts = True
    code, said = nginx.test()
    assert code != 0 and error in said, said


def test_configuration_warnings(nginx):
    nginx.configure(main="ext_plugin_cmd /bin/true;", server="""ext_plugin_runner unix:/x;
        ext_plugin_max_body 16m;""")
    said = nginx.test()[1]
    assert "test is successful" in said
    assert "[warn] \"ext_plugin_max_body\" is lowered to 16777215" in said
    assert "[warn] \"ext_plugin_cmd\" is not started" in said


def test_redirects_do_not_call_again(nginx, runner):
    nginx.file("index.html", "index")
    nginx.file("e404.html", "gone")
    nginx.start(server="""%s %s index index.html; error_page 404 /e404.html;
        location /try { try_files /none @named; }
        location @named { %s return 200 named; }
        location /x { %s root %s; try_files /none @other; }
        location @other { %s }""" % (
        use(runner), pre_req({}), "", "", nginx.root / "html",
        post_req({"stop": {"body": "other"}})))
    assert nginx.get("/").body == b"index"
    assert len(runner.calls) == 1
    assert nginx.get("/none").body == b"gone"
    assert len(runner.calls) == 2
    assert nginx.get("/try").body == b"named"
    assert len(runner.calls) == 3
    assert nginx.get("/x").body == b"other"  # a chain that did not run yet
    assert len(runner.calls) == 5


def test_subrequests_only_when_asked(nginx, runner):
    nginx.file("main", "main")
    nginx.start(server="""%s
        location / { auth_request /auth; }
        location /asked { auth_request /auth-asked; root %s; try_files /main =404; }
        location /auth { %s return 200; }
        location /auth-asked { ext_plugin_subrequests on; %s }""" % (
        use(runner), nginx.root / "html", pre_req({"stop": {"status": 403, "body": "no"}}),
        pre_req({"stop": {"status": 401, "body": "no"}})))
    assert nginx.get("/main").status == 200
    assert not runner.calls
    assert nginx.get("/asked").status == 401
    assert len(runner.calls) == 1


def test_pipelined(nginx, runner):
    nginx.start(server=use(runner) + pre_req({"stop": {"body": "x"}}))
    one = b"GET /%d HTTP/1.1\r\nHost: t\r\n\r\n"
    raw = nginx.raw(b"".join(one % i for i in range(20))
                    + b"GET /last HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert raw.count(b"HTTP/1.1 200 OK") == 21
    assert [c.path for c in runner.calls][-1] == "/last"


def test_client_goes_away_while_the_runner_works(nginx, runner):
    nginx.start(server="location / { %s %s } location /ok { %s %s }" % (
        use(runner), pre_req({"sleep": 0.3}), use(runner), pre_req({"stop": {"body": "ok"}})))
    for _ in range(5):
        s = nginx.connect()
        s.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_for(lambda: runner.prepared, what="PrepareConf")
        s.close()
    wait_for(lambda: any(" 499 " in line for line in nginx.access()), what="the 499")
    line = [line for line in nginx.access() if " 499 " in line][-1]
    assert "[aborted]" in line and "[0.000000]" not in line, line
    assert nginx.get("/ok").body == b"ok"


def test_words_of_the_configuration_reach_the_runner(nginx, runner):
    text = '{"a": "it\'s \\\\ \\n \\u00e9 \\" $host ;{}"}'
    nginx.start(server="%s ext_plugin_pre_req 'a b' %s;" % (use(runner), word(text)))
    nginx.get("/")
    assert runner.prepared[0][1] == [("a b", text)]
