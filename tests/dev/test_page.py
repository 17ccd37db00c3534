# SPDX-License-Identifier: Apache-2.0
"""The page /_dev/: what it is made of, its events, and how it looks in a browser."""
import http.client
import json
import os
import re
import shutil
import subprocess

import pytest

from dev import ROOT

CHROMIUM = shutil.which("chromium")


@pytest.fixture
def gateway(dev):
    gateway = dev()
    up = gateway.upstream()
    gateway.routes({
        "routes": [
            {"id": "say", "uri": "/get", "plugins": gateway.say("hello")},
            {"id": "rewrite", "uri": "/rewrite*", "upstream_id": "echo", "plugins": {
                "ext-plugin-pre-req": {"conf": [{"name": "request-rewrite", "value": json.dumps(
                    {"path": "/new", "headers": {"set": {"x-from": "plugin"}}})}]},
                "ext-plugin-post-resp": {"conf": [{"name": "response-rewrite", "value": json.dumps(
                    {"headers": {"x-rewritten": "<b>yes</b>"},
                     "filters": [{"regex": "^GET", "replace": "GOT"}]})}]}}},
            {"id": "down", "uri": "/down",
             "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}},
            {"id": "wrong", "uri": "/wrong", "upstream_id": "echo", "plugins": {
                "ext-plugin-pre-req": {"conf": [{"name": "sya", "value": ""}]}}},
        ],
        "upstreams": [{"id": "echo", **up}]})
    gateway.command[gateway.command.index("--data"):] = [
        "--routes", str(gateway.folder / "apisix.yaml")]
    return gateway.start()


def use(gateway):
    assert gateway.get("/get").status == 200
    assert gateway.get("/rewrite/1?a=1").text.startswith("GOT /new?a=1")
    assert gateway.get("/down").status == 502
    assert gateway.get("/wrong").status == 503
    assert gateway.get("/none?<script>alert(1)</script>").status == 404
    gateway.logged("no route")


def test_state(gateway):
    use(gateway)
    state = gateway.get("/_dev/state").json
    requests = {request["line"].split("?")[0]: request for request in state["requests"]}
    say = requests["GET /get"]
    assert say["status"] == 200 and say["route"] == "say" and say["upstream"] == ""
    call, = say["calls"]
    assert call["plugins"] == ["say"] and call["phase"] == "pre-req"
    assert call["did"] == "answered 200"
    assert {"mark": "+", "what": "header", "name": "X-Resp-A6-Runner", "value": "C"} in \
        call["changes"]
    assert {"mark": "+", "what": "body", "value": "hello"} in call["changes"]

    first, second = requests["GET /rewrite/1"]["calls"]
    assert first["did"] == "changed the request"
    assert {"mark": "~", "what": "path", "value": "/new"} in first["changes"]
    assert {"mark": "+", "what": "header", "name": "x-from", "value": "plugin"} in first["changes"]
    assert second["phase"] == "post-resp" and second["asked"] == ["response body"]
    assert {"mark": "+", "what": "response header", "name": "x-rewritten",
            "value": "<b>yes</b>"} in second["changes"]

    assert requests["GET /wrong"]["calls"][0]["error"].startswith("the runner answered with")
    assert requests["GET /none"]["route"] == ""
    problems = " ".join(problem["text"] for problem in state["problems"])
    assert "the upstream http://127.0.0.1:1 refuses connections" in problems
    assert 'no plugin is named "sya"' in problems
    plugins = {plugin["name"]: plugin for plugin in state["plugins"]}
    assert plugins["say"]["version"] == "1.0.0" and plugins["say"]["calls"] == 1
    assert plugins["sya"]["errors"] == 1
    assert [route["id"] for route in state["routes"]["routes"]][:2] == ["say", "rewrite"]


def test_last_hundred(gateway):
    for i in range(130):
        gateway.get("/get?%d" % i)
    gateway.logged(r"200 GET /get\?129 ")
    requests = gateway.get("/_dev/state").json["requests"]
    assert [request["line"] for request in requests] == ["GET /get?%d" % i for i in range(30, 130)]
    assert all(len(request["calls"]) == 1 for request in requests)


def read_event(response):
    event = {}
    while True:
        line = response.readline().decode().rstrip("\n")
        assert line or event, "the stream has ended"
        if not line and "data" in event:
            return event
        if line:
            name, _, value = line.partition(": ")
            event[name] = value


def test_events(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("GET", "/_dev/events")
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    gateway.get("/get")
    event = read_event(response)
    assert event["event"] == "request"
    assert json.loads(event["data"])["calls"][0]["plugins"] == ["say"]
    # A stream ends when routes change: it must not hold up the workers that leave.
    text = (gateway.folder / "apisix.yaml").read_text()
    gateway.routes(text.replace("hello", "hullo"), end="")
    gateway.logged("new routes are served")
    assert response.read() == b""
    connection.close()


def test_only_for_this_machine(gateway):
    assert gateway.get("/_dev/state", Host="evil.example").status == 403
    for host in ("localhost:9080", "127.0.0.1", "[::1]:9080"):
        assert gateway.get("/_dev/state", Host=host).status == 200
    page = gateway.get("/_dev/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)
    moved = gateway.get("/_dev")
    assert moved.status == 301


def browse(gateway, folder, *options):
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--user-data-dir=%s" % (folder / "chromium"), "--virtual-time-budget=4000",
         "--window-size=1280,900", *options, "http://127.0.0.1:%d/_dev/?still" % gateway.port],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=90,
        env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_in_a_browser(gateway, folder):
    use(gateway)
    text = browse(gateway, folder, "--dump-dom")
    assert 'data-loaded="yes"' in text
    for wanted in ("GET /get", "answered 200", "response-rewrite", "header x-from: plugin",
                   "asked for", "refuses connections", "no plugin is named"):
        assert wanted in text, wanted
    # What a request wrote is text.
    assert "<script>alert" not in text and "&lt;b&gt;yes&lt;/b&gt;" in text
    picture = folder / "page.png"
    browse(gateway, folder, "--screenshot=%s" % picture, "--hide-scrollbars")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 20000
    if os.environ.get("A6_SCREENSHOT"):
        shutil.copy(picture, ROOT / "docs/dev-page.png")
