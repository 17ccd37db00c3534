# SPDX-License-Identifier: Apache-2.0
"""Which route a request goes to, what the upstream gets, and routes from a file."""
import http.server
import json
import threading
import time

import pytest

from dev import wait_until


def say(text, **more):
    return {"plugins": {"ext-plugin-pre-req": {"conf": [
        {"name": "say", "value": json.dumps({"body": text})}]}}, **more}


@pytest.fixture
def serve(dev):
    def make(routes, **more):
        return dev(routes={"routes": routes, **more}).start()
    return make


def test_matching(serve):
    gateway = serve([
        say("prefix", uri="/a/*"),
        say("longer", uri="/a/b/*"),
        say("exact", uri="/a/b/c"),
        say("low", uri="/p", priority=-1),
        say("high", uri="/p", priority=5),
        say("first", uri="/same"),
        say("second", uri="/same"),
        say("host", uri="/h", host="One.example"),
        say("wild", uri="/h", hosts=["*.two.example", "three.example"]),
        say("wilder", uri="/h", hosts=["*.a.two.example"]),
        say("any host", uri="/h"),
        say("all of host", uri="/*", host="four.example"),
        say("post", uri="/m", methods=["POST", "PUT"]),
        say("here", uri="/addr", remote_addrs=["10.0.0.0/8", "127.0.0.0/8"]),
        say("there", uri="/addr2", remote_addr="10.1.2.3"),
        say("off", uri="/off", status=0),
        say("odd", uri="/odd.(x)+$'\"\\{}%;#"),
        say("many", uris=["/u1", "/u2*"]),
        say("utf", uri="/\u00fc"),
        say("near", uris=["/apisix/administrator", "/_device"]),
    ])
    cases = [
        ("/a/x", "prefix"), ("/a/b/x", "longer"), ("/a/b/c", "exact"), ("/a/b/c/", "longer"),
        ("/a/", "prefix"), ("/a", None), ("/p", "high"), ("/same", "first"), ("/h", "any host"),
        ("/m", None), ("/addr", "here"), ("/addr2", None), ("/off", None), ("/u1", "many"),
        ("/u1x", None), ("/u2", "many"), ("/u2/x", "many"), ("/h?x=/p", "any host"),
        ("/odd.(x)+$'%22%5C%7B%7D%25;%23", "odd"), ("/oddy(x)+$'%22%5C%7B%7D%25;%23", None),
        ("/%C3%BC", "utf"), ("/%68", "any host"), ("/h%0A", None), ("/x/../p", "high"), ("/P", None),
        ("/apisix/administrator", "near"), ("/_device", "near"),
    ]
    for path, wanted in cases:
        answer = gateway.get(path)
        assert (answer.text if answer.status == 200 else None) == wanted, (path, answer)
    hosts = [("one.example", "host"), ("ONE.example:80", "host"), ("x.one.example", "any host"),
             ("a.two.example", "wild"), ("b.a.two.example", "wilder"), ("three.example", "wild"),
             ("two.example", "any host"), ("four.example", "all of host")]
    for host, wanted in hosts:
        assert gateway.get("/h", Host=host).text == wanted, host
    assert gateway.get("/m", "POST").text == "post" and gateway.get("/m", "PUT").text == "post"
    assert gateway.get("/m", "DELETE").status == 404


def test_vars(serve):
    tests = {
        "eq": ["arg_a", "==", "1"], "ne": ["arg_a", "~=", "1"], "gt": ["arg_a", ">", 18],
        "ge": ["arg_a", ">=", "18"], "lt": ["arg_a", "<", 18], "le": ["arg_a", "<=", "18"],
        "re": ["arg_a", "~~", "^x[0-9]+$"], "ci": ["arg_a", "~*", "^x$"],
        "in": ["arg_a", "in", ["1", "b.c"]], "not": ["arg_a", "!", "==", "1"],
        "notlt": ["arg_a", "!", "<", 18],
        "num": ["arg_a", "==", 7], "minus": ["arg_a", "==", -7], "text": ["arg_a", "==", "b c&(\u00fc"],
    }
    gateway = serve([say(name, uri="/" + name, vars=[var]) for name, var in tests.items()] + [
        say("both", uri="/both", vars=[["arg_a", "==", "1"], ["http_x_y", "==", "z"]]),
        say("else", uri="/both", priority=-1)])

    def matches(value):
        query = "" if value is None else "?a=" + value
        return {name for name in tests if gateway.get("/" + name + query).status == 200}

    assert matches("1") == {"eq", "lt", "le", "in"}
    assert matches("17") == {"ne", "not", "lt", "le"}
    assert matches("18") == {"ne", "not", "ge", "le", "notlt"}
    assert matches("18.5") == {"ne", "not", "gt", "ge", "notlt"}
    assert matches("19") == matches("100") == matches("0200") == {"ne", "not", "gt", "ge", "notlt"}
    assert matches("-5") == {"ne", "not", "lt", "le"}
    assert matches("x12") == {"ne", "not", "re", "notlt"}
    assert matches("7") == matches("07.0") == {"ne", "not", "lt", "le", "num"}
    assert matches("-7") == {"ne", "not", "lt", "le", "minus"}
    assert matches("b%20c%26(%c3%BC") == matches("b+c%26%28%C3%bc") == {"ne", "not", "notlt", "text"}
    assert matches("%31") >= {"eq", "in"} and not matches("%31") & {"ne", "not"}
    assert matches("X") == {"ne", "not", "ci", "notlt"}
    assert matches("b.c") == {"ne", "not", "in", "notlt"}
    assert matches("bxc") == {"ne", "not", "notlt"}
    assert matches(None) == {"ne", "not", "notlt"}
    assert gateway.get("/both?a=1", X_Y="z").text == "both"
    assert gateway.get("/both?a=1").text == "else"


def test_upstream_gets_the_request(dev):
    gateway = dev()
    gateway.routes({"routes": [
        {"uri": "/pass*", "upstream": gateway.upstream()},
        {"uri": "/node", "upstream": gateway.upstream(pass_host="node")},
        {"uri": "/rewrite", "upstream": gateway.upstream(pass_host="rewrite",
                                                         upstream_host="other.example")},
        {"uri": "/nodes", "upstream": {"scheme": "http", "timeout": {
            "connect": 1, "send": 2.5, "read": 3}, "retries": 1, "nodes": [
                {"host": "127.0.0.1", "port": gateway.echo_port, "weight": 1},
                {"host": "localhost", "port": gateway.echo_port, "weight": 0}]}},
        {"uri": "/retry", "upstream": {"retries": 1, "nodes": {
            "127.0.0.1:1": 1, "127.0.0.1:%d" % gateway.echo_port: 1}}},
        {"uri": "/once", "upstream": {"retries": 0, "nodes": {
            "127.0.0.1:1": 1, "127.0.0.2:1": 1}}},
        {"uri": "/none", "plugins": {}},
    ]})
    start_with_routes(gateway)
    text = gateway.get("/pass/a%2Fb//c%20d?x=%26&y", "POST", "b\0dy" * 50000, X_Own="1").text
    assert text.startswith("POST /pass/a%2Fb//c%20d?x=%26&y HTTP/1.1\n"), text[:200]
    assert "X-Own: 1" in text and "X-Forwarded-For: 127.0.0.1" in text
    assert text.endswith("b\0dy" * 50000)
    assert "Host: a.example" in gateway.get("/pass", Host="a.example").text
    assert "Host: 127.0.0.1:%d" % gateway.echo_port in gateway.get("/node").text
    assert "Host: other.example" in gateway.get("/rewrite").text
    assert gateway.get("/nodes").status == 200
    assert [gateway.get("/retry").status for _ in range(4)] == [200] * 4
    assert gateway.get("/once").status == 502
    assert gateway.get("/none").status == 503
    assert gateway.get("/pass", "HEAD").body == b""


def start_with_routes(gateway):
    gateway.command[gateway.command.index("--data"):] = [
        "--routes", str(gateway.folder / "apisix.yaml")]
    return gateway.start()


def chain(name, value, **more):
    return {"conf": [{"name": name, "value": json.dumps(value)}], **more}


def header(name, value):
    return {"headers": {"add": {name: value}}}


def test_plugins_of_everyone(dev):
    """Global rules, the service's and the route's, each in its phase and once."""
    gateway = dev()
    up = gateway.upstream()
    gateway.routes({
        "upstreams": [{"id": "u", **up}],
        "services": [{"id": "s", "upstream_id": "u", "plugins": {
            "ext-plugin-pre-req": chain("request-rewrite", header("x-order", "service-pre")),
            "ext-plugin-post-req": chain("request-rewrite", header("x-order", "service-post"),
                                         allow_degradation=True)}}],
        "global_rules": [
            {"id": 1, "plugins": {
                "ext-plugin-pre-req": chain("request-rewrite", header("x-order", "rule1-pre")),
                "ext-plugin-post-req": chain("request-rewrite", header("x-order", "rule1-post"))}},
            {"id": 2, "plugins": {
                "ext-plugin-pre-req": chain("request-rewrite", header("x-order", "rule2-pre"))}}],
        "routes": [{"uri": "/s", "service_id": "s", "plugins": {
            "ext-plugin-pre-req": chain("request-rewrite", header("x-order", "route-pre")),
            "ext-plugin-post-resp": chain("response-rewrite", {"headers": {"x-last": "yes"}})}}]})
    start_with_routes(gateway)
    answer = gateway.get("/s", "POST", "body")
    assert answer.status == 200 and answer.headers["x-last"] == "yes", answer
    seen = [line.split(": ")[1] for line in answer.text.splitlines() if line.startswith("x-order")]
    order = ",".join(seen).replace(" ", "").split(",")
    wanted = ["rule1-pre", "rule1-post", "rule2-pre", "route-pre", "service-post"]
    assert sorted(order) == sorted(wanted), answer.text
    gateway.logged("200 POST /s ")
    line, = [line for line in gateway.log().splitlines() if "200 POST /s " in line]
    assert line.count("request-rewrite") == 5 and line.count("response-rewrite") == 1, line
    assert line.count("changed the request: +header x-order") == 1, line
    assert line.count("changed the request: ~header x-order") == 4 and "+header x-last" in line
    # Global rules run where no route matches, too.
    assert gateway.get("/nix").status == 404
    gateway.logged("404 GET /nix .*no route: pre-req request-rewrite")


def test_disabled_on_the_route(dev):
    """A route's plugin takes the place of its service's, also when it is disabled."""
    gateway = dev()
    off = {"ext-plugin-pre-req": {**chain("say", {"body": "route"}), "_meta": {"disable": True}}}
    gateway.routes({
        "services": [{"id": "s", "upstream": gateway.upstream(), "plugins": gateway.say("service")}],
        "routes": [{"id": 1, "uri": "/off", "service_id": "s", "plugins": off},
                   {"id": 2, "uri": "/on", "service_id": "s"}]})
    start_with_routes(gateway)
    assert gateway.get("/on").text == "service"
    assert gateway.get("/off").headers["x-upstream"] == "echo"


def test_objects_as_the_gateway_gives_them(dev):
    """What APISIX adds to objects that it is asked for can be given back."""
    gateway = dev()
    node = {"host": "127.0.0.1", "port": gateway.echo_port, "weight": 1, "priority": 0}
    gateway.routes({"routes": [{
        "id": "1", "uri": "/x", "name": "x", "priority": 0, "status": 1, "create_time": 1,
        "update_time": 2, "host": "*",
        "upstream": {"type": "roundrobin", "hash_on": "vars", "scheme": "http", "pass_host": "pass",
                     "nodes": [node], "retry_timeout": 0.5}}]})
    start_with_routes(gateway)
    assert gateway.get("/x").headers["x-upstream"] == "echo"


def test_names_of_those_without(serve):
    """A place is an id where there is none, and no other route has it."""
    gateway = serve([say("a", uri="/a"), say("b", uri="/b", id=1), say("c", uri="/c", id="x")])
    assert [gateway.get("/" + name).text for name in "abc"] == ["a", "b", "c"]
    ids = [entry["value"]["id"] for entry in gateway.admin("GET", "routes").json["list"]]
    assert ids == ["arr_1", 1, "x"]


def test_variables_in_files(dev):
    gateway = dev(environment={"A6_TEST_URI": "/from-env"}, config="""\
deployment: {admin: {admin_key: [{name: a, key: "${{ A6_TEST_KEY:= secret }}", role: admin}]}}
""", routes="""\
routes:
  - id: 1
    uri: ${{A6_TEST_URI}}
    priority: ${{A6_TEST_PRIORITY:=7}}
    plugins:
      ext-plugin-pre-req:
        conf: [{name: say, value: '{"body":"${{A6"}'}]
""").start()
    assert gateway.get("/from-env").text == "${{A6"
    route = gateway.admin("GET", "routes/1", key="secret").json["value"]
    assert route["priority"] == 7


def test_degradation_is_each_plugins_own(dev):
    gateway = dev()
    gateway.routes({"routes": [
        {"id": "1", "uri": "/on", "upstream": gateway.upstream(), "plugins": {
            "ext-plugin-pre-req": chain("missing", "", allow_degradation=True),
            "ext-plugin-post-req": chain("request-rewrite", header("x-by", "post"))}},
        {"id": "2", "uri": "/off", "upstream": gateway.upstream(), "plugins": {
            "ext-plugin-pre-req": chain("request-rewrite", header("x-by", "pre"),
                                        allow_degradation=True),
            "ext-plugin-post-req": chain("missing", "")}},
        {"id": "3", "uri": "/disabled", "upstream": gateway.upstream(), "plugins": {
            "ext-plugin-pre-req": chain("missing", "", _meta={"disable": True})}}]})
    start_with_routes(gateway)
    assert "x-by: post" in gateway.get("/on").text
    assert gateway.get("/off").status == 503
    assert gateway.get("/disabled").status == 200


def test_file_is_read_again(dev):
    gateway = dev(routes={"routes": [say("one", uri="/x")]}).start()
    assert gateway.get("/x").text == "one"
    start = time.monotonic()
    gateway.routes({"routes": [say("two", uri="/x")]})
    wait_until(lambda: gateway.get("/x").text == "two", "the new route")
    print("live after %.0f ms" % ((time.monotonic() - start) * 1000))
    for text, end, why in (
            ('{"routes": [\n', "#END\n", "not YAML"),
            ('{"routes": []}\n', "", "does not end with the line #END"),
            ('{"routes": [{"uri": "x"}]}\n', "#END\n", "routes/1: uri: 'x' must begin with '/'"),
            ('{"rutes": []}\n', "#END\n", "'rutes' is not supported here; did you mean 'routes'"),
            ('{"routes": [{"uri": "/", "upstream": {"nodes": {"nix.invalid": 1}}}]}\n', "#END\n",
             "host not found in upstream")):
        gateway.routes(text, end)
        gateway.logged("%s.*the last good routes stay" % why.replace("(", "[(]"))
        assert gateway.get("/x").text == "two"
    gateway.routes({"routes": [say("three", uri="/x")]})
    wait_until(lambda: gateway.get("/x").text == "three", "the good route")


def test_yaml_as_people_write_it(dev):
    gateway = dev(routes="""\
routes:
  - id: 7            # a number
    uri: /get
    methods: [GET]
    plugins: &chain
      ext-plugin-pre-req:
        conf:
          - name: say
            value: |
              {"body": "from yaml"}
  - {uri: /other, plugins: *chain, desc: ~, labels: {a: "1"}}
upstreams: []
""").start()
    assert gateway.get("/get").text == "from yaml"
    assert gateway.get("/other").text == "from yaml"
    assert [r["value"]["id"] for r in gateway.admin("GET", "routes").json["list"]] == [7, "2"]


def test_confs_reach_the_plugin_as_they_are(dev):
    """Short ones are a token of nginx's configuration, long ones and odd ones a file."""
    texts = ["\\", "\"'\\'\"", "a\\n\tb\r\nc\\", "$uri ${uri} {};#", "@x", "\u00e4\u20ac\x7f"]
    texts += [char * (base + more) for char in "x\\" for base in (990, 1980, 4090)
              for more in range(0, 12, 3)]
    gateway = dev(routes={"routes": [say(text, uri="/%d" % i) for i, text in enumerate(texts)]})
    gateway.start()
    for i, text in enumerate(texts):
        assert gateway.get("/%d" % i).text == text, i
    # Files only for those that need one: a thousand of them take a second.
    files = list(gateway.folder.glob("c-runner-dev-*/confs-*/*"))
    assert len(files) == len([text for text in texts if len(json.dumps({"body": text})) > 2000])
    # Not a file's name.
    gateway.routes({"routes": [{"uri": "/at", "plugins": {"ext-plugin-pre-req": {"conf": [
        {"name": "say", "value": "@" + str(gateway.log_path)}]}}}]})
    wait_until(lambda: gateway.get("/at").status == 503, "the route with such a conf")
    gateway.logged("say .* rejects conf .*the conf is not JSON.*@")


def test_request_in_flight_is_not_cut(dev):
    """A slow upstream answers over a change of the routes, and a removal of its own."""
    entered, leave = threading.Event(), threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            entered.set()
            leave.wait(20)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"slow")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = dev().start()
    gateway.admin("PUT", "routes/1", {"uri": "/slow", "upstream": {
        "nodes": {"127.0.0.1:%d" % server.server_port: 1}}})
    answers = []
    client = threading.Thread(target=lambda: answers.append(gateway.get("/slow")))
    client.start()
    assert entered.wait(20)
    assert gateway.admin("DELETE", "routes/1").status == 200
    assert gateway.get("/slow").status == 404
    leave.set()
    client.join()
    server.shutdown()
    assert answers[0].status == 200 and answers[0].text == "slow"
