# SPDX-License-Identifier: Apache-2.0
"""The project's own plugins and runner behind nginx: from the conf to the client."""
import json
import os
import resource
import signal
import subprocess
import time

import pytest
from nginx_rig import wait_for
from conf_lines import proxy, word


@pytest.fixture
def served(nginx, c_runner, tmp_path):
    """A c-runner that serves; its folder of plugins is the build's."""
    path = str(tmp_path / "c.sock")
    process = subprocess.Popen([str(c_runner), "run"], stdin=subprocess.DEVNULL,
                               stdout=(tmp_path / "c.log").open("wb"), stderr=subprocess.STDOUT,
                               env=dict(os.environ, APISIX_LISTEN_ADDRESS="unix:" + path))
    wait_for(lambda: os.path.exists(path), what="c-runner")
    process.path = path
    process.log = tmp_path / "c.log"
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(5)


def serve(nginx, served, upstream, locations, **more):
    lines = ["ext_plugin_runner unix:%s;" % served.path]
    for path, plugins in locations.items():
        lines.append("location %s { %s %s }" % (path, proxy(upstream), " ".join(
            "ext_plugin_%s %s %s;" % (phase, name, word(json.dumps(conf)))
            for phase, name, conf in plugins)))
    nginx.start(server="\n".join(lines), **more)


def test_all_plugins(nginx, served, upstream):
    serve(nginx, served, upstream, {
        "/say": [("pre_req", "say", {"body": "hello"})],
        "/fault": [("pre_req", "fault-injection", {"http_status": 418, "body": "tea"})],
        "/page": [("pre_req", "fault-injection", {"http_status": 403})],
        "/body": [("pre_req", "request-body-rewrite", {"new_body": "new"})],
        "/rewrite": [("pre_req", "request-rewrite", {
            "path": "/v2/é", "args": {"delete": ["debug"], "set": {"a": "1 2"}},
            "headers": {"set": {"X-Tenant": "acme"}, "delete": ["X-Old"]},
            "response_headers": {"X-Seen": "yes"}, "body": "b"})],
        "/resp": [("post_resp", "response-rewrite", {"status": 202, "headers": {"X-N": "1"},
                                                     "body": "instead"})],
        "/filter": [("post_resp", "response-rewrite", {
            "filters": [{"regex": "\"method\": \"(\\w+)\"", "replace": "\"method\": \"<$1>\""}]})],
        "/chain": [("pre_req", "request-rewrite", {"headers": {"set": {"X-Pre": "1"}}}),
                   ("pre_req", "say", {}), ("post_req", "request-rewrite",
                                            {"headers": {"set": {"X-Post": "2"}}}),
                   ("post_resp", "response-rewrite", {"headers": {"X-N": "1"}})],
        "/unknown": [("pre_req", "no-such-plugin", {})],
        "/bad": [("pre_req", "limit-req", {"rate": "many"})],
    })
    assert nginx.get("/say").body == b"hello"
    assert (nginx.get("/fault").status, nginx.get("/fault").body) == (418, b"tea")
    assert b"<center>nginx" in nginx.get("/page").body
    assert json.loads(nginx.get("/body", method="POST", body="old").body)["body"] == "new"
    r = nginx.get("/rewrite?debug=1&k=v", headers=[("X-Old", "1")])
    sent = json.loads(r.body)
    assert sent["target"] == "/v2/%C3%A9?k=v&a=1%202" and sent["body"] == "b"
    names = dict(sent["headers"])
    assert names["X-Tenant"] == "acme" and "X-Old" not in names
    assert r.header("x-seen") == "yes"
    r = nginx.get("/resp")
    assert (r.status, r.body, r.header("x-n")) == (202, b"instead", "1")
    assert r.header("x-upstream") == "lab" and r.header("content-type") == "application/json"
    assert b'"method": "<GET>"' in nginx.get("/filter").body
    r = nginx.get("/chain")
    names = dict(json.loads(r.body)["headers"])
    assert names["X-Pre"] == "1" and names["X-Post"] == "2" and r.header("x-n") == "1"
    assert nginx.get("/unknown").status == 503
    assert nginx.get("/bad").status == 503
    assert "no-such-plugin" in served.log.read_text()


def test_limit_req_counts_over_all_workers(nginx, served, upstream):
    serve(nginx, served, upstream, {
        "/": [("pre_req", "limit-req", {"rate": 0.01, "burst": 0})]}, workers=3)
    statuses = [nginx.get("/").status for _ in range(12)]
    assert statuses.count(200) == 1 and statuses.count(503) == 11


def test_no_memory_and_no_descriptor_is_lost(nginx, served, upstream):
    from test_fuzz import read_response
    serve(nginx, served, upstream, {
        "/say": [("pre_req", "say", {"body": "hello"})],
        "/body": [("pre_req", "request-body-rewrite", {"new_body": "new"})],
        "/resp": [("post_resp", "response-rewrite", {"filters": [{"regex": "a", "replace": "b"}]})],
        "/unknown": [("pre_req", "no-such-plugin", {})],
    }, level="crit")
    pid, = wait_for(nginx.workers)

    def state():
        with open("/proc/%d/statm" % pid) as f:
            pages = int(f.read().split()[1])
        return pages * resource.getpagesize(), len(os.listdir("/proc/%d/fd" % pid))

    def load(n):
        with nginx.connect() as s, s.makefile("rb") as f:
            for i in range(n):
                path = (b"say", b"body", b"resp", b"unknown")[i % 4]
                s.sendall(b"POST /%s HTTP/1.1\r\nHost: t\r\nContent-Length: 20000\r\n\r\n%s"
                          % (path, b"x" * 20000))
                read_response(f)
        for i in range(n // 20):  # and those that go away
            with nginx.connect() as s:
                s.sendall(b"POST /resp HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nx")
        time.sleep(0.1)
    load(800)
    memory, descriptors = state()
    load(4000)
    after, descriptors_after = state()
    if "A6_NGINX_SLOW" not in os.environ:  # a sanitizer keeps what was freed
        assert after - memory < 1 << 20, (memory, after)
    assert abs(descriptors_after - descriptors) <= 3
