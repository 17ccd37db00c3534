# SPDX-License-Identifier: Apache-2.0
"""The Admin API: APISIX's statuses and answers, storage, and what is live when."""
import http.client
import json
import threading
import time

import pytest

from dev import KEY


@pytest.fixture
def gateway(dev):
    return dev().start()


def test_put_get_delete(gateway):
    route = {"uri": "/get", "plugins": gateway.say("hello"), "upstream": gateway.upstream()}
    answer = gateway.admin("PUT", "routes/1", route)
    assert answer.status == 201, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-api-version"] == "v3"
    assert answer.json["key"] == "/apisix/routes/1"
    value = answer.json["value"]
    assert value["id"] == "1" and value["uri"] == "/get"
    assert value["create_time"] == value["update_time"]

    # Live when it is answered, on the next request.
    hello = gateway.get("/get")
    assert (hello.status, hello.body) == (200, b"hello")
    assert hello.headers["x-resp-a6-runner"] == "C"

    route["plugins"] = gateway.say("hullo")
    assert gateway.admin("PUT", "routes/1", route).status == 200
    assert gateway.get("/get").body == b"hullo"

    one = gateway.admin("GET", "routes/1")
    assert one.status == 200 and one.json["value"]["plugins"] == route["plugins"]
    assert one.json["modifiedIndex"] > one.json["createdIndex"]
    listed = gateway.admin("GET", "routes").json
    assert listed["total"] == 1 and listed["list"] == [one.json]

    gone = gateway.admin("DELETE", "routes/1")
    assert gone.status == 200
    assert gone.json == {"deleted": "1", "key": "/apisix/routes/1"}
    assert gateway.get("/get").status == 404
    assert gateway.get("/get").json == {"error_msg": "404 Route Not Found"}
    for method in ("GET", "DELETE"):
        answer = gateway.admin(method, "routes/1")
        assert answer.status == 404 and answer.json == {"message": "Key not found"}
    assert gateway.admin("GET", "routes").json == {"total": 0, "list": []}


def test_both_ports(gateway):
    route = {"uri": "/a", "plugins": gateway.say("a")}
    assert gateway.admin("PUT", "routes/a", route, port=gateway.port).status == 201
    assert gateway.admin("GET", "routes/a", port=gateway.admin_port).status == 200
    assert gateway.get("/a").body == b"a"


def test_key(gateway):
    for key, why in ((None, "missing apikey"), ("wrong", "wrong apikey")):
        answer = gateway.admin("GET", "routes", key=key)
        assert answer.status == 401
        assert answer.json == {"error_msg": "failed to check token", "description": why}
    gateway.logged("key of APISIX's documentation")
    assert gateway.admin("GET", "routes?api_key=" + KEY, key=None).status == 200
    assert gateway.get("/apisix/admin/routes", Cookie="x_api_key=" + KEY).status == 200
    # The argument is looked at first.
    assert gateway.admin("GET", "routes?api_key=wrong").status == 401


def test_key_can_be_left_out(dev):
    gateway = dev(config="deployment: {admin: {admin_key_required: false}}\n").start()
    assert gateway.admin("GET", "routes", key=None).status == 200
    assert "key of APISIX's documentation" not in gateway.log()


def test_pages(gateway):
    value = {"uri": "/", "plugins": {}}
    for i in range(12):
        assert gateway.admin("PUT", "routes/%d" % i, value).status == 201
    for page, wanted in ((1, range(10)), (2, range(10, 12)), (3, ())):
        answer = gateway.admin("GET", "routes?page=%d&page_size=10" % page)
        assert answer.json["total"] == 12
        assert [e["value"]["id"] for e in answer.json["list"]] == [str(i) for i in wanted]


def test_parts_of_a_list(gateway):
    routes = {"a": {"uri": "/orders", "name": "one", "labels": {"env": "test"}},
              "b": {"uris": ["/x", "/orders/*"], "name": "two", "labels": {"env": "prod"}},
              "c": {"uri": "/other"}}
    for id, route in routes.items():
        assert gateway.admin("PUT", "routes/" + id, {**route, "plugins": {}}).status == 201
    for query, wanted in (("uri=^/ord", "ab"), ("uri=/x$", "b"), ("name=w", "b"), ("label=env", "ab"),
                          ("label=en", ""), ("name=o&uri=rs$&label=env", "a"), ("name=nix", "")):
        answer = gateway.admin("GET", "routes?" + query).json
        assert "".join(entry["value"]["id"] for entry in answer["list"]) == wanted, query
        assert answer["total"] == len(wanted)


def test_own_keys(dev):
    gateway = dev(config="""
deployment:
  admin:
    admin_key:
      - {name: admin, key: secret, role: admin}
      - {name: viewer, key: look, role: viewer}
""").start()
    assert gateway.admin("GET", "routes").status == 401
    assert gateway.admin("GET", "routes", key="secret").status == 200
    assert gateway.admin("GET", "routes", key="look").status == 200
    answer = gateway.admin("PUT", "routes/1", {"uri": "/"}, key="look")
    assert answer.status == 401
    assert answer.json["description"] == "invalid method for role viewer"
    assert "key of APISIX's documentation" not in gateway.log()


def test_post_and_patch(gateway):
    answer = gateway.admin("POST", "routes", {"uri": "/p", "plugins": gateway.say("one")})
    assert answer.status == 201
    place = answer.json["key"].replace("/apisix/", "")
    assert gateway.get("/p").body == b"one"

    answer = gateway.admin("PATCH", place, {"plugins": gateway.say("two"), "desc": "x"})
    assert answer.status == 200 and answer.json["value"]["uri"] == "/p"
    assert gateway.get("/p").body == b"two"
    answer = gateway.admin("PATCH", place, {"desc": None})
    assert "desc" not in answer.json["value"]
    answer = gateway.admin("PATCH", place + "/uri", json.dumps("/q"))
    assert answer.status == 200
    assert gateway.get("/q").body == b"two" and gateway.get("/p").status == 404
    assert gateway.admin("PATCH", "routes/none", {"uri": "/"}).status == 404
    assert gateway.admin("PATCH", place + "/a/b/c", "1").status == 400
    assert gateway.admin("POST", "routes", {"id": "1", "uri": "/"}).json == {
        "error_msg": "wrong route id, do not need it"}


@pytest.mark.parametrize("method, path, body, status, why", [
    ("PUT", "routes/1", "{", 400, "invalid request body: line 1"),
    ("PUT", "routes/1", "", 400, "missing configurations"),
    ("PUT", "routes/1", "[]", 400, "must be an object"),
    ("PUT", "routes", '{"uri":"/"}', 400, "missing route id"),
    ("PUT", "routes/1", '{"id":2,"uri":"/"}', 400, "wrong route id"),
    ("PUT", "routes/a%20b", '{"uri":"/"}', 400, "an id is"),
    ("PUT", "routes/1", '{}', 400, "has neither uri nor uris"),
    ("PUT", "routes/1", '{"uri":"/","create_time":1}', 400, "forbidden: create_time"),
    ("PUT", "routes/1", '{"uri":"/","upstream":{"update_time":1}}', 400,
     "forbidden: upstream.update_time"),
    ("PATCH", "routes/good", "", 400, "missing new configuration"),
    ("PATCH", "routes/good/uri/x", "1", 400, "invalid sub-path: /uri/x"),
    ("GET", "routes?page=1&page_size=5", "", 400, "page_size must be between 10 and 500"),
    ("GET", "routes?uri=[", "", 400, "invalid argument uri: not a regular expression"),
    ("PUT", "routes/1?ttl=60", '{"uri":"/","plugins":{}}', 400, "ttl is not supported here"),
    ("POST", "global_rules", '{"plugins":{}}', 405, "not supported `POST` method for global rule"),
    ("PUT", "global_rules", '{"plugins":{}}', 400, "missing global rule id"),
    ("PUT", "routes/1", '{"uri":"/","prioritty":1}', 400, "did you mean 'priority'"),
    ("PUT", "routes/1", '{"uri":"/_dev/x","plugins":{}}', 400, "'/_dev/x' is this gateway's own"),
    ("PUT", "routes/1", '{"uri":"/","plugins":{},"labels":{"a":1}}', 400,
     "labels: a: must be a string, not a number"),
    ("PUT", "routes/1", '{"uri":"/","priority":1.5}', 400, "not a number with a fraction"),
    ("PUT", "routes/1", '{"uri":"/","enable_websocket":true}', 400,
     "routes/1: the key 'enable_websocket' is not supported here"),
    ("PUT", "routes/1", '{"uri":"/","plugins":{"key-auth":{}}}', 400,
     "'key-auth' is not supported here"),
    ("PUT", "routes/1", '{"uri":"/","upstream_id":7}', 400, "there is no upstream '7'"),
    ("PUT", "routes/1", '{"uri":"/","upstream":{"type":"chash","nodes":{"a":1}}}', 400,
     "routes/1: upstream: type: 'chash' is not supported here"),
    ("PUT", "routes/1", '{"uri":"/","upstream":{"nodes":{"no-such-host.invalid:80":1}}}', 400,
     "host not found in upstream"),
    ("PUT", "routes/1", '{"uri":"/","plugins":{},"vars":[["nonsense","==","1"]]}', 400,
     'invalid configuration: nginx: unknown "nonsense" variable'),
    ("PUT", "routes/1", '{"uri":"/","plugins":{},"vars":[["OR",["uri","==","/"],["uri","==","/"]]]}',
     400, "AND, OR and nested lists are not supported here"),
    ("PUT", "routes/1", '{"uri":"/","plugins":{},"vars":[["arg_a","in",[7]]]}', 400, 'write "7"'),
    ("PUT", "routes/1", json.dumps({"uri": "/", "plugins": {}, "vars": [["uri", "~=", "x" * 4001]]}),
     400, "longer than 4000 bytes"),
    ("PUT", "routes/1",
     '{"uri":"/","plugins":{"ext-plugin-pre-req":{"conf":[{"name":"say","value":{}}]}}}', 400,
     "plugins: ext-plugin-pre-req: conf: value: must be a string"),
    ("GET", "consumers", "", 404, "Unsupported resource type: consumers"),
    ("OPTIONS", "routes", "", 404, "not found"),
])
def test_errors(gateway, method, path, body, status, why):
    gateway.admin("PUT", "routes/good", {"uri": "/good", "plugins": gateway.say("good")})
    answer = gateway.admin(method, path, body or None)
    assert answer.status == status, answer
    assert why in answer.json["error_msg"]
    assert gateway.get("/good").body == b"good"
    assert gateway.admin("GET", "routes").json["total"] == 1


def test_references(gateway):
    assert gateway.admin("PUT", "upstreams/u", gateway.upstream()).status == 201
    assert gateway.admin("PUT", "services/s", {"upstream_id": "u",
                                               "plugins": gateway.say("service")}).status == 201
    assert gateway.admin("PUT", "routes/1", {"uri": "/s", "service_id": "s"}).status == 201
    assert gateway.admin("PUT", "routes/2", {"uri": "/u", "upstream_id": "u"}).status == 201
    assert gateway.get("/s").body == b"service"
    assert gateway.get("/u").headers["x-upstream"] == "echo"
    answer = gateway.admin("DELETE", "services/s")
    assert answer.status == 400
    assert answer.json["error_msg"] == ("can not delete this service directly, route [1] is still "
                                        "using it now")
    answer = gateway.admin("DELETE", "upstreams/u")
    assert answer.status == 400
    assert answer.json["error_msg"] == "can not delete this upstream, route [2] is still using it now"
    for path in ("routes/1", "routes/2", "services/s", "upstreams/u"):
        assert gateway.admin("DELETE", path).status == 200
    rule = {"plugins": gateway.say("rule")}
    assert gateway.admin("PUT", "global_rules/1", rule).status == 201
    assert gateway.get("/anything").body == b"rule"


def test_restart_keeps_them(dev):
    first = dev().start()
    for i in (3, 1, 2):
        first.admin("PUT", "routes/%d" % i, {"uri": "/%d" % i, "plugins": first.say(str(i))})
    first.admin("DELETE", "routes/1")
    first.stop()
    second = dev().start()
    listed = second.admin("GET", "routes").json["list"]
    assert [entry["key"] for entry in listed] == ["/apisix/routes/3", "/apisix/routes/2"]
    assert second.get("/3").body == b"3" and second.get("/1").status == 404
    answer = second.admin("PUT", "routes/4", {"uri": "/4", "plugins": {}})
    indexes = [entry["modifiedIndex"] for entry in second.admin("GET", "routes").json["list"]]
    assert answer.status == 201 and len(set(indexes)) == 3


def test_broken_store(dev, folder):
    (folder / "data/routes").mkdir(parents=True)
    (folder / "data/routes/1.json").write_text("{")
    status, log = dev().fails()
    assert status == 1 and "data/routes/1.json: line 1: not JSON" in log
    (folder / "data/routes/1.json").unlink()
    (folder / "data/routes/.1.new").write_text("{")
    dev().start().stop()


def test_no_request_is_lost(gateway):
    """Routes change all the time, while clients ask: each gets one of the right answers."""
    route = {"uri": "/n", "plugins": gateway.say("0")}
    gateway.admin("PUT", "routes/n", route)
    gateway.admin("PUT", "routes/up", {"uri": "/up*", "upstream": gateway.upstream()})
    stop, wrong, count = threading.Event(), [], [0]

    def ask(path):
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            try:
                connection.request("POST", path, body="x" * 1000)
                response = connection.getresponse()
                text = response.read().decode()
                good = text.isdigit() if path == "/n" else text.endswith("x" * 1000)
                if response.status != 200 or not good:
                    wrong.append((path, response.status, text[:200]))
                count[0] += 1
            except OSError as error:
                wrong.append((path, error))
            finally:
                connection.close()

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/n", "/up/1") * 2]
    for thread in threads:
        thread.start()
    slowest = 0
    for i in range(1, 11):
        route["plugins"] = gateway.say(str(i))
        start = time.monotonic()
        assert gateway.admin("PUT", "routes/n", route).status == 200
        slowest = max(slowest, time.monotonic() - start)
        assert gateway.get("/n").body == str(i).encode()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert count[0] > 20
    print("slowest change: %.0f ms" % (slowest * 1000))


def test_standalone_takes_no_changes(dev):
    gateway = dev(routes={"routes": [{"id": "x", "uri": "/x", "plugins": {}}]}).start()
    assert gateway.admin("GET", "routes/x").json["value"]["uri"] == "/x"
    assert gateway.admin("GET", "routes").json["total"] == 1
    answer = gateway.admin("PUT", "routes/x", {"uri": "/y"})
    assert answer.status == 400 and "apisix.yaml: change them there" in answer.json["error_msg"]


def test_large_body(gateway):
    answer = gateway.admin("PUT", "routes/1", b" " * (1600 << 10))
    assert answer.status == 400 and "1.5 MiB" in answer.json["error_msg"]
    text = "y" * 100000
    route = {"uri": "/y", "plugins": gateway.say(text)}
    assert gateway.admin("PUT", "routes/1", route, key=KEY).status == 201
    assert gateway.get("/y").text == text
