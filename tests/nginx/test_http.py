# SPDX-License-Identifier: Apache-2.0
"""HTTP/2, TLS and what else a client may do to a request that waits."""
import json
import shutil
import subprocess
import time

import pytest
from nginx_rig import wait_for
from conf_lines import post_resp, pre_req, proxy, use
from ports import free_ports

BIG = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def tls(nginx):
    key, cert = nginx.root / "key.pem", nginx.root / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=test", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return "ssl_certificate %s; ssl_certificate_key %s;" % (cert, key)


def listen(nginx, how):
    port, = free_ports(1)
    return port, "listen 127.0.0.1:%d %s;" % (port, how)


def curl(*args, data=None, timeout=15):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    done = subprocess.run(["curl", "-sS", "-k", "-m", str(timeout), *args], input=data,
                          capture_output=True, timeout=timeout + 5)
    assert done.returncode == 0, done.stderr
    return done.stdout


PHASES = """
    location /stop { %(stop)s }
    location /body { %(body)s %(proxy)s }
    location /resp { %(resp)s %(proxy)s }
    location /new { %(new)s %(proxy)s }
    location /file { %(file)s }
"""


def serve(nginx, runner, upstream, more):
    nginx.file("file/big", BIG)
    nginx.start(server=more + use(runner) + "client_max_body_size 0;" + PHASES % {
        "stop": pre_req({"stop": {"status": 201, "headers": [["X-A", "b"]], "body": "stopped"}}),
        "body": pre_req({"ask": ["req_body", "var:scheme"],
                         "rewrite": {"headers": [["X-New", "1"]]}}),
        "resp": post_resp({"sleep": 0.05, "ask": ["resp_body"],
                           "resp": {"headers": [["x-r", "1"]]}}),
        "new": pre_req({"rewrite": {"body": "new body"}}) + post_resp({"resp": {"body": "new"}}),
        "file": post_resp({"sleep": 0.05, "resp": {"headers": [["x-f", "1"]]}}),
        "proxy": proxy(upstream),
    })


@pytest.mark.parametrize("how, scheme, option", [
    ("http2", "http", "--http2-prior-knowledge"),
    ("ssl http2", "https", "--http2"),
    ("ssl", "https", "--http1.1"),
    ("", "http", "--http1.0"),
])
def test_protocols(nginx, runner, upstream, tls, how, scheme, option):
    port, line = listen(nginx, how)
    serve(nginx, runner, upstream, line + tls)
    url = "%s://127.0.0.1:%d" % (scheme, port)
    version = {"--http2-prior-knowledge": b"2", "--http2": b"2", "--http1.1": b"1.1",
               "--http1.0": b"1.1"}[option]
    out = curl(option, "-i", url + "/stop")
    head, _, body = out.partition(b"\r\n\r\n")
    assert head.split()[:2] == [b"HTTP/" + version, b"201"], out
    assert b"x-a: b" in head.lower() and body == b"stopped"

    for data in (b"small", BIG):
        sent = json.loads(curl(option, "--data-binary", "@-", url + "/body?q=1", data=data))
        assert sent["body"].encode("latin-1") == data
        assert ["X-New", "1"] in sent["headers"]
        assert runner.calls[-1].answers == [data, scheme.encode()]

    out = curl(option, "-i", url + "/resp")
    assert b"x-r: 1" in out.lower() and b'"target"' in out
    sent = curl(option, "--data-binary", "@-", url + "/new", data=BIG)
    assert sent == b"new" and upstream.requests[-1][3] == b"new body"
    assert curl(option, url + "/file/big") == BIG
    assert curl(option, "-r", "5-9", url + "/file/big") == BIG[5:10]
    assert curl(option, "-I", url + "/file/big").split()[1] == b"200"
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\n\r\n" + BIG
    assert curl(option, url + "/resp") == BIG
    assert runner.calls[-1].answers == [BIG]


def test_many_streams_at_once(nginx, runner, upstream, tls):
    port, line = listen(nginx, "ssl http2")
    serve(nginx, runner, upstream, line + tls)
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\n\r\n" + BIG
    url = "https://127.0.0.1:%d" % port
    args = []
    for i in range(12):
        args += ["-o", str(nginx.root / ("out%d" % i)), url + ("/resp", "/file/big")[i % 2]]
    curl("--http2", "-Z", *args)
    for i in range(12):
        assert (nginx.root / ("out%d" % i)).read_bytes() == BIG


@pytest.mark.parametrize("path", ["/stop", "/body", "/resp", "/new", "/file/big"])
def test_http2_clients_that_go_away(nginx, runner, upstream, path):
    port, line = listen(nginx, "http2")
    serve(nginx, runner, upstream, line)
    upstream.answer = lambda *request: (time.sleep(0.05), b"HTTP/1.1 200 OK\r\n\r\n" + BIG)[1]
    for wait in ("0.02", "0.06", "0.1", "0.13"):
        subprocess.run(["curl", "-s", "--http2-prior-knowledge", "--limit-rate", "100k",
                        "-m", wait, "-d", "x", "-o", "/dev/null",
                        "http://127.0.0.1:%d%s" % (port, path)], timeout=10)
    upstream.answer = None
    wait_for(lambda: curl("--http2-prior-knowledge",
                          "http://127.0.0.1:%d/stop" % port) == b"stopped")


def test_a_slow_reader(nginx, runner, upstream):
    """A client that reads late gets all of a response that was held."""
    serve(nginx, runner, upstream, "")
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\n\r\n" + BIG * 8
    with nginx.connect() as s:
        s.sendall(b"GET /resp HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        time.sleep(0.5)
        got = bytearray()
        while more := s.recv(1 << 16):
            got += more
    assert len(got) > 8 * len(BIG)


def test_ssi_and_sub_filters(nginx, runner, upstream):
    nginx.file("ssi.html", '<!--#include virtual="/part" -->-<!--#echo var="arg_x" -->')
    nginx.file("part", "PART")
    nginx.start(server="""%s ssi on; sub_filter PART part; sub_filter_types *;
        location / { %s }""" % (use(runner), post_resp({"sleep": 0.05, "ask": ["resp_body"]})))
    r = nginx.get("/ssi.html?x=1")
    assert r.body == b"PART-1" or r.body == b"part-1"
    assert len(runner.calls) == 1
    assert runner.calls[0].answers[0].startswith(b"<!--#include")


def test_mirror_and_auth_request(nginx, runner, upstream):
    nginx.start(server="""%s
        location / { mirror /mirror; auth_request /auth; %s %s %s }
        location /mirror { internal; proxy_pass http://127.0.0.1:%d/mirrored; }
        location /auth { internal; proxy_pass http://127.0.0.1:%d/auth;
                         proxy_pass_request_body off; proxy_set_header Content-Length ""; }""" % (
        use(runner), pre_req({"ask": ["req_body"], "rewrite": {"body": "changed"}}),
        post_resp({}), proxy(upstream), upstream.port, upstream.port))
    r = nginx.get("/", method="POST", body="original")
    assert r.status == 200 and json.loads(r.body)["body"] == "changed"
    wait_for(lambda: len(upstream.requests) == 3)
    bodies = {target: body for _, target, _, body in upstream.requests}
    assert bodies["/mirrored"] == b"changed" and bodies["/auth"] == b""


def test_limits_and_proxy_cache(nginx, runner, upstream):
    nginx.start(http="proxy_cache_path %s/cache keys_zone=c:1m; limit_req_zone $uri zone=l:1m "
                     "rate=1000r/s;" % nginx.root, server="""%s limit_rate 4m; limit_req zone=l
        burst=10; proxy_cache c; proxy_cache_valid 200 1m; location / { %s %s }""" % (
        use(runner), post_resp({"sleep": 0.02, "ask": ["resp_body"],
                                "resp": {"headers": [["X", "y"]]}}), proxy(upstream)))
    upstream.answer = lambda *request: b"HTTP/1.1 200 OK\r\n\r\n" + BIG
    for _ in range(3):
        r = nginx.get("/")
        assert r.body == BIG and r.header("x") == "y"
    assert len(upstream.requests) == 1
    assert [c.answers for c in runner.calls] == [[BIG]] * 3


@pytest.mark.parametrize("what", [{"ask": ["req_body"]}, {"rewrite": {"body": "new"}}])
def test_a_body_that_is_too_large_and_an_error_page(nginx, runner, what):
    """As in test_redirects, with HTTP/2: the body has no length that is known before."""
    port, line = listen(nginx, "http2")
    nginx.file("large.html", "large")
    nginx.start(server="%s client_max_body_size 1k; error_page 413 /large.html; %s %s %s" % (
        line, use(runner), pre_req(what), post_resp({})))
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")

    def page():
        """nginx resets the stream behind the page, and curl may see that first."""
        done = subprocess.run(["curl", "-sS", "-m", "15", "--http2-prior-knowledge", "-T", "-",
                               "-w", " %{http_code}", "http://127.0.0.1:%d/" % port],
                              input=b"x" * 5000, capture_output=True, timeout=20)
        assert done.returncode in (0, 16, 52, 55, 56, 92), done  # but not 28, a timeout
        assert done.returncode or done.stdout == b"large 413", done
        return done.returncode == 0
    wait_for(page)
    assert all(line.startswith("GET /large.html 413 ") for line in nginx.access())
