# SPDX-License-Identifier: Apache-2.0
"""pre_req and post_req: what a call says and what its reply does."""
import json


def conf(what):
    """JSON as an nginx word: nginx takes backslashes for its own."""
    return "'%s'" % json.dumps(what).replace("\\", "\\\\").replace("'", "\\'")


def server(runner, *plugins, more=""):
    lines = ["ext_plugin_runner unix:%s;" % runner.path]
    lines += plugins
    return "\n".join(lines) + "\n" + more


def pre_req(what):
    return "ext_plugin_pre_req do %s;" % conf(what)


def test_hello(nginx, runner):
    nginx.start(server=server(runner, pre_req({"stop": {"body": "hello\n"}})))
    r = nginx.get("/any/path?x=1")
    assert (r.status, r.body) == (200, b"hello\n")
    assert r.header("content-length") == "6"
    assert r.header("content-type") == "text/plain"
